"""The search for the nearest centers with a lower bound for each distance, where there are many.

A distance falls by no more than its center moves. A center whose bound is above the distance of a
row's own center is not looked at: after a few iterations that is all but one in twenty.

References
----------
Elkan, Using the triangle inequality to accelerate k-means, ICML 2003.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.products import dot
from accelml_numpy.lloyd import SHRINK

Floats = np.ndarray[Any, Any]

# With fewer centers or shorter rows the distances themselves are as cheap as the bounds.
CENTERS, COLUMNS = 32, 64
# The part of X that the bounds may take.
ROOM = 0.14
# More than what rounding adds to a bound, as a part of it.
GUARD = np.float32(2**-18)


def are_worth_bounds(X: Floats, centers: Floats) -> bool:
    """Whether bounds save work, and are small beside X."""
    k, d = centers.shape
    return bool(k >= CENTERS and d >= COLUMNS and 4 * k <= ROOM * d * X.itemsize)


@compiled_sums
def direct(X: Floats, origin: Floats, centers: Floats, i: int, j: int) -> float:
    """Σ (x − c)² of one row and one center, in float64."""
    total = 0.0
    for f in range(X.shape[1]):
        gap = X[i, f] - origin[f] - centers[j, f]
        total += gap * gap
    return total


@compiled
def compare(
    X: Floats, origin: Floats, centers: Floats, i: int, distances: Floats, limit: float,
    scale: float, margin: float,
) -> Any:  # fmt: skip
    """The nearest of the centers whose distance is within the limit, directly."""
    nearest, best = np.int32(0), np.inf
    for j in range(len(centers)):
        if distances[j] <= limit:
            exact = direct(X, origin, centers, i, j)
            if exact < best - margin * np.sqrt(exact * scale):
                best = exact
                nearest = np.int32(j)
    return nearest


@compiled_sums
def fetch_row(X: Floats, origin: Floats, i: int, near: Floats) -> Any:
    """One row less the origin, and |x|²."""
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        x = X[i, f] - origin[f]
        near[0, f] = x
        total += x * x
    return total


@compiled_sums
def one_by_four(X: Floats, W: Floats, i: int, j: int, p: int, q: int) -> tuple[Any, ...]:
    """One row times four others."""
    a = b = c = d = X.dtype.type(0)
    for f in range(X.shape[1]):
        x = X[0, f]
        a += x * W[i, f]
        b += x * W[j, f]
        c += x * W[p, f]
        d += x * W[q, f]
    return a, b, c, d


@compiled
def assign_bounded(
    X: Floats, origin: Floats, centers: Floats, factors: Floats, starts: Floats, largest: float,
    shape: int, doubt: float, margin: float, loss: Floats, drift: Floats, start: int,
    stop: int, labels: Floats, slack: Floats, bounds: Floats, rows: Floats, before: Floats,
) -> int:  # fmt: skip
    """As ``assign``, with distances only to centers whose bounds, less the drift, leave it open."""
    count, k = 0, len(centers)
    near = np.empty((1, X.shape[1]), X.dtype)
    left, open_ = np.empty(k + 4, np.int32), np.empty(k, np.int8)
    distances = np.full(k, np.inf, X.dtype)
    farthest = drift.max()
    for i in range(start, stop):
        own = labels[i]
        slack[i] = (slack[i] - loss[own]) * SHRINK
        if slack[i] > 0:
            continue
        norm = fetch_row(X, origin, i, near)
        scale = norm + largest
        error = doubt * scale
        distances[own] = norm + starts[own] + dot(near, 0, factors, own)
        reach = np.float32(np.sqrt(max(distances[own], 0) + error))
        reach += GUARD * (reach + farthest)
        left[0], held = own, 1
        bounds[i, own] = np.inf
        low = np.float32(np.inf)
        for j in range(k):
            bound = bounds[i, j] - drift[j]
            is_open = bound <= reach
            low = min(low, np.float32(np.inf) if is_open else bound)
            open_[j] = is_open
        for j in range(k):
            left[held] = j
            held += open_[j]
        for q in range(held, held + 3):
            left[q] = own
        for q in range(1, held, 4):
            found = one_by_four(near, factors, left[q], left[q + 1], left[q + 2], left[q + 3])
            for p in range(4):
                j = left[q + p]
                distances[j] = norm + starts[j] + found[p] if j != own else distances[j]
        new, best, second = own, distances[own], X.dtype.type(np.inf)
        for q in range(held):
            j = left[q]
            distance = distances[j]
            bounds[i, j] = np.float32(np.sqrt(max(distance - error, 0))) + drift[j]
            if distance < best:
                new, best, second = j, distance, best
            elif q > 0:
                second = min(second, distance)
        if second <= best + error:
            new = compare(X, origin, centers, i, distances, best + error, scale, margin)
            slack[i] = 0
        else:
            low = min(low, np.float32(np.sqrt(max(second - error, 0))))
            reach = np.float32(np.sqrt(max(best, 0) + error))
            slack[i] = low - reach - GUARD * (reach + farthest)
        for q in range(held):
            distances[left[q]] = np.inf
        if new != own:
            if count < len(rows):
                rows[count] = i
                before[count] = own
            labels[i] = new
            count += 1
    return count
