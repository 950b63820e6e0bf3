"""Matrix products from tiles that stay in registers, where the matrices are small.

A matrix library lays out both of its matrices anew at each call, which with some hundred rows takes
about as long as the product. Here the right-hand one lies in panels from the start: of WIDTH
columns each, one row of the panel after another. A tile of the result is then a few rows of a
panel's columns, kept in vector registers while the sum goes over all terms [1]_.

References
----------
.. [1] Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM Transactions
   on Mathematical Software 34, 2008, section 4; the register tile is that of Van Zee and van de
   Geijn, "BLIS: a framework for rapidly instantiating BLAS functionality", 41, 2015, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accelml_numba.compilation import compiled

Floats = np.ndarray[Any, Any]

INDEX, NUMBER, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)
LINE = 64  # bytes of a cache line
# A multiplication and an addition may be one instruction.
FUSED = ("contract",)


class Tile(NamedTuple):
    """What of a result is summed at once."""

    rows: int
    vectors: int  # side by side in a row
    size: int  # bytes of a vector

    def width(self, dtype: Any) -> int:
        """Columns of a tile, which are those of a panel."""
        lanes: int = self.size // np.dtype(dtype).itemsize
        return self.vectors * lanes


def tile_for(features: set[str]) -> Tile:
    """The tile that leaves registers for what is multiplied, on a processor with such features."""
    if "avx512f" in features:
        return Tile(rows=12, vectors=2, size=64)  # of 32 registers
    if "avx2" in features or "avx" in features:
        return Tile(rows=6, vectors=2, size=32)  # of 16
    if "neon" in features:
        return Tile(rows=6, vectors=4, size=16)  # of 32
    return Tile(rows=4, vectors=2, size=16)  # of 16


TILE = tile_for({name for name, has in binding.get_host_cpu_features().items() if has})


def add_tile_of(tile: Tile) -> Any:
    """What adds a product to at most ``tile.rows`` rows of a panel's columns, in compiled code.

    With each term it asks for a cache line of what is wanted next: of D, from entry ``d`` on and
    ``d_step`` bytes further each time. Lines from afar are better not asked for all at once.
    """

    @intrinsic
    def add_tile(
        typing: Any, rows: Any, A: Any, a: Any, a_row: Any, a_column: Any, B: Any, b: Any,
        length: Any, C: Any, c: Any, c_row: Any, D: Any, d: Any, d_step: Any,
    ) -> Any:  # fmt: skip
        size = types.intp
        signature = types.void(
            size, A, size, size, size, B, size, size, C, size, size, D, size, size
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows, A, a, a_row, a_column, B, b, length, C, c, c_row, D, d, d_step = arguments
            left, right, result, ahead = _places(
                context, builder, signature,
                zip((1, 5, 8, 11), (A, B, C, D), (a, b, c, d), strict=True),
            )  # fmt: skip
            code = _Tiles(
                context, builder, tile, signature.args[1], _asking(builder, ahead, d_step)
            )
            code.add_rows(rows, left, a_row, a_column, right, length, result, c_row)
            return context.get_dummy_value()

        return signature, generate

    return add_tile


def add_tile_and_ask_of(tile: Tile, *, to_write: bool) -> Any:
    """The same, which with each term also asks for a line of E, from entry ``e`` on.

    What is asked for of D ``to_write`` leaves other cores' caches.
    """

    @intrinsic
    def add_tile_and_ask(
        typing: Any, rows: Any, A: Any, a: Any, a_row: Any, a_column: Any, B: Any, b: Any,
        length: Any, C: Any, c: Any, c_row: Any, D: Any, d: Any, d_step: Any,
        E: Any, e: Any, e_step: Any,
    ) -> Any:  # fmt: skip
        size = types.intp
        signature = types.void(
            size, A, size, size, size, B, size, size, C, size, size, D, size, size, E, size, size
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows, A, a, a_row, a_column, B, b, length, C, c, c_row, *asked = arguments
            D, d, d_step, E, e, e_step = asked
            left, right, result, ahead, beside = _places(
                context, builder, signature,
                zip((1, 5, 8, 11, 14), (A, B, C, D, E), (a, b, c, d, e), strict=True),
            )  # fmt: skip

            def ask(k: Any) -> None:
                _asking(builder, ahead, d_step, to_write=to_write)(k)
                _asking(builder, beside, e_step)(k)

            code = _Tiles(context, builder, tile, signature.args[1], ask)
            code.add_rows(rows, left, a_row, a_column, right, length, result, c_row)
            return context.get_dummy_value()

        return signature, generate

    return add_tile_and_ask


def add_corner_of(tile: Tile) -> Any:
    """What adds the product of a panel with itself to the first vector of its first rows.

    These are as many as a vector has numbers. It asks for lines as ``add_tile`` does.
    """

    @intrinsic
    def add_corner(
        typing: Any, A: Any, a: Any, a_column: Any, length: Any, C: Any, c: Any, c_row: Any,
        D: Any, d: Any, d_step: Any,
    ) -> Any:  # fmt: skip
        size = types.intp
        signature = types.void(A, size, size, size, C, size, size, D, size, size)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            A, a, a_column, length, C, c, c_row, D, d, d_step = arguments
            panel, result, ahead = _places(
                context, builder, signature, zip((0, 4, 7), (A, C, D), (a, c, d), strict=True)
            )
            code = _Tiles(
                context, builder, tile, signature.args[0], _asking(builder, ahead, d_step), 1
            )
            lanes = code.vector.count
            code.add(lanes, panel, INDEX(1), a_column, panel, length, result, c_row)
            return context.get_dummy_value()

        return signature, generate

    return add_corner


def _places(context: Any, builder: Any, signature: Any, arrays: Any) -> list[Any]:
    """The addresses of entries of arrays, of which come: the argument's number, array, entry."""
    return [
        builder.gep(context.make_array(signature.args[i])(context, builder, array).data, [entry])
        for i, array, entry in arrays
    ]


def _asking(
    builder: Any, start: Any, step: Any, *, to_write: bool = False
) -> Callable[[Any], None]:
    """What asks for the cache line so many steps after ``start``."""

    def ask(k: Any) -> None:
        first = builder.bitcast(start, BYTE.as_pointer())
        line = builder.gep(first, [builder.mul(k, step)])
        ask_for_line(builder, line, to_write=to_write)

    return ask


class _Tiles:
    """Writes the instructions of tiles of any number of rows, and of all vectors or the first."""

    def __init__(
        self, context: Any, builder: Any, tile: Tile, kind: Any, ask: Callable[[Any], None],
        vectors: int | None = None,
    ) -> None:  # fmt: skip
        scalar = context.get_data_type(kind.dtype)
        lanes = tile.size * 8 // kind.dtype.bitwidth
        self.builder, self.vector, self.ask = builder, ir.VectorType(scalar, lanes), ask
        self.most = tile.rows
        self.vectors = tile.vectors if vectors is None else vectors
        self.width, self.align = tile.vectors * lanes, tile.size // lanes

    def addresses(self, start: Any) -> list[Any]:
        """Of the vectors of a row that begins there."""
        builder, lanes = self.builder, self.vector.count
        places = [builder.gep(start, [INDEX(i * lanes)]) for i in range(self.vectors)]
        return [builder.bitcast(place, self.vector.as_pointer()) for place in places]

    def load(self, start: Any) -> list[Any]:
        return [self.builder.load(place, align=self.align) for place in self.addresses(start)]

    def store(self, vectors: list[Any], start: Any) -> None:
        for vector, place in zip(vectors, self.addresses(start), strict=True):
            self.builder.store(vector, place, align=self.align)

    def add_rows(self, rows: Any, *arguments: Any) -> None:
        """As many rows as are known only when it runs, at most those of a tile."""
        builder = self.builder
        done = builder.append_basic_block("done")
        choice = builder.switch(rows, done)
        for count in range(1, self.most + 1):
            block = builder.append_basic_block(f"rows_{count}")
            choice.add_case(INDEX(count), block)
            builder.position_at_end(block)
            self.add(count, *arguments)
            builder.branch(done)
        builder.position_at_end(done)

    def add(
        self, rows: int, left: Any, left_row: Any, left_column: Any, right: Any, length: Any,
        result: Any, result_row: Any,
    ) -> None:  # fmt: skip
        """A loop over the terms, which holds the sums of ``rows`` rows in registers."""
        builder = self.builder
        width = INDEX(self.width)
        places = [builder.gep(result, [builder.mul(INDEX(r), result_row)]) for r in range(rows)]
        start = [vector for place in places for vector in self.load(place)]

        def add_term(k: Any, sums: list[Any]) -> list[Any]:
            self.ask(k)
            others = self.load(builder.gep(right, [builder.mul(k, width)]))
            column = builder.gep(left, [builder.mul(k, left_column)])
            entries = [builder.gep(column, [builder.mul(INDEX(r), left_row)]) for r in range(rows)]
            factors = [spread(builder, builder.load(entry), self.vector) for entry in entries]
            products = [
                builder.fmul(factor, other, flags=FUSED) for factor in factors for other in others
            ]
            return [
                builder.fadd(total, product, flags=FUSED)
                for total, product in zip(sums, products, strict=True)
            ]

        sums = loop(builder, length, 1, start, add_term)
        for r, place in enumerate(places):
            self.store(sums[r * self.vectors : (r + 1) * self.vectors], place)


def ask_for_line(builder: Any, place: Any, locality: int = 2, *, to_write: bool = False) -> None:
    """Ask for a cache line; past the end of an array, nothing happens.

    It is to stay in the first level of the cache where ``locality`` is 3, in the second where 2.
    """
    kind = ir.FunctionType(ir.VoidType(), [place.type, NUMBER, NUMBER, NUMBER])
    ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    data = NUMBER(1)
    builder.call(ask, [place, NUMBER(int(to_write)), NUMBER(locality), data])


def spread(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of one number."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.IntType(32)(0))
    lanes = ir.VectorType(ir.IntType(32), vector.count)
    return builder.shuffle_vector(first, nothing, ir.Constant(lanes, [0] * lanes.count))


def loop(
    builder: Any, stop: Any, step: int, start: list[Any],
    body: Callable[[Any, list[Any]], list[Any]],
) -> list[Any]:  # fmt: skip
    """Write ``values = body(i, values)`` for i = 0, ``step``, … below ``stop``; the last values."""
    before = builder.block
    condition, inside, end = map(builder.append_basic_block, ("condition", "inside", "end"))
    builder.branch(condition)
    builder.position_at_end(condition)
    i = builder.phi(INDEX)
    values = [builder.phi(value.type) for value in start]
    builder.cbranch(builder.icmp_signed("<", i, stop), inside, end)

    builder.position_at_end(inside)
    after = [*body(i, values), builder.add(i, INDEX(step))]
    for phi, first, then in zip([*values, i], [*start, INDEX(0)], after, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, builder.block)
    builder.branch(condition)
    builder.position_at_end(end)
    return values


add_tile, add_corner = add_tile_of(TILE), add_corner_of(TILE)
add_tile_and_ask = add_tile_and_ask_of(TILE, to_write=False)
add_tile_and_ask_to_write = add_tile_and_ask_of(TILE, to_write=True)
ROWS = TILE.rows
# Cache lines of a panel's row: so many tiles, a line with each term, ask for the whole next panel.
LINES = -(-TILE.vectors * TILE.size // LINE)


@compiled
def add_product(
    A: Floats, a: int, a_row: int, a_column: int, rows: int, B: Floats, b: int, length: int,
    C: Floats, c: int, c_row: int,
) -> None:  # fmt: skip
    """C += A B, one panel of columns of B.

    Parameters
    ----------
    A, B, C : ndarray
        Flat, of one floating dtype; C shares no memory with the others.
    a, a_row, a_column : int
        Entry (i, k) of the left matrix is ``A[a + i * a_row + k * a_column]``.
    rows : int
        Of the left matrix and of the result.
    b : int
        Where the panel begins: entry (k, j) is ``B[b + k * width + j]``, where ``width`` is
        ``TILE.width(dtype)``. The panel after it is asked for meanwhile.
    length : int
        Columns of the left matrix, rows of the right one.
    c, c_row : int
        Entry (i, j) of the result is ``C[c + i * c_row + j]``.
    """
    line = LINE // B.itemsize
    after = b + length * (TILE.vectors * TILE.size // B.itemsize)
    for i in range(0, rows, ROWS):
        add_tile(
            min(ROWS, rows - i), A, a + i * a_row, a_row, a_column, B, b, length,
            C, c + i * c_row, c_row, B, after + min(i // ROWS, LINES - 1) * length * line, LINE,
        )  # fmt: skip


def in_panels(matrix: Floats) -> Floats:
    """The panels of a matrix, one after another, the last one filled up with zeros.

    Returns
    -------
    ndarray of shape (panels, rows, width)
    """
    rows, columns = matrix.shape
    width = TILE.width(matrix.dtype)
    panels = -(-columns // width)
    filled = np.zeros((rows, panels * width), matrix.dtype)
    filled[:, :columns] = matrix
    return np.ascontiguousarray(filled.reshape(rows, panels, width).swapaxes(0, 1))


def from_panels(panels: Floats, columns: int) -> Floats:
    """The matrix again."""
    count, rows, width = panels.shape
    return np.ascontiguousarray(panels.swapaxes(0, 1).reshape(rows, count * width)[:, :columns])
