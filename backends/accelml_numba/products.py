"""Products of a few rows with a few vectors, for loops that use them while they are in cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accelml_numba.compilation import compiled, compiled_sums
from accelml_numba.tiles import ask_for_line

Floats = np.ndarray[Any, Any]


@intrinsic
def prefetch(typing: Any, X: Any, i: Any, j: Any) -> Any:
    """Ask for the cache line of an entry of X; past the end, nothing happens.

    A row that is used twice keeps the processor busy for longer than its own prefetcher looks
    ahead.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        entry = cgutils.get_item_pointer(
            context, builder, kind, array, list(arguments[1:]), wraparound=False
        )
        ask_for_line(builder, entry, locality=3)
        return context.get_dummy_value()

    return types.void(X, types.intp, types.intp), generate


@intrinsic
def widest(typing: Any) -> Any:
    """Let the function that this stands in use the widest vectors that the processor has.

    LLVM halves those of AVX-512, which once slowed the clock down.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # llvmlite knows only attributes of one word.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


@compiled
def prefetch_rows(X: Floats, first: int, last: int) -> None:
    """Ask for some rows, which may lie past the end."""
    step = 64 // X.itemsize
    for i in range(first, last):
        for j in range(0, X.shape[1], step):
            prefetch(X, i, j)


@compiled
def rows_ahead(X: Floats, rows: int) -> int:
    """How far ahead to ask for rows that are gone through ``rows`` at a time: a page.

    The processor's own prefetcher stops at the end of one.
    """
    page: int = 4096 // max(1, X.shape[1] * X.itemsize)
    return max(rows, page)


@compiled_sums
def dot(X: Floats, i: int, W: Floats, j: int) -> Any:
    """Row ``i`` of X times row ``j`` of W."""
    total = X.dtype.type(0)
    for f in range(X.shape[1]):
        total += X[i, f] * W[j, f]
    return total


@compiled_sums
def total_of(values: Floats) -> float:
    """The sum of a few numbers, in float64."""
    total = 0.0
    for value in values:
        total += value
    return total


@compiled_sums
def four_by_one(X: Floats, i: int, W: Floats, j: int) -> tuple[Any, ...]:
    """Four rows of X from ``i`` times row ``j`` of W."""
    a0 = b0 = c0 = d0 = X.dtype.type(0)
    for f in range(X.shape[1]):
        u = W[j, f]
        a0 += X[i, f] * u
        b0 += X[i + 1, f] * u
        c0 += X[i + 2, f] * u
        d0 += X[i + 3, f] * u
    return a0, b0, c0, d0


@compiled_sums
def four_by_two(X: Floats, i: int, W: Floats, j: int) -> tuple[Any, ...]:
    """Four rows of X from ``i`` times two of W from ``j``."""
    zero = X.dtype.type(0)
    a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = zero
    for f in range(X.shape[1]):
        u, v = W[j, f], W[j + 1, f]
        a, b, c, d = X[i, f], X[i + 1, f], X[i + 2, f], X[i + 3, f]
        a0 += a * u
        a1 += a * v
        b0 += b * u
        b1 += b * v
        c0 += c * u
        c1 += c * v
        d0 += d * u
        d1 += d * v
    return a0, a1, b0, b1, c0, c1, d0, d1


@compiled
def add_products(X: Floats, first: int, W: Floats, out: Floats) -> None:
    """Add X Wᵀ of the rows from ``first``; both are read along their rows.

    Four rows and two vectors at a time: eight sums fit the registers of a processor.
    """
    rows, vectors = out.shape
    fours, twos = rows - rows % 4, vectors - vectors % 2
    for r in range(0, fours, 4):
        for j in range(0, twos, 2):
            a0, a1, b0, b1, c0, c1, d0, d1 = four_by_two(X, first + r, W, j)
            out[r, j] += a0
            out[r, j + 1] += a1
            out[r + 1, j] += b0
            out[r + 1, j + 1] += b1
            out[r + 2, j] += c0
            out[r + 2, j + 1] += c1
            out[r + 3, j] += d0
            out[r + 3, j + 1] += d1
        for j in range(twos, vectors):
            for q in range(r, r + 4):
                out[q, j] += dot(X, first + q, W, j)
    for r in range(fours, rows):
        for j in range(vectors):
            out[r, j] += dot(X, first + r, W, j)
