"""Races under pytest-benchmark: whose turn it is, and the report at the end."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import pytest

from accelml.bench.contestant import BACKEND, Contestant
from accelml.bench.race import Failed, processes, start
from accelml.bench.workloads import WORKLOADS, Workload, contestants
from accelml.cli.bench import add_to, new_report, write


def pytest_addoption(parser):
    group = parser.getgroup("races")
    group.addoption("--rounds", type=int, default=5, help="how often each contestant fits")
    group.addoption("--save", type=Path, help="write report.json and charts into this folder")


class Turn(NamedTuple):
    """One contestant's fit in one round."""

    workload: Workload
    contestant: Contestant
    round: int


def pytest_generate_tests(metafunc):
    """Every contestant once in each round, so that all of them see the same machine."""
    if "turn" not in metafunc.fixturenames:
        return
    turns = [
        Turn(workload, contestant, number)
        for workload in WORKLOADS.values()
        for number in range(min(metafunc.config.getoption("rounds"), workload.most_rounds))
        for contestant in contestants(workload.family)
        if not contestant.problem()
    ]
    names = [f"{t.workload.name}|{t.contestant.name}|{t.round}" for t in turns]
    metafunc.parametrize("turn", turns, ids=names, scope="session")


class Arena:
    """The processes of the workload that is being run, and what came of those before."""

    def __init__(self, save: Path | None) -> None:
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
        self.save = save
        self.report = None
        self.workload: Workload | None = None
        self.stack = contextlib.ExitStack()

    def enter(self, turn: Turn):
        """The contestant's process, and its row of results; both made on its first turn."""
        if self.report is None:
            self.report = new_report(with_gpu=turn.contestant.device != "cpu")
        if turn.workload != self.workload:
            self.leave()
            self.workload, self.runners, self.rows = turn.workload, {}, {}
        name = turn.contestant.name
        if name not in self.rows:
            row = {field: getattr(turn.contestant, field) for field in ("name", "kind", "library")}
            self.rows[name] = row
            (self.runners[name],) = self.stack.enter_context(processes([turn.contestant]))
            try:
                row |= start(self.runners[name], turn.workload) | {"seconds": []}
            except Failed as error:
                row["error"] = str(error)
        return self.runners[name], self.rows[name]

    def leave(self) -> None:
        """End the processes and put the results into the report."""
        self.stack.close()
        if self.workload is not None:
            rows = [row for row in self.rows.values() if row.get("seconds") or "error" in row]
            add_to(self.report, self.workload, rows)
            write(self.report, self.save)
        self.workload = None


@pytest.fixture(scope="session")
def arena(request):
    arena = Arena(request.config.getoption("save"))
    request.config.stash[ARENA] = arena
    yield arena
    arena.leave()


ARENA = pytest.StashKey()


def pytest_terminal_summary(terminalreporter, config):
    arena = config.stash.get(ARENA, None)
    if arena is None or arena.report is None:
        return
    from rich.console import Console

    from accelml.bench.table import terminal_table

    for race in arena.report.workloads:
        Console(highlight=False, emoji=False).print(terminal_table(race))


def failure_of(row) -> str:
    """Why a backend could not run; that of somebody else's library is no failure of ours."""
    if "error" in row and row["kind"] != BACKEND:
        pytest.skip(row["error"].strip().splitlines()[-1])
    return row.get("error", "")
