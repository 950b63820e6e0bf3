"""K-means on the CPU: blocks sliced where they lie, and work only for the rows that need it.

Rows whose nearest center is in question, and rows that have changed their cluster, are few. Their
numbers are collected, and a loop over them is as long as there are such rows, so that shapes stay
what XLA compiled.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import between, doubt, nearest, squared_norms
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Centered, Points, centered, column_means, inertia_of, labels_of
from accelml_jax.blocks import GROUP, is_on_cpu, map_blocks, sum_blocks, visit_rows

# Entries of a block of rows and of its distances, which stay in the first caches unless rows are
# long; rows of a part, and those of it that are moved to other clusters at a time.
BLOCK, PART, CHUNK = 2**15, 2**16, 1024
# Entries of a block of rows that is measured.
INERTIA_BLOCK = 2**17
# Rows that are worth a block, short ones and, from so many features on, long ones.
SHORT_ROWS, LONG_ROWS, LONG = 512, 2048, 128
# Rows that are compared directly at a time.
FEW = 32
# Rows are multiplied as they are where their centers are at most this share of their features, and
# the square of their origin at most so many times their mean square from it.
FEW_CENTERS, NEAR = 1 / 32, 4


@nearest.register("jax")
def _nearest(backend: Any, X: Array, norms: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return nearest.generic(backend, X, norms, centers)
    xp = backend.xp
    squares = squared_norms(xp, centers)
    distances = squares[:, None] - 2 * (centers @ X.T)
    error = doubt(xp, X) * (norms + xp.max(squares))

    def of_rows(rows: Array) -> Array:
        x, norm = (xp.take(part, rows, axis=0, mode="clip") for part in (X, norms))
        return nearest.generic(backend, x, norm, centers)

    return settle(backend, distances, error, of_rows)


def settle(
    backend: Any, distances: Array, error: Array, of_rows: Callable[[Array], Array]
) -> Array:
    """The lowest of each column, from ``of_rows`` where others are as low to within the error.

    ``distances`` are (k, m), as XLA is the faster the longer the last axis is; what is the same for
    all centers may be left out.
    """
    xp = backend.xp
    k = distances.shape[0]
    is_close = distances <= (xp.min(distances, axis=0) + error)[None, :]
    index = xp.arange(k, dtype=xp.int32)[:, None]
    # XLA makes vector instructions of these, but not of argmin.
    first = xp.min(xp.where(is_close, index, k - 1), axis=0)
    last = xp.max(xp.where(is_close, index, 0), axis=0)

    def compare(labels: Array, rows: Array) -> Array:
        return labels.at[rows].set(of_rows(rows), mode="drop")

    labels: Array = visit_rows(backend, compare, first, first != last, FEW)
    return labels


def is_best_whole(points: Points, k: int) -> bool:
    """Whether rows should be multiplied as they lie, and all at once.

    Blocks of long rows are copies, which take longer than a product with a few centers. An origin
    that is near enough costs no more digits than ``whole`` allows for.
    """
    d = points.X.shape[1]
    if d < LONG or k > FEW_CENTERS * d:
        return False
    return float(points.origin @ points.origin) <= NEAR * float(points.norms.mean())


def whole(backend: Any, points: Points, centers: Array) -> Array:
    """The nearest center of each row, by one product; centers are given less the origin."""
    xp = backend.xp
    X, origin, norms, _ = points
    squares = squared_norms(xp, centers)
    distances = (squares + 2 * (centers @ origin))[:, None] - 2 * (centers @ X.T)
    # 2 |x| |c| ≤ |x|² + |c|² bounds a product, and |x|² is at most 2 |x − o|² + 2 |o|².
    error = doubt(xp, X) * (2 * (norms + xp.max(squares)) + 3 * (origin @ origin))

    def of_rows(rows: Array) -> Array:
        x, norm = (xp.take(part, rows, axis=0, mode="clip") for part in (X, norms))
        return nearest.generic(backend, x - origin, norm, centers)

    return settle(backend, distances, error, of_rows)


def block_rows(d: int, k: int) -> int:
    """How many rows of d features are looked at together, with k distances each."""
    return max(LONG_ROWS if d >= LONG else SHORT_ROWS, BLOCK // (d + k))


def label(
    backend: Any,
    points: Points,
    centers: Array,
    before: Array | None = None,
    first: Array | int = 0,
    size: int | None = None,
) -> tuple[Array, ...]:
    """The nearest center of so many rows from the first on; centers are given less the origin.

    With their labels ``before``, where all of these are given, which are to be overwritten: XLA
    would copy all of them if they were read beside this loop.
    """
    xp = backend.xp

    def of_block(X: Array, *known: Array) -> tuple[Array, ...]:
        X = X - points.origin
        norms = known[-1] if has_norms else squared_norms(xp, X)
        return nearest(backend, X, norms, centers), *known[: len(labels)]

    has_norms = not isinstance(points.norms, tuple)
    labels = () if before is None else (before,)
    columns = (points.X, *labels, points.norms) if has_norms else (points.X, *labels)
    out = (xp.zeros(size or points.X.shape[0], dtype=xp.int32),) * (1 + len(labels))
    rows = block_rows(*centers.shape[::-1])
    return map_blocks(backend, of_block, out, rows, *columns, first=first)


def measure(backend: Backend, X: Array) -> tuple[Array, Array, Array]:
    """The origin, |x − origin|² of each row, and the mean variance of the features."""
    xp = backend.xp
    n, d = X.shape
    mean = xp.sum(X, axis=0, dtype=xp.float64) / n
    origin = mean.astype(X.dtype)

    def of_block(X: Array) -> tuple[Array]:
        return (squared_norms(xp, X - origin),)

    (norms,) = map_blocks(backend, of_block, (xp.zeros_like(X[:, 0]),), block_rows(d, 0), X)
    residue = mean - origin
    variance = (xp.sum(norms, dtype=xp.float64) / n - xp.sum(residue * residue)) / d
    return origin, norms, variance


@centered.register("jax")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    """Compiled in parts, because what a compiled function returns of its arguments is a copy."""
    if not is_on_cpu(backend):
        return backend.compile(centered.generic, centered.static)(backend, X, weights)
    origin, norms, variance = backend.compile(measure, ("backend",))(backend, X)
    # Of short rows they take more memory than time to find anew.
    return Centered(Points(X, origin, norms if X.shape[1] >= LONG else (), weights), variance)


_centered.is_in_parts = True  # type: ignore[attr-defined]


@labels_of.register("jax")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return labels_of.generic(backend, X, centers)
    origin = column_means(backend, centers)
    return label(backend, Points(X, origin, (), ()), centers - origin)[0]


@inertia_of.register("jax")
def _inertia_of(backend: Any, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    """Groups of rows are weighted by a product; their sums are added up in float64."""
    if not is_on_cpu(backend):
        return inertia_of.generic(backend, X, weights, centers, labels)
    xp = backend.xp

    def of_block(X: Array, weights: Array, labels: Array) -> Array:
        m = X.shape[0] // GROUP * GROUP
        gap = X[:m, :] - xp.take(centers, labels[:m], axis=0, mode="clip")
        groups = xp.reshape(gap * gap, (-1, GROUP, X.shape[1]))
        sums = xp.einsum("gr,grd->gd", xp.reshape(weights[:m], (-1, GROUP)), groups)
        rest = between(xp, X[m:, :], centers, labels[m:])
        return xp.sum(sums, dtype=xp.float64) + xp.sum(weights[m:].astype(xp.float64) * rest)

    total: Array = sum_blocks(
        backend, of_block, operator.add, X, weights, labels, entries=INERTIA_BLOCK
    )
    return total


class Kept(NamedTuple):
    """What is known of each cluster, kept up by the rows that leave it and join it."""

    total: Array  # (k, d) float64, the weighted sum of its rows
    weight: Array  # (k,) float64
    rows: Array  # (k,) int32, how many have a weight: without rounding, 0 where it is empty


def nothing_kept(xp: Any, k: int, d: int) -> Kept:
    """Of clusters without rows."""
    return Kept(xp.zeros((k, d)), xp.zeros(k), xp.zeros(k, dtype=xp.int32))


def keep_up(
    backend: Any, points: Points, kept: Kept, before: Array, labels: Array, first: Array | int = 0
) -> Kept:
    """``kept`` once rows from the first on have moved from one cluster to another; −1 is none.

    XLA adds up rows on one core, but these are few.
    """
    xp = backend.xp
    n = labels.shape[0]

    def add(kept: Kept, rows: Array) -> Kept:
        x, weights = (
            xp.take(part, first + rows, axis=0, mode="clip") for part in (points.X, points.weights)
        )
        leaves, joins = (xp.take(part, rows, mode="clip") for part in (before, labels))
        weights = xp.where(rows < n, weights, 0).astype(xp.float64)
        terms = weights[:, None] * (x - points.origin), weights, (weights > 0).astype(xp.int32)
        # A negative index would count from the end.
        leaves = xp.where(leaves < 0, kept.weight.shape[0], leaves)
        return Kept(
            *(
                part.at[joins].add(term, mode="drop").at[leaves].add(-term, mode="drop")
                for part, term in zip(kept, terms, strict=True)
            )
        )

    found: Kept = visit_rows(backend, add, kept, before != labels, CHUNK)
    return found


def sums_of(xp: Any, kept: Kept) -> ClusterSums:
    """The sums over the rows of each cluster; what rounding has left of the weight of none is 0."""
    return ClusterSums(kept.total, xp.where(kept.rows > 0, kept.weight, 0))


def reassign(
    backend: Any, points: Points, centers: Array, kept: Kept, labels: Array
) -> tuple[Array, Kept, Array]:
    """The nearest center of each row, ``kept``, and whether any row has moved; part by part.

    What is needed to follow the rows that move is held for one part at a time.
    """
    xp, lax = backend.xp, backend.jax.lax
    n = labels.shape[0]
    rows = block_rows(*centers.shape[::-1])
    size = min(n, rows * -(-n // (rows * -(-n // PART))))

    def visit(carry: tuple[Array, Kept, Array], starts: tuple[Array]) -> tuple[Any, Array]:
        labels, kept, is_moved = carry
        (start,) = starts
        after, before = label(backend, points, centers, labels, start, size)
        kept = keep_up(backend, points, kept, before, after, start)
        labels = lax.dynamic_update_slice_in_dim(labels, after, start, 0)
        return (labels, kept, is_moved | xp.any(before != after)), start

    # The last begins earlier: the rows that it has in common with the one before do not move again.
    starts = xp.minimum(xp.arange(0, n, size), n - size)
    running: Backend = backend
    ended: tuple[Array, Kept, Array]
    ended = running.scan(visit, (labels, kept, xp.zeros((), xp.bool)), (starts,))[0]
    return ended


def iterate(
    backend: Any, points: Points, state: State, tol: Array, limit: Array, is_whole: bool
) -> State:
    """Lloyd's loop, with ``state.kept`` as in ``keep_up``."""
    xp = backend.xp

    def step(state: State) -> State:
        if is_whole:
            labels = whole(backend, points, state.centers)
            kept = keep_up(backend, points, state.kept, state.labels, labels)
            is_moved = xp.any(labels != state.labels)
        else:
            labels, kept, is_moved = reassign(
                backend, points, state.centers, state.kept, state.labels
            )
        known = sums_of(xp, kept)
        sums = backend.jax.lax.cond(
            xp.all(known.weight > 0),
            lambda sums: sums,
            # XLA would take the distances out of the loop of one round, and always compute them.
            lambda sums: repair(backend, points, state.centers, labels, sums),
            known,
        )
        after = moved(xp, state, update(xp, sums, state.centers), labels, ~is_moved, tol)
        return after._replace(kept=kept)

    def done(state: State) -> Array:
        return state.converged

    ended: State = backend.while_loop(step, done, state, limit)
    return ended


@lloyd.register("jax")
def _lloyd(backend: Any, points: Points, state: State, tol: Array, limit: Array) -> State:
    """Sums are kept up from one call to the next, by the rows that change.

    Not one program with their start, which only the first call has: that would compile twice.
    """
    if not is_on_cpu(backend):
        return backend.compile(lloyd.generic, lloyd.static)(backend, points, state, tol, limit)  # type: ignore[no-any-return]
    if not isinstance(state.kept, Kept):
        kept = nothing_kept(backend.xp, *state.centers.shape)
        if (np.asarray(state.labels) >= 0).any():
            nowhere = backend.asarray(np.full(state.labels.shape, -1, np.int32))
            sum_up = backend.compile(keep_up, ("backend",))
            kept = sum_up(backend, points, kept, nowhere, state.labels)
        state = state._replace(kept=kept)
    go_on = backend.compile(iterate, ("backend", "is_whole"))
    is_whole = is_best_whole(points, state.centers.shape[0])
    ended: State = go_on(backend, points, state, tol, limit, is_whole)
    return ended


_lloyd.is_in_parts = True  # type: ignore[attr-defined]
