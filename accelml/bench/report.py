"""What came of the races: ratios, shares of the machine's limits, the table, the file."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accelml.bench.contestant import BACKEND, PEER
from accelml.bench.tasks import Task, Work
from accelml.persistence import write_whole

Row = dict[str, Any]


class Judge(NamedTuple):
    """How the answers of a workload are compared."""

    measure: str
    slack: float
    higher_is_better: bool
    target: float | None
    work: Work
    iterations: int | None

    @classmethod
    def of(cls, task: Task) -> Judge:
        """The judge of a task."""
        target = getattr(task, "target", None)
        iterations = getattr(task, "iterations", None)
        return cls(task.measure, task.slack, task.higher_is_better, target, task.work(), iterations)

    def equal(self, quality: float, all_qualities: Sequence[float]) -> bool:
        """Whether an answer is as good as the best, or reaches the target."""
        if self.target is not None:
            return quality <= self.target
        best = max(all_qualities) if self.higher_is_better else min(all_qualities)
        loss = best - quality if self.higher_is_better else quality - best
        return loss <= self.slack * abs(best)


def evaluate(rows: list[Row], judge: Judge, limits: dict[str, float]) -> list[Row]:
    """Add what follows from the times: medians, equality, ratios, and shares of the limits.

    A ratio is the median over the rounds of what the best peer took over what this one took. The
    best peer is the fastest of those whose answer is as good as the best.
    """
    ran = [row for row in rows if "seconds" in row]
    qualities = [row["quality"] for row in ran]
    for row in ran:
        row["median"] = statistics.median(row["seconds"])
        row["equal"] = judge.equal(row["quality"], qualities)
        needed = row.get("iterations")  # where there is a target, each has its own number
        share = needed / judge.iterations if needed and judge.iterations else 1.0
        work = Work(share * judge.work.flops, share * judge.work.bytes)
        row |= speeds(work, row["median"], limits)
    peer = best_peer(ran)
    for row in ran:
        row["ratio"] = None if peer is None else ratio(peer, row)
    return rows


def best_peer(rows: Sequence[Row]) -> Row | None:
    """The fastest of somebody else's whose answer is good."""
    peers = [row for row in rows if row["kind"] == PEER and row.get("equal")]
    return min(peers, key=lambda row: row["median"], default=None)


def ratio(peer: Row, row: Row) -> float:
    """How many times as fast a row is as a peer, round by round; the median."""
    pairs = zip(peer["seconds"], row["seconds"], strict=True)
    return float(statistics.median(theirs / ours for theirs, ours in pairs))


def speeds(work: Work, seconds: float, limits: dict[str, float]) -> Row:
    """Arithmetic and memory a second, and the share of the limit that binds, of the work done."""
    if not work.flops:
        return {"gflops": None, "gbytes": None, "share_of_limit": None, "bound": None}
    gflops, gbytes = work.flops / seconds / 1e9, work.bytes / seconds / 1e9
    arithmetic, memory = gflops / limits["gflops"], gbytes / limits["gbytes"]
    return {
        "gflops": gflops,
        "gbytes": gbytes,
        "share_of_limit": max(arithmetic, memory),
        "bound": "GFLOP/s" if arithmetic > memory else "GB/s",
    }


class Report:
    """All that one run measured; what the committed files hold.

    Parameters
    ----------
    machine : dict
        From :func:`accelml.bench.machine.describe`.
    limits : dict
        From :func:`accelml.bench.machine.limits`, by device.
    """

    def __init__(self, machine: dict[str, Any], limits: dict[str, dict[str, float]]) -> None:
        self.content: dict[str, Any] = {
            "format": 1, "machine": machine, "limits": limits, "workloads": [], "sizes": [],
        }  # fmt: skip

    @property
    def workloads(self) -> list[dict[str, Any]]:
        """The races, in the order in which they were run."""
        races: list[dict[str, Any]] = self.content["workloads"]
        return races

    @property
    def sizes(self) -> list[dict[str, Any]]:
        """The curves of cost against size."""
        curves: list[dict[str, Any]] = self.content["sizes"]
        return curves

    @property
    def limits(self) -> dict[str, float]:
        """What the fastest device of the machine can do."""
        limits: dict[str, dict[str, float]] = self.content["limits"]
        return limits.get("gpu", limits["cpu"])

    def add(self, name: str, title: str, data: str, judge: Judge, rows: list[Row]) -> None:
        """Add a race; it takes the place of an earlier one of that name."""
        rows = evaluate(rows, judge, self.limits)
        race = {
            "name": name, "title": title, "data": data, "measure": judge.measure,
            "slack": judge.slack, "target": judge.target, "limits": self.limits, "rows": rows,
        }  # fmt: skip
        self.content["workloads"] = [w for w in self.workloads if w["name"] != name] + [race]

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_whole(path, (json.dumps(self.content, indent=1, default=float) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read a file.

        Raises
        ------
        ValueError
            If it is not such a file.
        """
        try:
            content = json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(
                f"{path}: is not JSON ({error}); name a file of 'accelml bench'"
            ) from None
        if not isinstance(content, dict) or content.get("format") != 1:
            raise ValueError(f"{path}: is not a report of 'accelml bench'; run it again")
        report = cls({}, {})
        report.content = content
        return report


def significant(value: float | None, digits: int = 3) -> str:
    """A number in three digits, an en dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])  # once it is rounded
    places = digits - 1 - exponent
    return f"{value:,.{max(0, places)}f}"


def seconds_text(seconds: float) -> str:
    """Seconds, milliseconds or microseconds."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            return f"{significant(seconds / size)} {unit}"
    raise AssertionError


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Ours first, then the peers, each from the fastest down; who failed at the end."""
    return sorted(
        rows, key=lambda r: ("seconds" not in r, r["kind"] != BACKEND, r.get("median", 0.0))
    )
