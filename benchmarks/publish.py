"""From saved runs to the README, the documentation and its charts.

``python -m benchmarks.publish [DIR…]`` takes the report.json of each folder into
``benchmarks/results``, and writes everything anew that is made of what lies there. Without a folder
it only writes anew.
"""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Annotated, Any

import typer

from accelml.bench.charts import draw
from accelml.bench.contestant import BACKEND
from accelml.bench.report import Report, best_peer, seconds_text, significant
from accelml.bench.sizes import AXES, crossover
from accelml.bench.table import markdown, markdown_table
from accelml.bench.workloads import WORKLOADS
from accelml.costs import EVERYTHING_ELSE

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "images" / "benchmarks"
BACKENDS = ("numpy", "numba", "jax")
TITLES = {"numpy": "NumPy", "numba": "Numba", "jax": "JAX"}
CPU = RESULTS / "cpu.json"
SHORT = 3.0  # seconds: of longer fits, a start is no part that can be told
GUIDE = ROOT / "docs" / "backends.md"
COSTS = ROOT / "accelml" / "costs.json"


def merge(report: Report, file: Path) -> None:
    """Put the races and curves of a run into a committed file, in place of those of their names.

    The file is of the machine of the races; each curve keeps its own.
    """
    whole = Report.load(file) if file.exists() else Report({}, {})
    if report.workloads or not whole.workloads:
        for key in ("machine", "limits"):
            whole.content[key] = report.content[key]
    for curve in report.sizes:
        curve.setdefault("machine", report.content["machine"])
    for race in report.workloads:
        race.setdefault("limits", report.limits)  # saved before races kept them
    for key in ("workloads", "sizes"):
        new = {entry["name"]: entry for entry in report.content[key]}
        kept = [entry for entry in whole.content[key] if entry["name"] not in new]
        order = [*WORKLOADS, *AXES]
        whole.content[key] = sorted(
            [*kept, *new.values()],
            key=lambda entry: order.index(entry["name"]) if entry["name"] in order else 0,
        )
    whole.save(file)


def summary(report: Report, group: str) -> str:
    """One line a workload: the best peer, and how many times as fast each backend is."""
    lines = []
    for race in report.workloads:
        if race["name"] not in WORKLOADS or WORKLOADS[race["name"]].group != group:
            continue
        peer = best_peer([row for row in race["rows"] if "seconds" in row])
        ours = {r["library"]: r for r in race["rows"] if r["kind"] == BACKEND and "seconds" in r}
        cells = [ratio_text(ours.get(name)) for name in BACKENDS]
        name = "–" if peer is None else f"{peer['name']}, {seconds_text(peer['median'])}"
        lines.append([race["title"], name, *cells])
    return markdown(["", "best of the others", *TITLES.values()], lines)


def ratio_text(row: dict[str, Any] | None) -> str:
    """A ratio, bold where it is a gain; marked where the answer is worse."""
    if row is None or row["ratio"] is None:
        return "–"
    text = significant(row["ratio"]) + ("" if row["equal"] else " †")
    return f"**{text}**" if row["ratio"] > 1 else text


def targets(report: Report) -> str:
    """What was aimed at, beside what came of it, and how near to the machine's limit that is."""
    lines = []
    for race in report.workloads:
        aims = WORKLOADS[race["name"]].targets if race["name"] in WORKLOADS else {}
        for row in race["rows"]:
            aim = aims.get(row["library"])
            if row["kind"] == BACKEND and aim is not None and row.get("ratio") is not None:
                met = "yes" if row["ratio"] >= aim else "**no**"
                share = row["share_of_limit"]
                limit = "–" if share is None else f"{100 * share:.0f} % of {row['bound']}"
                lines.append(
                    [race["title"], row["name"], f"{aim:g}", significant(row["ratio"]), met, limit]
                )
    return markdown(["", "backend", "aim", "measured", "reached", "of the limit"], lines)


def machine_text(machine: dict[str, Any]) -> str:
    """Where figures come from."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = machine["thread_settings"] or "none set, so every library uses all cores"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB"
        f"{', ' + machine['gpu'] if machine['gpu'] else ''}; Python {machine['python']}; "
        f"{versions}. Thread settings: {threads}."
    )


def curves_text(report: Report) -> str:
    """The machines that the curves are from, where they are others than that of the races."""
    here = report.content["machine"]
    others = {machine_text(curve.get("machine", here)) for curve in report.sizes}
    return "" if others == {machine_text(here)} else "On " + " And on ".join(sorted(others)) + "\n"


def runs_text(report: Report) -> str:
    """Whether all lines come from one run, each of which measures the machine's limits anew."""
    count = len({json.dumps(race["limits"], sort_keys=True) for race in report.workloads})
    if count == 1:
        return "These lines are from one run."
    return f"These lines are from {count} runs, on machines of that description."


def page(report: Report) -> str:
    """The whole of docs/benchmarks.md."""
    machine, speed = machine_text(report.content["machine"]), summary(report, "speed")
    parts = [PREFACE.format(machine=machine, speed=speed, runs=runs_text(report))]
    parts.append(f"## Small work and import\n\n{SMALL}\n{summary(report, 'small')}")
    parts.append(summary(report, "import"))
    parts.append(f"## Aims\n\n{AIMS}\n{targets(report)}")
    parts.append(f"## What stands in the way\n\n{OBSTACLES}")
    if report.sizes:
        parts.append(f"## Cost against size\n\n{SIZES}{curves_text(report)}\n{crossovers(report)}")
        parts += [
            f"![{curve['title']}: seconds against size](images/benchmarks/{curve['name']}.png)\n"
            for curve in report.sizes
        ]
    parts.append("## Everyone\n\n" + EVERYONE)
    for race in report.workloads:
        if WORKLOADS.get(race["name"], None) is None or WORKLOADS[race["name"]].group != "speed":
            continue
        parts.append(
            f"### {race['title']} ({race['data']})\n\n{markdown_table(race)}\n"
            f"![{race['title']}: median seconds](images/benchmarks/{race['name']}.png)\n"
        )
    return "\n".join(parts)


def crossovers(report: Report) -> str:
    """From which size a backend is faster than NumPy, once warm."""
    lines = []
    for curve in report.sizes:
        ours = {line["library"]: line for line in curve["curves"] if line["kind"] == BACKEND}
        base = ours.get("numpy")
        cells = []
        for name in BACKENDS[1:]:
            size = None
            if base is not None and name in ours:
                size = crossover(base["sizes"], base["seconds"], ours[name]["seconds"])
            cells.append("never" if size is None else f"{size:,.0f}")
        lines.append([curve["title"], *cells])
    return markdown(["", "Numba from", "JAX from"], lines)


PREFACE = """# Benchmarks

<!-- Written by `python -m benchmarks.publish` from benchmarks/results; run that again instead. -->

How many times as fast as the best of the other libraries, in the same run, on the same data, at
answers that are as good. The whole `fit` counts, as a user calls it: validation, conversion and
all. Above 1 is faster.

{speed}
On {machine}

`make bench` repeats this on your machine; `accelml bench kmeans-10 --backends numpy,numba` runs one
line of it (see [the command line](command-line.md)). Every contestant runs in a process of its own,
and they take turns, round by round: a ratio is the median over the rounds. {runs}
The curves of cost against size are from runs of their own. What a machine could do (float32
arithmetic of a matrix product, reading memory) was measured at the start of each run, and stands
under each table below, with the rounds.
GPU figures are still to come: the machines that this was measured on had none. `make gpu-check`
runs the same races there.

![Gaussian, fit and score: median seconds](images/benchmarks/gaussian.png)
"""
SMALL = """Where the work is small, what counts is what a call costs besides: in both libraries the
checks of what is passed in, more than anything else.
"""
AIMS = """What we set out to reach on two cores, as a ratio to the best of the others, and how much
of what the machine can do at most (arithmetic of a matrix product, or reading memory, whichever
binds) the plain algorithm's work then amounts to. More than 100 % means that work was saved.
"""
OBSTACLES = """\
Where a peer reaches more of the limit than we do, it is our code that stands in the way. Where the
best peer reaches a share p of the limit, nobody can be more than 1/p times as fast by the plain
algorithm: several aims, set beside slower peers on another machine, ask for more than that. What we
know of each line:

- **K-means with few centers**: on Numba a pass over all rows still takes longer than reading them.
  Bounds save rows, not the time of those that are left. On NumPy each block is multiplied, looked
  through for the lowest, and for the second lowest, one array operation after another, and copying
  the rows that are in question comes on top; with 16 features, so does laying the products on
  their side.
- **K-means with many centers**: on Numba, images are searched for among all centers by tiles that
  stay in registers, short of a matrix library's speed, and many are read in each iteration
  although they keep their center.
- **K-means on JAX** looks at rows whether they are in question or not.
- **Logistic regression** needs a third of the iterations of the others, because L-BFGS starts from
  the covariance of the features; a fifth of the time on Numba goes into that covariance.
- **The perceptron**: on Numba the products come from tiles that stay in registers, and take most
  of the time. Adam, whose roots a core can do only a few of at once, the rows that are gathered and
  the weights that the other core has just moved come on top. On JAX the program is XLA's, as the
  best peer's is. On NumPy a matrix library lays out both factors of each product anew, every other
  operation runs on one core, and Adam has fourteen of them.
- **Least squares**: on Numba, laying the centred rows out in panels takes a quarter of the time. On
  NumPy most of it is a matrix library's product of each block with itself, on one core each.
  XLA has no product of a matrix with itself, so that JAX makes both halves of it.
- **Gradient descent** reads X once a step. More than the limit is only to be had by way of the Gram
  matrix, which is another algorithm. JAX reads X twice.
- **The Gaussian**: the best peer, `torch.compile`, reaches so much of the limit (see its table)
  that the aims of 4 to 25, set beside PyTorch's eager operations, are out of reach. NumPy goes
  through a block five times to sum it and three times to score it; on JAX the copy of X is made
  twice, for `fit` and for `score_samples`.
- **JAX** gets its own copy of X: NumPy's arrays are aligned to 16 bytes, and XLA shares memory
  only from 64 on. Its peers start with the data where they want them; our `fit` does not. Up to
  half a gigabyte of such copies is kept for the next fit.
- **Thresholds** are searched for on the host for every backend.
- **Memory** was to rise by no more than 0.2 X in a fit of k-means, logistic regression and the
  Gaussian. Numba and NumPy keep to it, barely where 1,000,000 rows of 16 features are clustered: a
  label and a bound alone are 0.13 X there. JAX misses it by its copy of X, and
  there by its numbers for each row as well: a weight, and labels before and after. A JAX array that
  is passed to `fit` is not copied.
"""
SIZES = """Seconds of a warm `fit` against size, and the size from which a backend is faster than
NumPy.
"""
EVERYONE = """"speed" is the ratio to the fastest peer whose answer is as good; "first" is what
the first fit of a process takes, import and compilation included, but with Numba's kernels on disk,
as they are from the second use on (without, the longest takes some ten seconds more); "memory" is
how far memory rises during a fit, over the size of X.
"""


def costs(report: Report) -> dict[str, dict[str, list[float]]]:
    """What ``backend="auto"`` goes by: for each estimator and backend a start and a rate.

    The start is what a first fit took longer than a later one, less what it did on NumPy; where
    fits are so long that this drowns in them, as long as it mostly is on that backend. The rate is
    the geometric mean over the workloads of seconds for each multiply-add.
    """
    starts: dict[tuple[str, str], list[float]] = {}
    rates: dict[tuple[str, str], list[float]] = {}
    for race in report.workloads:
        for row in race["rows"]:
            if row["library"] not in BACKENDS or not row.get("expected_work"):
                continue
            key = row["estimator"], row["library"]
            # A fit to a target makes fewer iterations, or more, than the first one was to make.
            share = row["iterations"] / 50 if row["iterations"] else 1.0
            seconds = row["median"] / share
            if seconds < SHORT:
                starts.setdefault(key, []).append(row["cold"] - seconds)
            rates.setdefault(key, []).append(seconds / row["expected_work"])

    def start(estimator: str, backend: str) -> float:
        if (estimator, backend) in starts and (estimator, "numpy") in starts:
            own, base = (statistics.median(starts[estimator, name]) for name in (backend, "numpy"))
            return max(0.0, own - base)
        known = {name for name, library in starts if library == backend} & {
            name for name, library in starts if library == "numpy"
        }
        return statistics.median(start(name, backend) for name in sorted(known))

    names = sorted({name for name, _ in rates})
    table = {
        name: {
            backend: [
                round(start(name, backend), 2),
                float(f"{statistics.geometric_mean(rates[name, backend]):.2g}"),
            ]
            for backend in BACKENDS
            if (name, backend) in rates
        }
        for name in names
    }
    table[EVERYTHING_ELSE] = {
        backend: [
            round(statistics.median(table[name][backend][0] for name in names), 2),
            float(f"{statistics.geometric_mean(table[n][backend][1] for n in names):.2g}"),
        ]
        for backend in BACKENDS
    }
    return table


def costs_text(report: Report) -> str:
    """The file that is made of them."""
    return json.dumps(costs(report), indent=1) + "\n"


def readme(report: Report) -> str:
    """README.md with its table replaced."""
    return refilled(ROOT / "README.md", "benchmarks", summary(report, "speed"))


def guide(report: Report) -> str:
    """docs/backends.md with its table replaced."""
    return refilled(GUIDE, "crossovers", crossovers(report))


def refilled(path: Path, name: str, content: str) -> str:
    """A page with something else between its two marks of that name."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{content}{match[2]}", path.read_text())


def take_starts(report: Report, later: Report) -> None:
    """First fits of our own from a later run, which found Numba's kernels on disk."""
    found = {(r["name"], row["name"]): row for r in later.workloads for row in r["rows"]}
    for race in report.workloads:
        for row in race["rows"]:
            again = found.get((race["name"], row["name"]))
            if row["kind"] == BACKEND and again is not None and "cold" in again:
                row["cold"] = again["cold"]


def main(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...")] = None,
    starts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Takes first fits from a later run."),
    ] = None,
) -> None:
    """Take new runs in, and write README.md, docs/benchmarks.md, costs.json and the charts."""
    for folder in folders or ():
        report = Report.load(folder / "report.json")
        if starts is not None:
            take_starts(report, Report.load(starts / "report.json"))
        merge(report, RESULTS / "gpu.json" if report.content["machine"]["gpu"] else CPU)
    report = Report.load(CPU)
    (ROOT / "README.md").write_text(readme(report))
    GUIDE.write_text(guide(report))
    PAGE.write_text(page(report))
    COSTS.write_text(costs_text(report))
    PICTURES.mkdir(parents=True, exist_ok=True)
    draw(report, PICTURES, lambda name: name not in WORKLOADS or WORKLOADS[name].group == "speed")


if __name__ == "__main__":
    typer.run(main)
