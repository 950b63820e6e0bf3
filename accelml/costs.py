"""What ``backend="auto"`` goes by: how long a first ``fit`` takes, predicted from measurements."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

EVERYTHING_ELSE = "BackendEstimator"


class Cost(NamedTuple):
    """The time of the first ``fit`` of a process on one backend: a start, and a share of the work.

    Attributes
    ----------
    start : float
        Seconds of importing and compiling.
    rate : float
        Seconds for each of the multiply-adds that the estimator expects.
    """

    start: float
    rate: float

    def seconds(self, work: float) -> float:
        """The prediction."""
        return self.start + self.rate * work


@functools.cache
def measured() -> dict[str, dict[str, Cost]]:
    """The costs by class of estimator and by backend, on two CPU cores.

    ``benchmarks/publish.py`` writes the file, from the committed results.
    """
    text = resources.files("accelml").joinpath("costs.json").read_text(encoding="utf-8")
    return {
        estimator: {backend: Cost(*cost) for backend, cost in backends.items()}
        for estimator, backends in json.loads(text).items()
    }


def predicted(estimator: type, work: float, backends: Iterable[str]) -> dict[str, float]:
    """Seconds of a first ``fit`` on each of these backends that was measured.

    Parameters
    ----------
    estimator : type
        Its own costs are taken, or those of the nearest class that it is derived from.
    work : float
        Multiply-adds.
    backends : iterable of str
    """
    names = [cls.__name__ for cls in estimator.__mro__ if cls.__name__ in measured()]
    costs = measured()[names[0] if names else EVERYTHING_ELSE]
    return {name: costs[name].seconds(work) for name in backends if name in costs}
