"""Two rows at a time, multiplied by a few vectors where they are.

With few centers, to lay rows out anew would take as long as their products. The loop is written as
LLVM's instructions, for as many vectors as a processor has registers for; meanwhile it asks for the
rows that come next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from accelml_numba.compilation import compiled
from accelml_numba.tiles import FUSED, INDEX, TILE, ask_for_line, loop, spread
from accelml_numba.vectors import load, sums_of

Floats = np.ndarray[Any, Any]


def most_for(features: set[str]) -> int:
    """Vectors whose products with two rows, and |x|² of these, are summed in registers."""
    registers = 32 if features & {"avx512f", "neon"} else 16
    return registers // 2 - 3


MOST = most_for({name for name, has in binding.get_host_cpu_features().items() if has})


@intrinsic
def fill_pair(
    typing: Any, count: Any, X: Any, i: Any, k: Any, next_i: Any, next_k: Any, origin: Any,
    groups: Any, group: Any, starts: Any, out: Any, r: Any, s: Any, norms: Any,
) -> Any:  # fmt: skip
    """Products of rows ``i`` and ``k`` less the origin with the ``count`` vectors of a group.

    They go to columns ``r`` and ``s`` of ``out``, plus ``starts``, and |x|² to ``norms``. The rows
    that come next are asked for.
    """
    size = types.intp
    signature = types.void(
        size, X, size, size, size, size, origin, groups, size, starts, out, size, size, norms
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, _, i, k, next_i, next_k, _, _, group, _, _, r, s, _ = arguments
        arrays = {
            name: context.make_array(signature.args[place])(context, builder, arguments[place])
            for name, place in {
                "X": 1, "origin": 6, "groups": 7, "starts": 9, "out": 10, "norms": 13,
            }.items()
        }  # fmt: skip
        scalar = context.get_data_type(signature.args[1].dtype)
        align = signature.args[1].dtype.bitwidth // 8
        lanes = TILE.size // align
        length = builder.extract_value(arrays["X"].shape, 1)
        whole = builder.sub(length, builder.srem(length, INDEX(lanes)))
        numbers = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
        rest = spread(builder, builder.sub(length, whole), numbers.type)
        mask = builder.icmp_signed("<", numbers, rest)
        zero = ir.Constant(ir.VectorType(scalar, lanes), None)

        def row(name: str, number: Any) -> Any:
            array = arrays[name]
            step = builder.extract_value(array.strides, 0)
            start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
            return builder.bitcast(builder.gep(start, [builder.mul(number, step)]), array.data.type)

        def place(name: str, number: Any, column: Any) -> Any:
            return builder.gep(row(name, number), [column])

        rows = [row("X", number) for number in (i, k)]
        ahead = [row("X", number) for number in (next_i, next_k)]
        vectors = row("groups", group)
        mean = arrays["origin"].data

        def add(held: int, f: Any, sums: list[Any], mask: Any) -> list[Any]:
            center = load(builder, builder.gep(mean, [f]), scalar, lanes, mask)
            xs = [
                builder.fsub(load(builder, builder.gep(start, [f]), scalar, lanes, mask), center)
                for start in rows
            ]
            first = builder.gep(vectors, [builder.mul(f, INDEX(held))])
            factors = [
                load(builder, builder.gep(first, [INDEX(p * lanes)]), scalar, lanes)
                for p in range(held)
            ]
            products = [builder.fmul(x, w, flags=FUSED) for x in xs for w in (x, *factors)]
            return [
                builder.fadd(total, product, flags=FUSED)
                for total, product in zip(sums, products, strict=True)
            ]

        def write(held: int) -> None:
            def body(f: Any, sums: list[Any]) -> list[Any]:
                for start in ahead:
                    ask_for_line(builder, builder.gep(start, [f]), locality=3)
                return add(held, f, sums, None)

            sums = loop(builder, whole, lanes, [zero] * (2 * (held + 1)), body)
            found = sums_of(builder, add(held, whole, sums, mask))
            begin = builder.mul(group, INDEX(held))
            for q, column in enumerate((r, s)):
                norm, *products = found[q * (held + 1) : (q + 1) * (held + 1)]
                builder.store(norm, builder.gep(arrays["norms"].data, [column]))
                for p, product in enumerate(products):
                    number = builder.add(begin, INDEX(p))
                    start = builder.load(builder.gep(arrays["starts"].data, [number]))
                    builder.store(builder.fadd(product, start), place("out", number, column))

        done = builder.append_basic_block("done")
        choice = builder.switch(count, done)
        for held in range(1, MOST + 1):
            block = builder.append_basic_block(f"vectors_{held}")
            choice.add_case(INDEX(held), block)
            builder.position_at_end(block)
            write(held)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, generate


@compiled
def products_in_place(
    groups: Floats, X: Floats, origin: Floats, rows: Floats, starts: Floats, out: Floats,
    norms: Floats,
) -> None:  # fmt: skip
    """W Xᵀ plus a start for each row of W, of some rows of X less the origin; and |x|².

    Parameters
    ----------
    groups : ndarray of shape (groups, …)
        W, see ``in_groups``.
    X : ndarray of shape (n, d)
        The entries of a row are neighbours.
    origin : ndarray of shape (d,)
    rows : ndarray of shape (m,)
        Which of X.
    starts : ndarray of shape (k,)
        As many as there are vectors in all groups.
    out : ndarray of shape (k, m)
    norms : ndarray of shape (m,)
    """
    count, last = len(starts) // len(groups), len(rows) - 1
    for r in range(0, len(rows), 2):
        s = min(r + 1, last)
        for group in range(len(groups)):
            fill_pair(
                count, X, rows[r], rows[s], rows[min(r + 2, last)], rows[min(r + 3, last)], origin,
                groups, group, starts, out, r, s, norms,
            )  # fmt: skip


def in_groups(W: Floats) -> Floats:
    """The rows of a matrix in as few groups as possible, all of one size: rows of zeros fill up.

    Returns
    -------
    ndarray of shape (groups, …)
        Of a group there are first the entries of all its rows that fill the first vector; the last
        vectors are filled up with zeros, or all zeros.
    """
    k, d = W.shape
    lanes = TILE.size // W.itemsize
    groups = -(-k // MOST)
    count, steps = -(-k // groups), d // lanes + 1
    filled = np.zeros((groups * count, steps * lanes), W.dtype)
    filled[:k, :d] = W
    parts = filled.reshape(groups, count, steps, lanes).swapaxes(1, 2)
    return np.ascontiguousarray(parts).reshape(groups, -1)
