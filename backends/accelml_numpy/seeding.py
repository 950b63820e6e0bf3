"""Greedy k-means++ with one number kept for each row: its distance to the nearest center so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import CANCELLED, directly
from accelml.cluster.initialization import plus_plus
from accelml.cluster.rows import Points, slices
from accelml_numpy.rows import all_ones
from accelml_numpy.threads import in_parts

Floats = np.ndarray[Any, Any]

# Rows whose probabilities are added up one by one; elsewhere their sum is enough.
CHUNK = 2**16
# Elements of a block's temporaries, so that they stay in the cache.
CACHED = 2**18
# All distances of a draw are kept where they are few, or take one byte to so many of X.
FEW, PART = 2**18, 25

# potentials = compare(points, weights, candidates, closest, kept), and what it keeps is lowered.
Compare = Callable[[Backend, Points, "Floats | None", Floats, Floats, "Floats | None"], Floats]


def choose(
    backend: Backend, points: Points, first: Floats, draws: Floats, compare: Compare
) -> Floats:
    """The rows that ``plus_plus`` chooses.

    Parameters
    ----------
    backend, points, first, draws
        As those of ``plus_plus``.
    compare : callable
        ``compare(backend, points, weights, candidates, closest, kept)`` returns, for each of the
        candidates, the weighted sum of what ``closest`` would become with it; weights are None
        where all are 1. ``kept`` (candidates, n) receives the terms of these sums, if it is given.
    """
    n, d = points.X.shape
    weights = None if all_ones(points.weights) else points.weights
    closest = np.full((1, n), np.inf, points.X.dtype)
    compare(backend, points, None, first, closest[0], closest)
    rows, trials = [first[0]], draws.shape[1]
    is_small = trials * n <= FEW or trials * PART <= d
    kept = np.empty((trials, n), points.X.dtype) if is_small else None
    for draw in draws:
        candidates = drawn(weights, closest[0], draw)
        best = compare(backend, points, weights, candidates, closest[0], kept).argmin()
        rows.append(candidates[best])
        if kept is not None:
            closest[0] = kept[best]
        else:
            compare(backend, points, None, candidates[best : best + 1], closest[0], closest)
    return np.array(rows, np.int32)


def drawn(weights: Floats | None, closest: Floats, draw: Floats) -> Floats:
    """Rows as likely as their weight times their distance says, for numbers in [0, 1)."""

    def mass(rows: slice) -> Floats:
        product = closest[rows].astype(np.float64)
        return product if weights is None else product * weights[rows]

    def weight(rows: slice) -> Floats:
        return np.ones(rows.stop - rows.start) if weights is None else weights[rows].astype(float)

    chunks = list(slices(len(closest), CHUNK))
    if len(chunks) == 1:
        part = mass(chunks[0])
        cumulative = np.cumsum(part if part.any() else weight(chunks[0]))
        chosen: Floats = pick(cumulative, draw * cumulative[-1])
        return chosen
    totals = np.cumsum([mass(rows).sum() for rows in chunks])
    of_rows = mass
    # Where every row lies on a center already, one row is as good as another.
    if totals[-1] == 0:
        totals, of_rows = np.cumsum([weight(rows).sum() for rows in chunks]), weight
    targets = draw * totals[-1]
    at = pick(totals, targets)
    below = np.concatenate([[0.0], totals])[at]
    return np.array(
        [
            chunks[chunk].start + pick(np.cumsum(of_rows(chunks[chunk])), target)
            for chunk, target in zip(at, targets - below, strict=True)
        ],
        np.int64,
    )


def pick(cumulative: Floats, targets: Any) -> Any:
    """Where the targets fall among cumulative sums, which are never those of a zero."""
    last = np.searchsorted(cumulative, cumulative[-1], side="left")
    found: Any = np.minimum(np.searchsorted(cumulative, targets, side="right"), last)
    return found


def compare_by_products(
    backend: Backend,
    points: Points,
    weights: Floats | None,
    candidates: Floats,
    closest: Floats,
    kept: Floats | None,
) -> Floats:
    """Block by block, by a matrix product that stays in the cache."""
    X, origin, trials = points.X, points.origin, len(candidates)
    n, d = X.shape
    centers = X[candidates] - origin
    norms = np.einsum("ij,ij->i", centers, centers)[:, None]
    factors = -2 * centers
    size = max(1, CACHED // (d + trials))

    def part(start: int, stop: int) -> Floats:
        potentials = np.zeros(trials)
        for begin in range(start, stop, size):
            rows = slice(begin, min(begin + size, stop))
            near = X[rows] - origin
            scale = np.einsum("ij,ij->i", near, near) + norms
            distances = factors @ near.T
            distances += scale
            scale *= X.dtype.type(CANCELLED)
            pending = distances <= scale
            distances = directly(backend, near, centers, distances.T, pending.T).T
            np.minimum(distances, closest[rows], out=distances)
            if kept is not None:
                kept[:, rows] = distances
            if weights is not None:
                distances = distances * weights[rows]
            potentials += distances.sum(axis=1, dtype=np.float64)
        return potentials

    total: Floats = np.sum(in_parts(part, (n, d)), axis=0)
    return total


@plus_plus.register("numpy")
def _plus_plus(backend: Backend, points: Points, first: Array, draws: Array) -> Array:
    return choose(backend, points, first, draws, compare_by_products)
