"""Products of a perceptron's epoch, which ask for the rows and the weights that are wanted next."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml_numba.compilation import compiled
from accelml_numba.layout import GROUP
from accelml_numba.tiles import (
    LINE,
    LINES,
    ROWS,
    TILE,
    add_tile_and_ask,
    add_tile_and_ask_to_write,
)  # fmt: skip

Floats = np.ndarray[Any, Any]

# Rows over which a gradient is summed at a time.
TERMS = 128


@compiled
def row_to_ask_for(X: Floats, rows: Floats, turn: int, turns: int) -> tuple[int, int]:
    """Where a row begins that is asked for in one of so many turns, and how many bytes it has."""
    r = len(rows) * turn // turns
    if r == len(rows) * (turn + 1) // turns:
        return 0, 0  # a later turn asks for it, or there is none
    return rows[r] * X.shape[1], X.shape[1] * X.itemsize


@compiled
def multiply(
    A: Floats, a: int, a_row: int, rows: int, B: Floats, b: int, length: int, C: Floats, c: int,
    c_row: int, X: Floats, upcoming: Floats, turn: int, turns: int,
) -> int:  # fmt: skip
    """``add_product`` that asks for some of the upcoming rows of X; the turn that comes next."""
    flat, line = X.reshape(-1), LINE // B.itemsize
    after = b + length * (TILE.vectors * TILE.size // B.itemsize)
    for i in range(0, rows, ROWS):
        row, size = row_to_ask_for(X, upcoming, turn, turns)
        add_tile_and_ask(
            min(ROWS, rows - i), A, a + i * a_row, a_row, 1, B, b, length, C, c + i * c_row, c_row,
            B, after + min(i // ROWS, LINES - 1) * length * line, LINE,
            flat, row, -(-size // length),
        )  # fmt: skip
        turn += 1
    return turn


@compiled
def sum_gradient(
    size: int, width: int, count: int, grouped: Floats, a: int, panels: Floats, delta: int,
    gradient: Floats, moving: tuple[Floats, ...], after: int, X: Floats, rows: Floats, turn: int,
    turns: int,
) -> int:  # fmt: skip
    """The gradient by a panel's weights of ``count`` inputs, which lie in a group from ``a`` on.

    What moves after this is asked for meanwhile, from entry ``after`` of each array, to be written:
    the step would else wait for memory, and for weights that the other cores have read, as long as
    the product takes. So are some of the rows of X that come up in the next batch; this returns the
    turn at which the next panel goes on with them.
    """
    gradient[:] = 0
    flat, tile = X.reshape(-1), 0
    for r in range(0, size, TERMS):
        terms = min(TERMS, size - r)
        for i in range(0, count, ROWS):
            row, length = row_to_ask_for(X, rows, turn, turns)
            add_tile_and_ask_to_write(
                min(ROWS, count - i), grouped, a + r * GROUP + i, 1, GROUP,
                panels, delta + r * width, terms, gradient, i * width, width,
                moving[tile % 3], after, gradient.size * gradient.itemsize // terms,
                flat, row, length // terms,
            )  # fmt: skip
            tile += 1
            turn += 1
    return turn
