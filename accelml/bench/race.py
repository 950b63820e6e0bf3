"""A race: everyone's process stands ready, and in each round each of them fits once."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from accelml.bench.contestant import Contestant
from accelml.bench.worker import serve
from accelml.bench.workloads import Workload

PAUSE = 0.3  # seconds: threads that wait for work spin that long, and would take from the next one
LARGE = 2**20  # bytes of X; under it, what else a process does would be mistaken for the fit's
Say = Callable[[str], None]


class Failed(Exception):
    """A contestant's process raised, or ended."""


class Process:
    """A contestant in a process of its own; idle unless asked."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of :class:`accelml.bench.worker.Worker` and wait for what it returns."""
        try:
            self.connection.send((method, arguments))
            result, error = self.connection.recv()
        except (EOFError, OSError) as closed:
            raise Failed(f"its process ended in {method}") from closed
        if error:
            raise Failed(error)
        return result

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


@contextlib.contextmanager
def processes(contestants: Sequence[Contestant]) -> Iterator[list[Process]]:
    """A process for each, all ended at the end."""
    started: list[Process] = []
    try:
        for contestant in contestants:
            started.append(Process(contestant))
        yield started
    finally:
        for process in started:
            process.close()


def run_race(
    workload: Workload, contestants: Sequence[Contestant], *, rounds: int = 5,
    say: Say = lambda message: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Run a workload.

    Parameters
    ----------
    workload : Workload
    contestants : sequence of Contestant
        Of the workload's family, and without a problem.
    rounds : int
        How often each fits, in turn, once it is warm; at most as often as the workload allows.
    say : callable
        Hears what goes on.

    Returns
    -------
    list of dict
        One for each contestant: ``name``, ``kind``, ``library``, and either ``error`` or
        ``seconds`` (a list, one a round), ``cold``, ``transfer`` (seconds), ``quality``,
        ``memory`` (over the size of X), ``iterations``.
    """
    rows: dict[str, dict[str, Any]] = {
        c.name: {"name": c.name, "kind": c.kind, "library": c.library} for c in contestants
    }
    with processes(contestants) as runners:
        running = []
        for runner in runners:
            name = runner.contestant.name
            say(f"{workload.name}: {name} starts")
            try:
                rows[name] |= start(runner, workload) | {"seconds": []}
                running.append(runner)
            except Failed as error:
                rows[name]["error"] = str(error)
                say(f"{workload.name}: {name} failed: {error}")
        rounds = min(rounds, workload.most_rounds)
        for round_number in range(rounds):
            say(f"{workload.name}: round {round_number + 1} of {rounds}")
            for runner in running:
                time.sleep(PAUSE)
                rows[runner.contestant.name]["seconds"].append(runner.ask("fit"))
    return list(rows.values())


def start(runner: Process, workload: Workload) -> dict[str, Any]:
    """Warm one up, and measure what is measured once."""
    row = runner.ask("prepare", runner.contestant, workload.arguments)
    row |= runner.ask("warm_up")
    row["quality"] = runner.ask("quality")
    size = row.pop("bytes")
    is_known = row["memory"] is not None and size >= LARGE
    return {**row, "memory": row["memory"] / size if is_known else None}
