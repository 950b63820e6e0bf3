"""A panel of rows, laid out as columns: their products with many vectors, and the lowest of each.

A panel is as wide as the tiles of ``accelml_numba.tiles``; each of its rows is a feature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accelml_numba.compilation import compiled
from accelml_numba.tiles import FUSED, INDEX, LINE, NUMBER, ROWS, TILE, add_tile, loop, spread
from accelml_numba.vectors import load

Floats = np.ndarray[Any, Any]

# Bytes of a panel's features that are gone through before the next vectors are: half a first cache.
DEEP = 2**14
LANE_BYTES = TILE.size


def in_tiles(W: Floats) -> Floats:
    """The rows of a matrix as the tiles' left sides: ``ROWS`` of them side by side, zeros fill up.

    Returns
    -------
    ndarray of shape (tiles, d * ROWS)
    """
    k, d = W.shape
    tiles = -(-k // ROWS)
    filled = np.zeros((tiles * ROWS, d), W.dtype)
    filled[:k] = W
    return np.ascontiguousarray(filled.reshape(tiles, ROWS, d).swapaxes(1, 2)).reshape(tiles, -1)


@compiled
def padded(X: Floats) -> int:
    """Features of a panel: whole vectors of each row are laid out at once."""
    lanes = LANE_BYTES // X.itemsize
    features: int = (X.shape[1] + lanes - 1) // lanes * lanes
    return features


@intrinsic
def fill_columns(
    typing: Any, X: Any, rows: Any, first: Any, last: Any, origin: Any, near: Any, norms: Any
) -> Any:
    """Lay out as many rows less the origin as a vector has lanes, and |x|².

    They are those of ``rows`` from ``first`` on, and then ``last`` over and over; they become the
    columns of the panel ``near`` from the same one on. The entries of a row are neighbours.
    """
    size = types.intp
    signature = types.void(X, rows, size, size, origin, near, norms)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, last = arguments[2:4]
        x, numbers, mean, panel, norm = (
            context.make_array(signature.args[i])(context, builder, arguments[i])
            for i in (0, 1, 4, 5, 6)
        )
        scalar = context.get_data_type(signature.args[0].dtype)
        lanes = TILE.size * 8 // signature.args[0].dtype.bitwidth
        width = INDEX(TILE.vectors * lanes)
        d, step = builder.extract_value(x.shape, 1), builder.extract_value(x.strides, 0)
        whole = builder.sub(d, builder.srem(d, INDEX(lanes)))
        bytes_ = builder.bitcast(x.data, ir.IntType(8).as_pointer())
        begins = []
        for r in range(lanes):
            number = builder.add(first, INDEX(r))
            number = builder.select(builder.icmp_signed("<", number, last), number, last)
            row = builder.sext(builder.load(builder.gep(numbers.data, [number])), INDEX)
            begin = builder.gep(bytes_, [builder.mul(row, step)])
            begins.append(builder.bitcast(begin, x.data.type))
        result = builder.gep(panel.data, [first])

        def lay_out(f: Any, total: Any, mask: Any) -> Any:
            away = load(builder, builder.gep(mean.data, [f]), scalar, lanes, mask)
            values = [
                builder.fsub(load(builder, builder.gep(begin, [f]), scalar, lanes, mask), away)
                for begin in begins
            ]
            for r, value in enumerate(transposed(builder, values)):
                target = builder.gep(result, [builder.mul(builder.add(f, INDEX(r)), width)])
                builder.store(value, builder.bitcast(target, value.type.as_pointer()), align=4)
                total = builder.fadd(total, builder.fmul(value, value, flags=FUSED), flags=FUSED)
            return total

        zero = ir.Constant(ir.VectorType(scalar, lanes), None)
        (total,) = loop(builder, whole, lanes, [zero], lambda f, sums: [lay_out(f, sums[0], None)])
        with_rest, end = map(builder.append_basic_block, ("rest", "end"))
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", whole, d), with_rest, end)
        builder.position_at_end(with_rest)
        places = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
        mask = builder.icmp_signed("<", places, spread(builder, builder.sub(d, whole), places.type))
        after = lay_out(whole, total, mask)
        after_block = builder.block
        builder.branch(end)
        builder.position_at_end(end)
        sums = builder.phi(total.type)
        sums.add_incoming(total, before)
        sums.add_incoming(after, after_block)
        target = builder.gep(norm.data, [first])
        builder.store(sums, builder.bitcast(target, sums.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return signature, generate


def transposed(builder: Any, vectors: list[Any]) -> list[Any]:
    """As many vectors as each has lanes, with entry i of vector j as entry j of vector i.

    Step by step, two vectors whose numbers differ in one bit exchange the entries whose numbers
    differ in it.
    """
    lanes, step = len(vectors), 1
    kind = ir.VectorType(NUMBER, lanes)
    while step < lanes:
        low = [i if not i & step else lanes + i - step for i in range(lanes)]
        high = [i + step if not i & step else lanes + i for i in range(lanes)]
        after = list(vectors)
        for i in range(lanes):
            if not i & step:
                pair = vectors[i], vectors[i + step]
                after[i] = builder.shuffle_vector(*pair, ir.Constant(kind, low))
                after[i + step] = builder.shuffle_vector(*pair, ir.Constant(kind, high))
        vectors, step = after, 2 * step
    return vectors


@compiled
def fill_panel(X: Floats, origin: Floats, rows: Floats, near: Floats, norms: Floats) -> None:
    """A panel of some rows less the origin, and |x|².

    Parameters
    ----------
    X : ndarray of shape (n, d)
    origin : ndarray of shape (d,)
    rows : ndarray of shape (m,)
        Which of X, one to ``width``; the last of them fills up.
    near : ndarray of shape (padded(X), width)
    norms : ndarray of shape (width,)
    """
    width, last = near.shape[1], len(rows) - 1
    if X.strides[1] == X.itemsize:
        for r in range(0, width, LANE_BYTES // X.itemsize):
            fill_columns(X, rows, r, last, origin, near, norms)
        return
    for r in range(width):
        i, norm = rows[min(r, last)], X.dtype.type(0)
        for f in range(X.shape[1]):
            x = X[i, f] - origin[f]
            near[f, r] = x
            norm += x * x
        norms[r] = norm


@compiled
def products_of_panel(tiles: Floats, near: Floats, starts: Floats, out: Floats) -> None:
    """W Xᵀ of a panel, plus a start for each row of W.

    Parameters
    ----------
    tiles : ndarray of shape (tiles, d * ROWS)
        W, see ``in_tiles``.
    near : ndarray of shape (features, width)
    starts : ndarray of shape (k,)
    out : ndarray of shape (k, width)
    """
    (k, width), d = out.shape, tiles.shape[1] // ROWS
    for j in range(k):
        for r in range(width):
            out[j, r] = starts[j]
    deep = max(1, DEEP // (width * near.itemsize))
    for f in range(0, d, deep):
        for j in range(0, k, ROWS):
            first = (j // ROWS * d + f) * ROWS
            add_tile(
                min(ROWS, k - j), tiles, first, 1, ROWS, near, f * width, min(deep, d - f),
                out, j * width, width, tiles, first + d * ROWS, LINE,
            )  # fmt: skip


@intrinsic
def two_lowest(typing: Any, distances: Any, best: Any, second: Any, label: Any) -> Any:
    """The lowest of each column of a panel of shape (k, width), where it is, and the next."""
    signature = types.void(distances, best, second, label)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, *results = (
            context.make_array(signature.args[i])(context, builder, arguments[i]) for i in range(4)
        )
        scalar = context.get_data_type(signature.args[0].dtype)
        lanes = TILE.size * 8 // signature.args[0].dtype.bitwidth
        vector, numbers = ir.VectorType(scalar, lanes), ir.VectorType(NUMBER, lanes)
        k, width = builder.extract_value(array.shape, 0), INDEX(TILE.vectors * lanes)
        far = spread(builder, ir.Constant(scalar, float("inf")), vector)

        def look(j: Any, state: list[Any]) -> list[Any]:
            number = spread(builder, builder.trunc(j, NUMBER), numbers)
            row, after = builder.gep(array.data, [builder.mul(j, width)]), []
            for i in range(TILE.vectors):
                lowest, next_, where = state[3 * i : 3 * i + 3]
                value = load(builder, builder.gep(row, [INDEX(i * lanes)]), scalar, lanes)
                is_less = builder.fcmp_ordered("<", value, lowest)
                is_more = builder.fcmp_ordered(">", value, lowest)
                higher = builder.select(is_more, value, lowest)
                is_next = builder.fcmp_ordered("<", higher, next_)
                after += [
                    builder.select(is_less, value, lowest),
                    builder.select(is_next, higher, next_),
                    builder.select(is_less, number, where),
                ]
            return after

        state = [far, far, ir.Constant(numbers, None)] * TILE.vectors
        found = loop(builder, k, 1, state, look)
        for i in range(TILE.vectors):
            for result, value in zip(results, found[3 * i : 3 * i + 3], strict=True):
                target = builder.gep(result.data, [INDEX(i * lanes)])
                builder.store(value, builder.bitcast(target, value.type.as_pointer()), align=4)
        return context.get_dummy_value()

    return signature, generate
