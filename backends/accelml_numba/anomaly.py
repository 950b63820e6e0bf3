"""The Gaussian of independent features as compiled loops: each row is read while it is in cache."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, merge, statistics
from accelml.backend import Backend
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.products import prefetch_rows, rows_ahead, widest
from accelml_numba.threads import in_parts
from accelml_numba.tiles import TILE
from accelml_numba.vectors import ROWS, fill_distances
from accelml_numpy.anomaly import score_rows, sum_rows
from accelml_numpy.rows import all_ones

Floats = np.ndarray[Any, Any]

# Entries of X that are still in the first cache when they are read again.
BLOCK_ENTRIES = 2**12
# Entries from which a row is added to the sums as it is.
WIDE = 64
# Rows of few features whose distances are summed side by side.
NARROW_ROWS = 256


@compiled
def sum_block(
    X: Floats, weights: Floats, first: int, last: int, mean: Floats, scatter: Floats
) -> float:
    """Fill the mean and the scatter of a few rows, and return their weight.

    Four rows at a time, so that a sum is fetched and stored once for all of them.
    """
    d = X.shape[1]
    fours, ahead = last - (last - first) % 4, rows_ahead(X, 4)
    heaviest = first + np.argmax(weights[first:last])
    weight = 0.0
    for i in range(first, last):
        weight += weights[i]
    mean[:] = 0
    scatter[:] = 0
    for i in range(first, fours, 4):
        a, b, c, e = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        prefetch_rows(X, i + ahead, i + ahead + 4)
        for j in range(d):
            origin = np.float64(X[heaviest, j])
            mean[j] += (a * (X[i, j] - origin) + b * (X[i + 1, j] - origin)) + (
                c * (X[i + 2, j] - origin) + e * (X[i + 3, j] - origin)
            )
    for i in range(fours, last):
        for j in range(d):
            mean[j] += weights[i] * (X[i, j] - np.float64(X[heaviest, j]))
    for j in range(d):
        mean[j] = X[heaviest, j] + mean[j] / (weight if weight > 0 else 1.0)
    for i in range(first, fours, 4):
        a, b, c, e = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for j in range(d):
            center = mean[j]
            p, q = X[i, j] - center, X[i + 1, j] - center
            r, s = X[i + 2, j] - center, X[i + 3, j] - center
            scatter[j] += (a * (p * p) + b * (q * q)) + (c * (r * r) + e * (s * s))
    for i in range(fours, last):
        for j in range(d):
            p = X[i, j] - mean[j]
            scatter[j] += weights[i] * (p * p)
    return weight


@compiled
def sum_part(
    X: Floats, weights: Floats, start: int, stop: int, mean: Floats, scatter: Floats
) -> float:
    """Fill the mean and the scatter of many rows, block by block, and return their weight."""
    d = X.shape[1]
    block_mean, block_scatter = np.empty(d), np.empty(d)
    size = max(16, BLOCK_ENTRIES // d)
    total = sum_block(X, weights, start, min(stop, start + size), mean, scatter)
    for first in range(start + size, stop, size):
        last = min(stop, first + size)
        weight = sum_block(X, weights, first, last, block_mean, block_scatter)
        share = weight / (total + weight if total + weight > 0 else 1.0)
        for j in range(d):
            apart = block_mean[j] - mean[j]
            # From the mean of the heavier set, as ``merge`` does.
            heavier = block_mean[j] - (1 - share) * apart
            mean[j] = heavier if share > 0.5 else mean[j] + share * apart
            scatter[j] += block_scatter[j] + total * share * (apart * apart)
        total += weight
    return total


@compiled
def sum_equal_block(
    X: Floats, first: int, last: int, origin: Floats, sums: Floats, squares: Floats
) -> None:
    """Fill Σ (x − o) and Σ (x − o)² of a few rows of weight one."""
    widest()
    sums[:] = 0
    squares[:] = 0
    fours, ahead = last - (last - first) % 4, rows_ahead(X, 4)
    for i in range(first, fours, 4):
        prefetch_rows(X, i + ahead, i + ahead + 4)
        for j in range(X.shape[1]):
            o = origin[j]
            p, q, r, s = X[i, j] - o, X[i + 1, j] - o, X[i + 2, j] - o, X[i + 3, j] - o
            sums[j] += (p + q) + (r + s)
            squares[j] += (p * p + q * q) + (r * r + s * s)
    for i in range(fours, last):
        for j in range(X.shape[1]):
            p = X[i, j] - origin[j]
            sums[j] += p
            squares[j] += p * p


@compiled
def sum_equal_part(X: Floats, start: int, stop: int, mean: Floats, scatter: Floats) -> float:
    """The same as ``sum_part`` where every row counts one: each entry is looked at once.

    Rows are seen from the mean of those before, and the first from one of them, so that no more
    digits are lost than the distances between the blocks, which are in the scatter, make up.
    """
    d = X.shape[1]
    sums, squares = np.empty(d), np.empty(d)
    size = max(16, BLOCK_ENTRIES // d)
    for j in range(d):
        mean[j] = X[start, j]
    for first in range(start, stop, size):
        last = min(stop, first + size)
        sum_equal_block(X, first, last, mean, sums, squares)
        weight, before = float(last - first), float(first - start)
        share = weight / (before + weight)
        for j in range(d):
            apart = sums[j] / weight
            inside = squares[j] - sums[j] * apart
            scatter[j] += (inside if inside > 0 else inside * 0) + before * share * (apart * apart)
            mean[j] += share * apart
    return float(stop - start)


def fold(moments: Moments, groups: int) -> Moments:
    """The moments of rows from those of longer ones, in each of which several lie side by side."""
    means, scatters = (part.reshape(groups, -1) for part in moments[1:])
    mean = means[0] + (means - means[0]).mean(axis=0)
    between = moments.weight * ((means - mean) ** 2).sum(axis=0)
    return Moments(groups * moments.weight, mean, scatters.sum(axis=0) + between)


@statistics.register("numba")
def _statistics(backend: Backend, covariance_type: str, X: Array, weights: Array) -> Moments:
    if covariance_type == "full" or not X.flags.c_contiguous:
        return sum_rows(backend, covariance_type, X, weights)
    if all_ones(weights):
        return of_equal_rows(X)
    X, weights = locked(X), locked_row(weights.astype(np.float64, copy=False))

    def part(start: int, stop: int) -> Moments:
        mean, scatter = np.zeros((2, X.shape[1]))
        weight = sum_part(X, weights, start, stop, mean, scatter)
        return Moments(np.asarray(weight), mean, scatter)

    return functools.reduce(functools.partial(merge, np), in_parts(part, len(X), 4.0 * X.size))


def of_equal_rows(X: Floats) -> Moments:
    """The moments of rows that count one each; of short ones, as many at once as fill vectors."""
    (n, d), X = X.shape, locked(X)
    groups = min(n, max(1, WIDE // d))
    wide = X[: n - n % groups].reshape(-1, groups * d)

    def part(start: int, stop: int) -> Moments:
        mean, scatter = np.zeros((2, groups * d))
        weight = sum_equal_part(wide, start, stop, mean, scatter)
        return fold(Moments(np.asarray(weight), mean, scatter), groups)

    found = in_parts(part, len(wide), 4.0 * X.size)
    if n % groups:
        mean, scatter = np.zeros((2, d))
        weight = sum_equal_part(X, n - n % groups, n, mean, scatter)
        found.append(Moments(np.asarray(weight), mean, scatter))
    return functools.reduce(functools.partial(merge, np), found)


@compiled
def log_density_at(distance: Any, peak: float, half: float) -> Any:
    """The log density at a squared distance, which is ∞ − ∞ where it overflows."""
    return peak - half * (distance if distance == distance else np.inf)


@compiled
def score_part(
    X: Floats, mean: Floats, remainder: Floats, scale: Floats, start: int, stop: int, peak: float,
    half: float, scores: Floats,
) -> None:  # fmt: skip
    """Fill −½ |(x − μ) W|² + peak of some rows."""
    distances = np.empty(ROWS, X.dtype)
    flat, d, ahead = X.reshape(-1), X.shape[1], rows_ahead(X, ROWS)
    for first in range(start, stop, ROWS):
        rows = min(ROWS, stop - first)
        prefetch_rows(X, first + ahead, first + ahead + ROWS)
        fill_distances(rows, flat, first * d, d, mean, remainder, scale, distances)
        for r in range(rows):
            scores[first + r] = log_density_at(distances[r], peak, half)


@compiled
def score_narrow_part(
    X: Floats, mean: Floats, remainder: Floats, scale: Floats, start: int, stop: int, peak: float,
    half: float, scores: Floats,
) -> None:  # fmt: skip
    """The same for rows that do not fill a vector: many rows side by side, four columns at once."""
    d = X.shape[1]
    fours = d - d % 4
    distances = np.empty(NARROW_ROWS, X.dtype)
    for first in range(start, stop, NARROW_ROWS):
        rows = min(NARROW_ROWS, stop - first)
        for r in range(rows):
            distances[r] = 0
        for j in range(0, fours, 4):
            m, n, o, p = mean[j], mean[j + 1], mean[j + 2], mean[j + 3]
            f, g, h, k = remainder[j], remainder[j + 1], remainder[j + 2], remainder[j + 3]
            u, v, w, z = scale[j], scale[j + 1], scale[j + 2], scale[j + 3]
            for i in range(rows):
                a, b = (X[first + i, j] - m - f) * u, (X[first + i, j + 1] - n - g) * v
                c, e = (X[first + i, j + 2] - o - h) * w, (X[first + i, j + 3] - p - k) * z
                distances[i] += (a * a + b * b) + (c * c + e * e)
        for j in range(fours, d):
            m, f, u = mean[j], remainder[j], scale[j]
            for i in range(rows):
                a = (X[first + i, j] - m - f) * u
                distances[i] += a * a
        for i in range(rows):
            scores[first + i] = log_density_at(distances[i], peak, half)


@log_density.register("numba")
def _log_density(backend: Backend, gaussian: Gaussian, X: Array) -> Array:
    mean, remainder, scale, peak = gaussian
    if scale.ndim == 2 or not X.flags.c_contiguous:
        return score_rows(backend, gaussian, X)
    scores = np.empty(len(X), X.dtype)
    read = [locked_row(part.astype(X.dtype, copy=False)) for part in (mean, remainder, scale)]
    numbers: Any = (X.dtype.type(peak), X.dtype.type(0.5))
    fill = score_narrow_part if X.shape[1] * X.itemsize < TILE.size else score_part

    def part(start: int, stop: int) -> None:
        arguments: Any = (locked(X), *read, start, stop, *numbers, scores)
        fill(*arguments)

    in_parts(part, len(X), 4.0 * X.size)
    return scores
