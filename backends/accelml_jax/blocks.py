"""Sums over rows, in groups or in blocks; blocks are sliced: as an axis of X they were a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accelml._typing import Array, Tree
from accelml.backend import Backend

BLOCK_ENTRIES = 2**20
# Rows that XLA adds up without a loop of its own.
GROUP = 32


def is_on_cpu(backend: Backend) -> bool:
    """Elsewhere XLA adds up columns well, and the generic bodies do not wait for counts of rows."""
    return backend.device.startswith("cpu")


def sum_rows(
    backend: Any, terms: Callable[..., tuple[Array, ...]], *columns: Array
) -> tuple[Array, ...]:
    """The sums over all rows of ``terms(*columns)``, two arrays of shape (..., d) or more.

    A sum over the rows of one matrix is a loop on one core for XLA. Of several at once, over a few
    rows that lie together, it makes vector instructions, and shares them out.
    """
    xp, lax = backend.xp, backend.jax.lax
    groups = columns[0].shape[0] // GROUP
    rest = terms(*(column[groups * GROUP :, ...] for column in columns))
    total = tuple(xp.sum(term, axis=0) for term in rest)
    if groups == 0:
        return total

    def grouped(column: Array) -> Array:
        whole = column[: groups * GROUP, ...]
        return xp.reshape(whole, (groups, GROUP, *column.shape[1:]))

    def add(some: tuple[Array, ...], others: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(one + other for one, other in zip(some, others, strict=True))

    found = terms(*map(grouped, columns))
    zeros = tuple(xp.zeros((), dtype=term.dtype) for term in found)
    sums = lax.reduce(found, zeros, add, (1,))
    return add(total, sum_rows(backend, lambda *sums: sums, *sums))


def sum_blocks(
    backend: Any,
    of_block: Callable[..., Tree],
    add: Callable[[Tree, Tree], Tree],
    *columns: Array,
    entries: int = BLOCK_ENTRIES,
) -> Tree:
    """``of_block`` of each block of rows of the columns, the first of them X, added up."""
    n, d = columns[0].shape
    rows = max(1, entries // d)
    rest = (n - 1) % rows + 1
    total = of_block(*(column[:rest, ...] for column in columns))
    if rest == n:
        return total

    def step(seen: Tree, starts: tuple[Array]) -> tuple[Tree, Array]:
        (start,) = starts
        take = backend.jax.lax.dynamic_slice_in_dim
        return add(seen, of_block(*(take(column, start, rows) for column in columns))), start

    starts = backend.xp.arange(rest, n, rows)
    running: Backend = backend
    return running.scan(step, total, (starts,))[0]


def map_blocks(
    backend: Any,
    of_block: Callable[..., tuple[Array, ...]],
    out: tuple[Array, ...],
    size: int,
    *columns: Array,
    first: Array | int = 0,
) -> tuple[Array, ...]:
    """``out`` with ``of_block`` of each block of rows of the columns, from the row ``first`` on.

    The last two blocks may overlap.
    """
    n = out[0].shape[0]
    size = min(size, n)
    lax = backend.jax.lax

    def step(out: tuple[Array, ...], starts: tuple[Array]) -> tuple[tuple[Array, ...], Array]:
        (start,) = starts
        parts = (lax.dynamic_slice_in_dim(column, first + start, size) for column in columns)
        found = zip(out, of_block(*parts), strict=True)
        put = lax.dynamic_update_slice_in_dim
        return tuple(put(into, block, start, 0) for into, block in found), start

    starts = backend.xp.minimum(backend.xp.arange(0, n, size), n - size)
    running: Backend = backend
    filled: tuple[Array, ...] = running.scan(step, out, (starts,))[0]
    return filled


def visit_rows(
    backend: Any, step: Callable[[Tree, Array], Tree], carry: Tree, chosen: Array, size: int
) -> Tree:
    """``carry = step(carry, rows)`` for the numbers of the rows chosen, ``size`` at a time.

    What is left over in the last of them is n, which is no row.
    """
    xp, lax = backend.xp, backend.jax.lax
    n = chosen.shape[0]
    size = min(size, n)
    count = xp.sum(chosen, dtype=xp.int32)

    def visit(carry: Tree) -> Tree:
        place = xp.where(chosen, xp.cumsum(chosen, dtype=xp.int32) - 1, n + size)
        rows = xp.full((n + size,), n, xp.int32)
        rows = rows.at[place].set(xp.arange(n, dtype=xp.int32), mode="drop")

        def proceed(state: tuple[Array, Tree]) -> Array:
            return state[0] < count

        def advance(state: tuple[Array, Tree]) -> tuple[Array, Tree]:
            start, carry = state
            return start + size, step(carry, lax.dynamic_slice_in_dim(rows, start, size))

        return lax.while_loop(proceed, advance, (xp.zeros((), xp.int32), carry))[1]

    return lax.cond(count > 0, visit, lambda carry: carry, carry)
