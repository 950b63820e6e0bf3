"""Loops over vectors that Numba does not find by itself, written as LLVM's instructions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accelml_numba.tiles import FUSED, INDEX, TILE, loop

# Rows whose distances are summed side by side, so that one sum does not wait for itself.
ROWS = 4


@intrinsic
def fill_distances(
    typing: Any, rows: Any, X: Any, first: Any, d: Any, mean: Any, remainder: Any, scale: Any,
    distances: Any,
) -> Any:  # fmt: skip
    """Fill Σ ((x − μ − ρ) w)² of up to ``ROWS`` rows of a flat array, from entry ``first`` on.

    Only over the columns that fill vectors, whose number it returns. Numba's own loop over the
    columns looks anew at each row whether its arrays overlap, which takes as long as the sum.
    """
    signature = types.intp(types.intp, X, types.intp, types.intp, mean, remainder, scale, distances)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, _, first, d, *_ = arguments
        kinds = signature.args
        scalar = context.get_data_type(kinds[1].dtype)
        align = kinds[1].dtype.bitwidth // 8
        lanes = TILE.size // align
        vector = ir.VectorType(scalar, lanes)
        x, mu, rho, weight, result = (
            context.make_array(kinds[i])(context, builder, arguments[i]).data
            for i in (1, 4, 5, 6, 7)
        )

        def load(start: Any, j: Any) -> Any:
            place = builder.bitcast(builder.gep(start, [j]), vector.as_pointer())
            return builder.load(place, align=align)

        last = builder.sub(rows, INDEX(1))
        # Rows past the last one are the last one again: nothing is read past the end.
        starts = []
        for r in range(ROWS):
            row = builder.select(builder.icmp_signed("<", INDEX(r), rows), INDEX(r), last)
            starts.append(builder.gep(x, [builder.add(first, builder.mul(row, d))]))
        whole = builder.sub(d, builder.srem(d, INDEX(lanes)))

        def add_columns(j: Any, sums: list[Any]) -> list[Any]:
            center, rest, factor = (load(start, j) for start in (mu, rho, weight))
            after = []
            for total, start in zip(sums, starts, strict=True):
                z = builder.fmul(builder.fsub(builder.fsub(load(start, j), center), rest), factor)
                square = builder.fmul(z, z, flags=FUSED)
                after.append(builder.fadd(total, square, flags=FUSED))
            return after

        zeros = [ir.Constant(vector, None)] * ROWS
        for r, total in enumerate(loop(builder, whole, lanes, zeros, add_columns)):
            builder.store(_sum(builder, total), builder.gep(result, [INDEX(r)]))
        return whole

    return signature, generate


def _sum(builder: Any, vector: Any) -> Any:
    """The sum of a vector's entries, one half added to the other until one is left."""
    lanes = vector.type.count
    while lanes > 1:
        lanes //= 2
        halves = [
            builder.shuffle_vector(vector, vector, _indices(range(start, start + lanes)))
            for start in (0, lanes)
        ]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.IntType(32)(0))


def _indices(lanes: range) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
