"""Loops over vectors that Numba does not find by itself, written as LLVM's instructions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accelml_numba.tiles import FUSED, INDEX, NUMBER, TILE, loop, spread

# Rows whose distances are summed side by side, so that one sum does not wait for itself.
ROWS = 4


@intrinsic
def fill_distances(
    typing: Any, rows: Any, X: Any, first: Any, d: Any, mean: Any, remainder: Any, scale: Any,
    distances: Any,
) -> Any:  # fmt: skip
    """Fill Σ ((x − μ − ρ) w)² of up to ``ROWS`` rows of a flat array, from entry ``first`` on.

    Numba's own loop over the columns looks anew at each row whether its arrays overlap, which takes
    as long as the sum.
    """
    signature = types.void(types.intp, X, types.intp, types.intp, mean, remainder, scale, distances)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, _, first, d, *_ = arguments
        kinds = signature.args
        scalar = context.get_data_type(kinds[1].dtype)
        lanes = TILE.size * 8 // kinds[1].dtype.bitwidth
        numbers = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
        x, mu, rho, weight, result = (
            context.make_array(kinds[i])(context, builder, arguments[i]).data
            for i in (1, 4, 5, 6, 7)
        )
        last = builder.sub(rows, INDEX(1))
        # Rows past the last one are the last one again: nothing is read past the end.
        starts = []
        for r in range(ROWS):
            row = builder.select(builder.icmp_signed("<", INDEX(r), rows), INDEX(r), last)
            starts.append(builder.gep(x, [builder.add(first, builder.mul(row, d))]))
        left = builder.srem(d, INDEX(lanes))
        whole = builder.sub(d, left)

        def add_columns(j: Any, sums: list[Any], mask: Any = None) -> list[Any]:
            def part(start: Any) -> Any:
                return load(builder, builder.gep(start, [j]), scalar, lanes, mask)

            center, rest, factor = map(part, (mu, rho, weight))
            after = []
            for total, start in zip(sums, starts, strict=True):
                z = builder.fmul(builder.fsub(builder.fsub(part(start), center), rest), factor)
                square = builder.fmul(z, z, flags=FUSED)
                after.append(builder.fadd(total, square, flags=FUSED))
            return after

        def add_rest(_: Any, sums: list[Any]) -> list[Any]:
            mask = builder.icmp_signed("<", numbers, spread(builder, left, numbers.type))
            return add_columns(whole, sums, mask)

        zeros = [ir.Constant(ir.VectorType(scalar, lanes), None)] * ROWS
        totals = loop(builder, whole, lanes, zeros, add_columns)
        totals = loop(builder, left, lanes, totals, add_rest)
        for r, total in enumerate(sums_of(builder, totals)):
            builder.store(total, builder.gep(result, [INDEX(r)]))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def fill_differences(
    typing: Any, X: Any, first: Any, d: Any, origin: Any, out: Any, place: Any, step: Any
) -> Any:
    """Lay ``d`` entries of a flat array less the origin out in panels, in the dtype of these.

    They begin at entry ``first``, their part of the first panel at entry ``place`` of ``out``,
    that of the next one ``step`` entries on.
    """
    size = types.intp
    signature = types.void(X, size, size, origin, out, size, size)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, first, d, _, _, place, step = arguments
        kinds = [signature.args[i] for i in (0, 3, 4)]
        x, mu, result = (
            context.make_array(kind)(context, builder, arguments[i]).data
            for kind, i in zip(kinds, (0, 3, 4), strict=True)
        )
        given, kept = (context.get_data_type(kinds[i].dtype) for i in (0, 2))
        lanes = TILE.size * 8 // kinds[2].dtype.bitwidth
        numbers = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
        whole = builder.sub(d, builder.srem(d, INDEX(lanes)))

        def fill_vector(j: Any, mask: Any) -> None:
            panel = builder.sdiv(j, INDEX(TILE.vectors * lanes))
            column = builder.srem(j, INDEX(TILE.vectors * lanes))
            target = builder.add(builder.add(place, builder.mul(panel, step)), column)
            value = load(builder, builder.gep(x, [builder.add(first, j)]), given, lanes, mask)
            if given != kept:
                value = builder.fpext(value, ir.VectorType(kept, lanes))
            value = builder.fsub(value, load(builder, builder.gep(mu, [j]), kept, lanes, mask))
            _store(builder, value, builder.gep(result, [target]), mask)

        def fill_whole(j: Any, _: list[Any]) -> list[Any]:
            fill_vector(j, None)
            return []

        loop(builder, whole, lanes, [], fill_whole)
        left = spread(builder, builder.sub(d, whole), numbers.type)
        fill_vector(whole, builder.icmp_signed("<", numbers, left))
        return context.get_dummy_value()

    return signature, generate


def load(builder: Any, place: Any, scalar: Any, lanes: int, mask: Any = None) -> Any:
    """A vector; with a mask, only what it names is read, and the rest is zero."""
    vector = ir.VectorType(scalar, lanes)
    size = 4 if isinstance(scalar, ir.FloatType) else 8
    if mask is None:
        return builder.load(builder.bitcast(place, vector.as_pointer()), align=size)
    kinds = [place.type, ir.IntType(32), mask.type, vector]
    ask = _masked(builder, "load", vector, size, ir.FunctionType(vector, kinds))
    return builder.call(ask, [place, ir.IntType(32)(size), mask, ir.Constant(vector, None)])


def _store(builder: Any, value: Any, place: Any, mask: Any) -> None:
    """Write a vector; with a mask, only what it names."""
    vector = value.type
    size = 4 if isinstance(vector.element, ir.FloatType) else 8
    if mask is None:
        builder.store(value, builder.bitcast(place, vector.as_pointer()), align=size)
        return
    kinds = [vector, place.type, ir.IntType(32), mask.type]
    put = _masked(builder, "store", vector, size, ir.FunctionType(ir.VoidType(), kinds))
    builder.call(put, [value, place, ir.IntType(32)(size), mask])


def _masked(builder: Any, what: str, vector: Any, size: int, kind: Any) -> Any:
    name = f"llvm.masked.{what}.v{vector.count}f{8 * size}.p0"
    return cgutils.get_or_insert_function(builder.module, kind, name)


def sums_of(builder: Any, vectors: list[Any]) -> list[Any]:
    """The sum of the entries of each vector.

    Several are added up side by side: of two vectors, one half of each is added to the other, which
    leaves one vector.
    """
    lanes = vectors[0].type.count
    found = []
    for first in range(0, len(vectors), lanes):
        held = vectors[first : first + lanes]
        owners = [[i] for i in range(len(held))]
        part = lanes
        while part > 1:
            part //= 2
            if len(held) % 2:
                held, owners = [*held, held[-1]], [*owners, owners[-1]]
            low, high = (_indices(half) for half in _halves(lanes, part))
            held = [
                builder.fadd(builder.shuffle_vector(a, b, low), builder.shuffle_vector(a, b, high))
                for a, b in zip(held[::2], held[1::2], strict=True)
            ]
            owners = [
                [owner for both in zip(a, b, strict=True) for owner in both]
                for a, b in zip(owners[::2], owners[1::2], strict=True)
            ]
        for i in range(len(vectors[first : first + lanes])):
            found.append(builder.extract_element(held[0], NUMBER(owners[0].index(i))))
    return found


def _halves(lanes: int, part: int) -> tuple[list[int], list[int]]:
    """Of blocks of 2 ``part`` lanes of two vectors, the lower and the upper halves, in turns."""
    low: list[int] = []
    high: list[int] = []
    for block in range(0, lanes, 2 * part):
        for vector in (0, lanes):
            low += range(vector + block, vector + block + part)
            high += range(vector + block + part, vector + block + 2 * part)
    return low, high


def _indices(lanes: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
