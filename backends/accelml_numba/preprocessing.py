"""Preprocessing as compiled loops: each row is read, and written, once."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.preprocessing.moments import Moments, statistics
from accelml.preprocessing.polynomial_basis import Level, polynomial_basis
from accelml.preprocessing.standardisation import Standard, standardise, unstandardise
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numpy.preprocessing import expand, multiply_columns, near_mean

Floats = np.ndarray[Any, Any]
Integers = np.ndarray[Any, Any]

BLOCK_NUMBERS = 1 << 15


@statistics.register("numba")
def _statistics(backend: Backend, X: Array, weights: Array) -> Moments:
    if not X.flags.c_contiguous:
        return statistics.overrides["numpy"](backend, X, weights)
    total = Moments(*np.zeros((3, X.shape[1])))
    origin = near_mean(backend, X, weights)
    block = max(1, BLOCK_NUMBERS // X.shape[1])
    add_moments(locked(X), locked_row(weights), locked_row(origin), block, *total)
    return total._replace(mean=total.mean + origin)


@compiled
def add_moments(
    X: Floats, weights: Floats, origin: Floats, block: int,
    count: Floats, mean: Floats, squares: Floats,
) -> None:  # fmt: skip
    """Two passes over each block of rows, which is then merged with those before it."""
    n, d = X.shape
    sums = np.zeros((3, d))
    weight, center, square = sums[0], sums[1], sums[2]
    for first in range(0, n, block):
        last = min(n, first + block)
        sums[:] = 0
        for i in range(first, last):
            w = weights[i]
            for j in range(d):
                x = X[i, j] - origin[j]
                known = x == x
                weight[j] += w if known else 0.0
                center[j] += w * x if known else 0.0
        for j in range(d):
            center[j] /= weight[j] if weight[j] > 0 else 1.0
        for i in range(first, last):
            w = weights[i]
            for j in range(d):
                x = X[i, j] - origin[j]
                deviation = x - center[j] if x == x else 0.0
                square[j] += w * deviation * deviation
        for j in range(d):
            total = count[j] + weight[j]
            share = weight[j] / total if total > 0 else 0.0
            gap = center[j] - mean[j]
            squares[j] += square[j] + gap * gap * count[j] * share
            mean[j] += gap * share
            count[j] = total


@standardise.register("numba")
def _standardise(backend: Backend, X: Array, standard: Standard) -> Array:
    if not X.flags.c_contiguous:
        return standardise.overrides["numpy"](backend, X, standard)
    out = np.empty_like(X)
    near, rest, scale = map(locked_row, standard)
    standardise_rows(locked(X), near, rest, scale, out)
    return out


@compiled
def standardise_rows(X: Floats, near: Floats, rest: Floats, scale: Floats, out: Floats) -> None:
    """Fill ``out``."""
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            out[i, j] = (X[i, j] - near[j] - rest[j]) / scale[j]


@unstandardise.register("numba")
def _unstandardise(backend: Backend, X: Array, standard: Standard) -> Array:
    if not X.flags.c_contiguous:
        return unstandardise.overrides["numpy"](backend, X, standard)
    out = np.empty_like(X)
    near, rest, scale = map(locked_row, standard)
    unstandardise_rows(locked(X), near, rest, scale, out)
    return out


@compiled
def unstandardise_rows(X: Floats, near: Floats, rest: Floats, scale: Floats, out: Floats) -> None:
    """Fill ``out``."""
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            out[i, j] = X[i, j] * scale[j] + rest[j] + near[j]


@polynomial_basis.register("numba")
def _polynomial_basis(
    backend: Backend, X: Array, min_degree: int, max_degree: int, interaction_only: bool,
    include_bias: bool, order: str,
) -> Array:  # fmt: skip
    # A column at a time is what a layout by columns wants.
    multiply = multiply_columns if order == "F" else multiply_rows
    return expand(X, min_degree, max_degree, interaction_only, include_bias, order, multiply, order)


def multiply_rows(X: Floats, out: Floats, column: int, steps: tuple[Level, ...]) -> None:
    """Write all terms from degree 1 on, beginning at a column, row by row."""
    fill_rows(locked(X), out, column, *runs(X.shape[1], steps))


@functools.lru_cache(maxsize=16)
def runs(width: int, steps: tuple[Level, ...]) -> tuple[Integers, Integers, Integers]:
    """For each feature of each level: the first term it multiplies, how many, and which it is."""
    found = []
    end = width
    for starts, size in steps:
        last = end
        for feature, start in enumerate(starts):
            found.append((last - size + start, size - start, feature))
            end += size - start
    first, length, features = np.array(found, dtype=np.intp).reshape(-1, 3).T.copy()
    return first, length, features


@compiled
def fill_rows(
    X: Floats, out: Floats, column: int, first: Integers, length: Integers, features: Integers
) -> None:
    """Each run of terms times its feature."""
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            out[i, column + j] = X[i, j]
        end = column + d
        for run in range(first.size):
            x = X[i, features[run]]
            source = column + first[run]
            for k in range(length[run]):
                out[i, end + k] = out[i, source + k] * x
            end += length[run]
