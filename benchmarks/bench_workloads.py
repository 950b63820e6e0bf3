"""Every workload, on every backend and on every peer that is installed.

``make bench`` runs it. The times are those of the contestant's own process; pytest-benchmark's
hold a message there and back besides, some 0.1 ms.
"""

from __future__ import annotations

from benchmarks.conftest import failure_of


def test_workload(benchmark, arena, turn):
    runner, row = arena.enter(turn)
    assert not failure_of(row)
    benchmark.group = turn.workload.title
    benchmark.name = turn.contestant.name
    seconds = benchmark.pedantic(runner.ask, ("fit",), rounds=1, iterations=1)
    row["seconds"].append(seconds)
    benchmark.extra_info.update(
        workload=turn.workload.name, contestant=turn.contestant.name, round=turn.round,
        seconds=seconds, quality=row["quality"], cold=row["cold"], transfer=row["transfer"],
        memory_over_X=row["memory"],
    )  # fmt: skip
