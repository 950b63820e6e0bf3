"""Preprocessing by blocks of rows that stay in cache: NumPy's passes over memory are the cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.preprocessing.moments import Moments, merge, statistics
from accelml.preprocessing.polynomial_basis import Level, count_terms, levels, polynomial_basis
from accelml.preprocessing.standardisation import Standard, standardise, unstandardise

Floats = np.ndarray[Any, Any]
Multiply = Callable[[Floats, Floats, int, tuple[Level, ...]], None]

BLOCK_BYTES = 1 << 20
# Rows in a block of polynomials from which it is laid out by columns, and then turned around.
TURNED = 128


def blocks(n: int, row_bytes: int, least: int = 16) -> Iterator[slice]:
    """Blocks of rows that are written and read again while they are in cache."""
    rows = max(least, BLOCK_BYTES // max(row_bytes, 1))
    for start in range(0, n, rows):
        yield slice(start, start + rows)


@statistics.register("numpy")
def _statistics(backend: Backend, X: Array, weights: Array) -> Moments:
    total = Moments(*np.zeros((3, X.shape[1])))
    origin = near_mean(backend, X, weights)
    for rows in blocks(X.shape[0], 8 * X.shape[1]):
        shifted = np.subtract(X[rows], origin, dtype=np.float64)
        total = merge(np, total, block_moments(backend, shifted, weights[rows]))
    return total._replace(mean=total.mean + origin)


def near_mean(backend: Backend, X: Floats, weights: Floats) -> Floats:
    """The means of a few rows; measured from there, those of blocks are hardly rounded."""
    guess: Floats = statistics.generic(backend, X[:16], weights[:16]).mean
    return guess


def block_moments(backend: Backend, X: Floats, weights: Floats) -> Moments:
    """The moments of a block in float64, which is overwritten where nothing is missing."""
    count = weights.sum(dtype=np.float64)
    mean = weights @ X
    if count == 0 or not np.isfinite(mean).all():
        return statistics.generic(backend, X, weights)
    mean /= count
    X -= mean
    X *= X
    return Moments(np.full(X.shape[1], count), mean, weights @ X)


@standardise.register("numpy")
def _standardise(backend: Backend, X: Array, standard: Standard) -> Array:
    out = np.empty_like(X)
    is_rounded = standard.rest.any()
    for rows in blocks(X.shape[0], X.itemsize * X.shape[1]):
        block = np.subtract(X[rows], standard.near, out=out[rows])
        if is_rounded:
            block -= standard.rest
        block /= standard.scale
    return out


@unstandardise.register("numpy")
def _unstandardise(backend: Backend, X: Array, standard: Standard) -> Array:
    out = np.empty_like(X)
    is_rounded = standard.rest.any()
    for rows in blocks(X.shape[0], X.itemsize * X.shape[1]):
        block = np.multiply(X[rows], standard.scale, out=out[rows])
        if is_rounded:
            block += standard.rest
        block += standard.near
    return out


@polynomial_basis.register("numpy")
def _polynomial_basis(
    backend: Backend, X: Array, min_degree: int, max_degree: int, interaction_only: bool,
    include_bias: bool, order: str,
) -> Array:  # fmt: skip
    # What is multiplied at once is a row's few terms of one degree and first feature, or a column.
    terms = count_terms(X.shape[1], max_degree, interaction_only)
    is_turned = order == "C" and TURNED * X.itemsize * terms <= BLOCK_BYTES
    return expand(
        X, min_degree, max_degree, interaction_only, include_bias, order, multiply_columns,
        "F" if is_turned else order,
    )  # fmt: skip


def expand(
    X: Floats, min_degree: int, max_degree: int, interaction_only: bool, include_bias: bool,
    order: Any, multiply: Multiply, layout: Any,
) -> Floats:  # fmt: skip
    """Fill the basis block by block.

    Where degrees are too low to keep, or a block is laid out in another way than the result, it
    has a place of its own.
    """
    n, width = X.shape
    bias = int(include_bias)
    terms = count_terms(width, max_degree, interaction_only)
    skipped = count_terms(width, max(min_degree, 1) - 1, interaction_only)
    steps = levels(width, max_degree, interaction_only)
    out = np.empty((n, bias + terms - skipped), X.dtype, order=order)
    out[:, :bias] = 1
    if max_degree == 0:
        return out
    # Laid out by columns, a block is as good as its columns are long.
    scratch: Floats | None = None
    for rows in blocks(n, X.itemsize * (bias + terms), least=4096 if order == "F" else 16):
        block = np.asarray(X[rows], order=layout)
        if layout == order and not skipped:
            multiply(block, out[rows], bias, steps)
            continue
        if scratch is None:
            scratch = np.empty((len(block), terms), X.dtype, order=layout)
        multiply(block, scratch[: len(block)], 0, steps)
        out[rows, bias:] = scratch[: len(block), skipped:]
    return out


def multiply_columns(X: Floats, out: Floats, column: int, steps: tuple[Level, ...]) -> None:
    """Write all terms from degree 1 on, beginning at a column, many terms at a time."""
    width = X.shape[1]
    out[:, column : column + width] = X
    end = column + width
    for starts, size in steps:
        last = end
        for feature, start in enumerate(starts):
            terms = out[:, last - size + start : last]
            stop = end + size - start
            np.multiply(terms, X[:, feature : feature + 1], out=out[:, end:stop])
            end = stop
