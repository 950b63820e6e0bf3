"""Greedy k-means++ with compiled distances, which are so few that each is summed directly."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.initialization import plus_plus
from accelml.cluster.rows import Points
from accelml_numba.compilation import compiled, compiled_sums, locked
from accelml_numba.threads import in_parts
from accelml_numpy.seeding import choose

Floats = np.ndarray[Any, Any]


@compiled_sums
def between(X: Floats, i: int, centers: Floats, j: int) -> Any:
    """Σ (x − c)² of one row and one center."""
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        gap = X[i, f] - centers[j, f]
        total += gap * gap
    return total


@compiled
def add_potentials(
    X: Floats, centers: Floats, weights: Floats, step: int, closest: Floats, kept: Floats,
    start: int, stop: int, potentials: Floats,
) -> None:  # fmt: skip
    """Add up what some rows' distances to the nearest center would be with each candidate."""
    for i in range(start, stop):
        weight, most = np.float64(weights[i * step]), closest[i]
        for j in range(len(centers)):
            distance = min(between(X, i, centers, j), most)
            potentials[j] += weight * distance
            if len(kept):
                kept[j, i] = distance


def compare_directly(
    backend: Backend,
    points: Points,
    weights: Floats | None,
    candidates: Floats,
    closest: Floats,
    kept: Floats | None,
) -> Floats:
    """Row by row, all candidates while the row is at hand."""
    X, trials = locked(points.X), len(candidates)
    centers = np.ascontiguousarray(X[candidates])
    factors = locked(np.ones(1, X.dtype) if weights is None else weights)
    room = np.empty((0, 0), X.dtype) if kept is None else kept

    def part(start: int, stop: int) -> Floats:
        potentials = np.zeros(trials)
        step = int(weights is not None)
        add_potentials(X, centers, factors, step, closest, room, start, stop, potentials)
        return potentials

    total: Floats = np.sum(in_parts(part, len(X), float(X.size) * trials), axis=0)
    return total


@plus_plus.register("numba")
def _plus_plus(backend: Backend, points: Points, first: Array, draws: Array) -> Array:
    return choose(backend, points, first, draws, compare_directly)
