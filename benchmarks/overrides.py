"""The results of ``bench_overrides.py`` as a small file, and as a page of the documentation.

``python -m benchmarks.overrides RUN.json [RUN.json …] [--results FILE]`` takes what
``--benchmark-json`` wrote, merges it into the committed results and writes the page anew; without
a run, it writes the page alone.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Annotated, Any

import typer

from accelml import available_backends
from accelml.selection import backend_status

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "overrides-2-cores.json"
PAGE = ROOT / "docs" / "overrides.md"

# Faster by less than this on every case, an override is not worth its lines.
WORTH = 1.1

Row = dict[str, Any]


def row_of(info: dict[str, Any]) -> Row:
    """Medians, and ratios of what was timed in the same round."""
    seconds = info["seconds"]
    ratios = {
        name: [theirs / ours for theirs, ours in zip(taken, seconds["override"], strict=True)]
        for name, taken in seconds.items()
        if name != "override"
    }
    return {
        **{name: info[name] for name in ("backend", "kernel", "case")},
        "rounds": len(seconds["override"]),
        "seconds": {name: rounded(statistics.median(taken)) for name, taken in seconds.items()},
        "ratio": {name: rounded(statistics.median(found)) for name, found in ratios.items()},
        "spread": {name: [rounded(min(r)), rounded(max(r))] for name, r in ratios.items()},
    }


def rounded(number: float) -> float:
    """Three digits: more are noise."""
    return float(f"{number:.3g}")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    affinity = getattr(os, "sched_getaffinity", None)
    statuses = {name: backend_status(name) for name in sorted(available_backends())}
    return {
        "machine": platform.machine(),
        "processor": processor(),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: status.version for name, status in statuses.items()},
        "threads": {name: status.threads for name, status in statuses.items()},
    }  # fmt: skip


def processor() -> str:
    """The vector instructions decide more than the name, which virtual machines hide."""
    information = Path("/proc/cpuinfo")
    flags = information.read_text().split() if information.is_file() else []
    widest = next((name for name in ("avx512f", "avx2") if name in flags), "")
    return {"avx512f": "AVX-512", "avx2": "AVX2"}.get(widest, platform.processor())


def key_of(row: Row) -> tuple[str, str, str]:
    """What makes a row another one."""
    return row["kernel"], row["backend"], row["case"]


def merged(runs: list[dict[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
    """The rows of new runs in place of those measured before, less what is no more."""
    from benchmarks.override_cases import CASES
    from tests.overrides import overrides

    here = machine()
    if before and {**before, "rows": []} != {**here, "rows": []}:
        raise typer.BadParameter(
            "the results are of another machine or version: measure all --anew"
        )
    rows = {key_of(row): row for row in before.get("rows", [])}
    for run in runs:
        found = [row_of(entry["extra_info"]) for entry in run["benchmarks"]]
        rows.update({key_of(row): row for row in found})
    order = [
        (override.kernel, override.backend, case.label)
        for override in overrides()
        for case in CASES.get(override.kernel, ())
    ]
    return {**here, "rows": [rows[key] for key in order if key in rows]}


INTRODUCTION = """\
# What the overrides are worth

A kernel has a generic body, which is its specification, and may have an override on a backend,
which has to be worth its lines. Here is each of them beside the generic body, on the same backend
and the same arguments (float32 unless least squares are solved): medians, and the medians of the
ratios within a round, with the lowest and the highest.

"Others kept" compares with what would run if this override alone were taken out, where the generic
body calls other kernels that have overrides too. The ratio before it is to the generic body with no
override anywhere.

A fit calls a kernel many times over, so each body is called four times before it is timed: bodies
find rows in the caches as the other one left them, and on some cases that alone changes the order.
Before that there is a pause, since a matrix library's threads wait in a busy loop for a tenth of a
second after a product, on cores that a body with threads of its own would have to share with them.

This page is written by `python -m benchmarks.overrides`, from
[the measurements](../benchmarks/results/overrides-2-cores.json) of
`python -m pytest benchmarks/bench_overrides.py`.
"""

HEADER = """\
| kernel | case | generic | override | faster by | others kept |
|---|---|---|---|---|---|"""


def page(results: dict[str, Any]) -> str:
    """Markdown, a table for each backend."""
    versions, threads = results["versions"], results["threads"]
    where = f"{results['cores']} cores of {results['machine']} with {results['processor']}"
    parts = [INTRODUCTION, f"Measured on {where}, Python {results['python']}.\n"]
    for backend in sorted({row["backend"] for row in results["rows"]}):
        title = f"## {backend}\n\n{versions[backend]}; threads: {threads[backend]}.\n"
        lines = [line(row) for row in results["rows"] if row["backend"] == backend]
        parts.append("\n".join([title, HEADER, *lines]) + "\n")
    return "\n".join(parts)


def line(row: Row) -> str:
    """One row of the table."""
    ratio, spread, taken = row["ratio"], row["spread"], row["seconds"]
    low, high = spread["generic"]
    return (
        f"| `{row['kernel'].removeprefix('accelml.')}` | {row['case']} "
        f"| {duration(taken['generic'])} | {duration(taken['override'])} "
        f"| **{ratio['generic']:.2f}** ({low:.2f} to {high:.2f}) "
        f"| {format(ratio['alone'], '.2f') if 'alone' in ratio else ''} |"
    )


def duration(seconds: float) -> str:
    """In the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def best_ratio(results: dict[str, Any], backend: str, kernel: str) -> float:
    """By how much an override is faster where it is worth most, all others kept."""
    return max(
        (
            row["ratio"].get("alone", row["ratio"]["generic"])
            for row in results["rows"]
            if (row["backend"], row["kernel"]) == (backend, kernel)
        ),
        default=0.0,
    )


def main(
    runs: Annotated[list[Path] | None, typer.Argument(help="written by --benchmark-json")] = None,
    results: Annotated[
        Path, typer.Option(help="the file of results to bring up to date")
    ] = RESULTS,
    anew: Annotated[bool, typer.Option(help="forget what was measured before")] = False,
) -> None:
    """Merge runs into the results, write the page, and name what is not worth its lines."""
    before = json.loads(results.read_text()) if results.exists() and not anew else {}
    if runs:
        before = merged([json.loads(run.read_text()) for run in runs], before)
        results.write_text(json.dumps(before, indent=1, ensure_ascii=False) + "\n")
    if results == RESULTS:
        PAGE.write_text(page(before))
    for backend, kernel in sorted({(row["backend"], row["kernel"]) for row in before["rows"]}):
        best = best_ratio(before, backend, kernel)
        if best < WORTH:
            print(f"{kernel} on {backend}: {best:.2f} at best, others kept")


if __name__ == "__main__":
    typer.run(main)
