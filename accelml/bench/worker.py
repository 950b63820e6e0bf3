"""One contestant in a process of its own, where no other library's threads or memory are."""

from __future__ import annotations

import ctypes
import gc
import math
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from accelml.bench.contestant import PEER, PEERS, Contestant, Entry
from accelml.bench.machine import timed
from accelml.bench.optimum import ABOVE
from accelml.bench.problems import make_task
from accelml.bench.tasks import LogisticTask, Task

ENOUGH = 0.05  # seconds; shorter work is repeated that long, and the mean is taken
LONG = 2.0  # seconds; shorter work is done once before it is timed, at every turn


def serve(connection: Connection) -> None:
    """Answer requests until the other side closes: (method, arguments) → (result, error)."""
    warnings.simplefilter("ignore")
    worker = Worker()
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((getattr(worker, method)(*arguments), ""))
        except KeyboardInterrupt:
            return
        except Exception:
            connection.send((None, traceback.format_exc(limit=-3)))


class Worker:
    """What can be asked of a contestant's process."""

    task: Task
    entry: Entry
    repeats: int = 1
    is_long: bool = False

    def prepare(self, contestant: Contestant, arguments: dict[str, Any]) -> dict[str, Any]:
        """Build the task, then import, place and fit for the first time: the cold start.

        Returns
        -------
        dict
            Seconds: ``cold`` from nothing imported to the end of the first ``fit``, without the
            building of the data; ``transfer``, the second placing of the data. ``bytes`` of ``X``;
            ``estimator`` and ``expected_work``, see :class:`Entry`.
        """
        from accelml.bench import ours, peers  # noqa: F401  (registers the peers)

        self.task = make_task(contestant.family, arguments)
        self.repeats = 1
        start = time.perf_counter()
        if contestant.kind == PEER:
            self.entry = PEERS[contestant.family, contestant.name][1](self.task)
        else:
            self.entry = ours.prepare(contestant, self.task)
        self.entry.place()
        self.entry.fit()
        cold = time.perf_counter() - start
        return {
            "cold": cold,
            "transfer": timed(self.entry.place),
            "bytes": self.task.X.nbytes,
            "estimator": self.entry.estimator,
            "expected_work": self.entry.expected_work,
        }

    def warm_up(self) -> dict[str, Any]:
        """Reach the target, where there is one; fit once more, and see how far memory rises.

        Returns
        -------
        dict
            ``iterations``: how many it takes, None where there is no target; ``memory`` in bytes,
            None where the system does not tell.
        """
        target = self.task.target if isinstance(self.task, LogisticTask) else None
        iterations = None if target is None else iterations_to(target, self.quality_after)
        if iterations is not None and self.entry.set_iterations is not None:
            self.entry.set_iterations(iterations)
        start = time.perf_counter()
        memory = peak_of(self.entry.fit)
        seconds = time.perf_counter() - start
        self.is_long = seconds >= LONG
        if seconds < 10 * ENOUGH:  # so short that what was done around it counts
            seconds = min(timed(self.entry.fit) for _ in range(5))
        self.repeats = max(1, math.ceil(ENOUGH / max(seconds, 1e-7)))
        return {"iterations": iterations, "memory": memory}

    def quality_after(self, iterations: int) -> float:
        """The judge's verdict on that many iterations."""
        if self.entry.set_iterations is None:
            raise ValueError("this contestant's iterations cannot be set")
        self.entry.set_iterations(iterations)
        self.entry.fit()
        return self.quality()

    def fit(self) -> float:
        """Seconds of one ``fit``."""
        gc.collect()
        if not self.is_long:
            self.entry.fit()  # what the others have put out of the caches is not this one's cost
        seconds = timed(self._repeat)
        return seconds / self.repeats

    def _repeat(self) -> None:
        for _ in range(self.repeats):
            self.entry.fit()

    def quality(self) -> float:
        """The judge's verdict on the last ``fit``."""
        return self.task.quality(self.entry.answer())


def iterations_to(
    target: float, quality_after: Callable[[int], float], above: float = ABOVE, first: int = 64,
    most: int = 4096,
) -> int:  # fmt: skip
    """How many iterations bring the loss to ``target``, which is ``above`` over the lowest.

    The gap to the lowest loss shrinks by about the same factor in each iteration, so its logarithm
    is followed by secants. A loss that undercuts the target by up to a tenth of the gap will do.
    """
    low, high = 0, most + 1
    seen: list[tuple[int, float]] = []
    n = first
    while True:
        gap = (quality_after(n) - (target - above)) / above
        low, high = (low, n) if gap <= 1 else (n, high)
        if high <= most and (0.9 < gap <= 1 or high - low <= max(1, high // 50)):
            return high
        if low >= most:
            raise ValueError(f"the loss is above {target:g} after {most} iterations")
        seen = [*seen[-1:], (n, math.log(max(gap, 1e-3)))]
        guess = 2 * n
        if len(seen) == 2 and seen[0][1] > seen[1][1] and seen[0][0] != seen[1][0]:
            slope = (seen[1][1] - seen[0][1]) / (seen[1][0] - seen[0][0])
            guess = n + round((math.log(0.95) - seen[1][1]) / slope) if slope < 0 else guess
        elif high <= most:
            guess = (low + high) // 2
        n = min(max(guess, low + 1), high - 1, most)


def peak_of(function: Callable[[], object]) -> float | None:
    """Bytes by which the resident memory of this process exceeds, at most, what it was before."""
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not (reset.exists() and status.exists()):
        return None
    gc.collect()
    trim_heap()
    try:
        reset.write_text("5")  # the high-water mark starts anew
    except OSError:
        return None
    before = resident(status, "VmRSS")
    function()
    return max(0.0, resident(status, "VmHWM") - before)


def trim_heap() -> None:
    """Give freed memory back to the system, so that using it again is seen."""
    if "accelml_jax" in sys.modules:
        sys.modules["accelml_jax"].release()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return


def resident(status: Path, field: str) -> float:
    """A line of /proc/self/status, in bytes."""
    for line in status.read_text().splitlines():
        if line.startswith(field):
            return float(line.split()[1]) * 1024
    return 0.0
