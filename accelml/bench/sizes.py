"""Cost against size: one family of workloads, one axis, everyone until it takes too long."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from accelml.bench.contestant import Contestant
from accelml.bench.race import Failed, Say, processes

TOO_LONG = 4.0  # seconds of a fit, after which no larger size is tried
REPEATS = 3


class Axis(NamedTuple):
    """A family of workloads, and the argument that grows."""

    name: str
    title: str
    family: str
    grows: str
    values: tuple[int, ...]
    fixed: dict[str, Any]

    def arguments(self, value: int) -> dict[str, Any]:
        """The arguments of one size."""
        grown = {"hidden": (value,)} if self.grows == "hidden" else {self.grows: value}
        return {**self.fixed, **grown}


ROWS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
FEATURES = (4, 16, 64, 256, 1024)
CLUSTERS = (2, 8, 32, 128, 512)
WIDTH = (16, 64, 256, 1024)


def axis(name: str, title: str, family: str, grows: str, values: Any, **fixed: Any) -> Axis:
    """An axis, with what stays the same as keywords."""
    return Axis(name, title, family, grows, values, fixed)


AXES: dict[str, Axis] = {
    entry.name: entry
    for entry in (
        axis("kmeans-rows", "k-means, rows (d = 16, k = 16, 10 iterations)", "kmeans", "rows",
             ROWS, features=16, clusters=16, iterations=10),
        axis("kmeans-features", "k-means, features (n = 20,000, k = 16, 10 iterations)", "kmeans",
             "features", FEATURES, rows=20_000, clusters=16, iterations=10),
        axis("kmeans-clusters", "k-means, clusters (n = 20,000, d = 64, 10 iterations)", "kmeans",
             "clusters", CLUSTERS, rows=20_000, features=64, iterations=10),
        axis("logistic-rows", "logistic regression, rows (d = 16, 3 classes, 20 iterations)",
             "logistic", "rows", ROWS, features=16, iterations=20),
        axis("logistic-features", "logistic regression, features (n = 20,000, 20 iterations)",
             "logistic", "features", FEATURES, rows=20_000, iterations=20),
        axis("mlp-rows", "perceptron 784-128-10, rows (batch 128, an epoch)", "perceptron", "rows",
             ROWS[:-2], epochs=1),
        axis("mlp-width", "perceptron, width (60,000 images, batch 128, an epoch)", "perceptron",
             "hidden", WIDTH, epochs=1),
        axis("least-squares-rows", "least squares, rows (d = 16)", "least-squares", "rows", ROWS,
             features=16),
        axis("least-squares-features", "least squares, features (n = 20,000)", "least-squares",
             "features", FEATURES, rows=20_000),
        axis("gaussian-rows", "Gaussian, fit and score, rows (d = 16)", "gaussian", "rows", ROWS,
             features=16),
        axis("threshold-rows", "threshold of highest F1, scores", "threshold", "rows", ROWS),
    )
}  # fmt: skip


def run_axis(
    axis: Axis, contestants: Sequence[Contestant], say: Say = lambda message: None
) -> dict[str, Any]:
    """Time every contestant at every size; the least of a few fits, once warm.

    Returns
    -------
    dict
        ``name``, ``title``, ``grows``, and ``curves``: for each contestant ``name``, ``kind``,
        ``library``, ``sizes``, ``seconds``, and ``cold`` (its first fit of the smallest size).
    """
    curves = []
    for contestant in contestants:
        say(f"{axis.name}: {contestant.name}")
        curves.append(run_curve(axis, contestant))
    return {"name": axis.name, "title": axis.title, "grows": axis.grows, "curves": curves}


def run_curve(axis: Axis, contestant: Contestant) -> dict[str, Any]:
    """One contestant, from the smallest size up."""
    sizes: list[int] = []
    seconds: list[float] = []
    cold, error = None, ""
    with processes([contestant]) as (runner,):
        try:
            for value in axis.values:
                start = runner.ask("prepare", contestant, axis.arguments(value))
                cold = start["cold"] if cold is None else cold
                runner.ask("warm_up")
                least = min(runner.ask("fit") for _ in range(REPEATS))
                sizes.append(value)
                seconds.append(least)
                if least > TOO_LONG:
                    break
        except Failed as failure:
            error = str(failure)
    return {
        "name": contestant.name, "kind": contestant.kind, "library": contestant.library,
        "sizes": sizes, "seconds": seconds, "cold": cold, "error": error,
    }  # fmt: skip


def crossover(
    sizes: Sequence[int], first: Sequence[float], second: Sequence[float]
) -> float | None:
    """The size from which ``second`` is always the faster of two; None where it never is.

    Interpolated between the sizes measured, on logarithmic axes.
    """
    count = min(len(sizes), len(first), len(second))
    gaps = [math.log(second[i] / first[i]) for i in range(count)]
    if not gaps or gaps[-1] >= 0:
        return None
    slower = [i for i, gap in enumerate(gaps) if gap >= 0]
    if not slower:
        return float(sizes[0])
    i = slower[-1]
    share = gaps[i] / (gaps[i] - gaps[i + 1])
    return math.exp(math.log(sizes[i]) + share * math.log(sizes[i + 1] / sizes[i]))


def growth(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """The slope on logarithmic axes over the last two decades: 1 where cost is linear."""
    if len(sizes) < 3:
        return None
    return math.log(seconds[-1] / seconds[-3]) / math.log(sizes[-1] / sizes[-3])
