"""``accelml bench``: the backends, and other libraries, on the same work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from accelml.bench import Report, Workload
    from accelml.bench.contestant import Contestant

Names = Annotated[list[str] | None, typer.Argument(metavar="[WORKLOAD]...", show_default=False)]


def bench(
    workload: Names = None,
    backends: Annotated[
        str | None, typer.Option(help="Comma-separated; all that work here by default.")
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(help="Comma-separated libraries, or 'none'; all installed by default."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each runs.")] = 5,
    sizes: Annotated[bool, typer.Option("--sizes", help="Cost against size instead.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write report.json and charts there.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show what there is, and leave.")] = False,
) -> None:
    """Race the backends against each other and against other libraries.

    Each contestant runs in a process of its own, on the same data, and they take turns. A WORKLOAD
    is one of those that --list shows, or "speed", "small" or "all"; "speed" by default.
    """
    from accelml.cli.console import show

    if listing:
        show(list_everything())
        return
    check_folder(save)
    if sizes:
        run_sizes(chosen_axes(workload), backends, peers, save)
    else:
        run_races(chosen_workloads(workload), backends, peers, rounds, save)


def run_races(
    workloads: Sequence[Workload], backends: str | None, peers: str | None, rounds: int,
    save: Path | None,
) -> None:  # fmt: skip
    """Race, print a table for each as soon as it is known, write what was asked for."""
    from accelml.bench.race import run_race
    from accelml.bench.table import terminal_table
    from accelml.cli.console import complain, show

    chosen = {w.name: select(w.family, backends, peers) for w in workloads}
    report = new_report(any(c.device != "cpu" for found in chosen.values() for c in found))
    for workload in workloads:
        rows = run_race(workload, chosen[workload.name], rounds=rounds, say=complain)
        add_to(report, workload, rows)
        show(terminal_table(report.workloads[-1]))
        write(report, save)


def run_sizes(
    axes: Sequence[Any], backends: str | None, peers: str | None, save: Path | None
) -> None:
    """Measure curves, print them, write what was asked for."""
    from accelml.bench.sizes import run_axis
    from accelml.bench.table import sizes_table
    from accelml.cli.console import complain, show

    chosen = {axis.name: select(axis.family, backends, peers or "scikit-learn") for axis in axes}
    report = new_report(any(c.device != "cpu" for found in chosen.values() for c in found))
    for axis in axes:
        report.sizes.append(run_axis(axis, chosen[axis.name], complain))
        show(sizes_table(report.sizes[-1]))
        write(report, save)


def new_report(with_gpu: bool) -> Report:
    """An empty report of this machine, with its limits."""
    from accelml.bench import Report
    from accelml.bench.machine import describe, limits
    from accelml.cli.console import complain

    complain("measuring what this machine can do at most")
    measured = {"cpu": limits()}
    if with_gpu:
        measured["gpu"] = limits("gpu")
    return Report(describe(), measured)


def add_to(report: Report, workload: Workload, rows: list[dict[str, Any]]) -> None:
    """Judge what a race gave."""
    from accelml.bench.problems import images, make_task
    from accelml.bench.report import Judge

    data = images()[0] if "rows" not in workload.arguments else "drawn at random"
    data = {"small": "", "import": ""}.get(workload.group, data)
    judge = Judge.of(make_task(workload.family, workload.arguments))
    report.add(workload.name, workload.title, data, judge, rows)


def write(report: Report, save: Path | None) -> None:
    """The report and its charts, after every race, so that Ctrl-C loses only the race under way."""
    if save is None:
        return
    from accelml.bench.charts import draw

    report.save(save / "report.json")
    draw(report, save)


def check_folder(save: Path | None) -> None:
    """Make the folder now, and not after an hour."""
    if save is None:
        return
    if save.exists() and not save.is_dir():
        raise ValueError(f"--save {save}: is not a folder; choose another name")
    save.mkdir(parents=True, exist_ok=True)


def select(family: str, backends: str | None, peers: str | None) -> list[Contestant]:
    """Who takes part, of those that are installed; an unknown name is an error."""
    from accelml.bench.contestant import PEER
    from accelml.bench.workloads import all_libraries, contestants

    known = all_libraries()
    wanted = {kind: split(names) for kind, names in (("backend", backends), ("peer", peers))}
    for kind, names in wanted.items():
        for name in names if names is not None else ():
            check_name(f"--{kind}s", name, known[kind])
    found = []
    for contestant in contestants(family):
        names = wanted[contestant.kind]
        is_wanted = names is None or contestant.library in names
        if is_wanted and not contestant.problem():
            found.append(contestant)
        elif names is not None and is_wanted and contestant.kind == PEER:
            from accelml.cli.console import note

            note(f"{contestant.name} takes no part: {contestant.problem()}")
    return found


def split(names: str | None) -> list[str] | None:
    """``"a,b"`` as a list; None for all."""
    if names is None:
        return None
    return [name.strip() for name in names.split(",") if name.strip() not in {"", "none"}]


def check_name(option: str, name: str, known: Sequence[str]) -> None:
    """Raise where there is no such name."""
    from accelml.cli.console import did_you_mean, listed

    if name not in known:
        raise ValueError(
            f"{option} {name}: choose among {listed(known)}{did_you_mean(name, known)}"
        )


def chosen_workloads(names: list[str] | None) -> list[Workload]:
    """The workloads of these names and groups."""
    from accelml.bench import WORKLOADS

    groups = {"speed", "small", "import"}
    for name in names or ():
        check_name("WORKLOAD", name, [*WORKLOADS, *sorted(groups), "all"])
    wanted = set(names or ["speed"])
    return [w for w in WORKLOADS.values() if wanted & {w.name, w.group, "all"}]


def chosen_axes(names: list[str] | None) -> list[Any]:
    """The curves of these names; all by default."""
    from accelml.bench.sizes import AXES

    for name in names or ():
        check_name("WORKLOAD", name, list(AXES))
    return [axis for axis in AXES.values() if not names or axis.name in names]


def list_everything() -> Any:
    """Workloads, curves, and who takes part here."""
    from accelml.bench import WORKLOADS
    from accelml.bench.sizes import AXES
    from accelml.bench.workloads import contestants
    from accelml.cli.console import new_table

    table = new_table()
    for heading in ("workload", "what it is", "who takes part here"):
        table.add_column(heading, overflow="fold")
    entries = [(w.name, w.title, w.family) for w in WORKLOADS.values()]
    entries += [(f"{axis.name} --sizes", axis.title, axis.family) for axis in AXES.values()]
    for name, title, family in entries:
        here = [c.name for c in contestants(family) if not c.problem()]
        table.add_row(name, title, ", ".join(here))
    return table
