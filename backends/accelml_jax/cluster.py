"""K-means on the CPU: blocks sliced where they lie, and work only for the rows that need it.

Rows whose nearest center is in question, and rows that have changed their cluster, are few. Their
numbers are collected, and a loop over them is as long as there are such rows, so that shapes stay
what XLA compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest, squared_norms
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Centered, Points, centered, column_means, labels_of
from accelml_jax.blocks import is_on_cpu, map_blocks, visit_rows

# Entries of a block of rows and of its distances, which stay in the cache unless rows are long,
# and of the rows of a chunk in float64.
BLOCK, CHUNK = 2**18, 2**19
# Rows that a product is worth sharing out for.
LEAST = 2048
# Rows that are compared directly at a time.
FEW = 32


@nearest.register("jax")
def _nearest(backend: Any, X: Array, norms: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return nearest.generic(backend, X, norms, centers)
    xp = backend.xp
    squares = squared_norms(xp, centers)
    distances = squares[None, :] - 2 * (X @ centers.T)  # less |x|², the same for all centers
    error = doubt(xp, X) * (norms + xp.max(squares))
    is_close = distances <= (xp.min(distances, axis=1) + error)[:, None]
    index = xp.arange(centers.shape[0], dtype=xp.int32)[None, :]
    # XLA makes vector instructions of these, but not of argmin.
    first = xp.min(xp.where(is_close, index, centers.shape[0] - 1), axis=1)
    last = xp.max(xp.where(is_close, index, 0), axis=1)

    def compare(labels: Array, rows: Array) -> Array:
        x, norm = (xp.take(part, rows, axis=0, mode="clip") for part in (X, norms))
        return labels.at[rows].set(nearest.generic(backend, x, norm, centers), mode="drop")

    labels: Array = visit_rows(backend, compare, first, first != last, FEW)
    return labels


def label(backend: Backend, X: Array, origin: Array, centers: Array) -> Array:
    """The nearest center of each row; centers are given less the origin."""
    xp = backend.xp

    def of_block(X: Array) -> Array:
        X = X - origin
        return nearest(backend, X, squared_norms(xp, X), centers)

    out = xp.zeros(X.shape[:1], dtype=xp.int32)
    return map_blocks(backend, of_block, out, max(LEAST, BLOCK // sum(centers.shape)), X)


def measure(backend: Backend, X: Array) -> tuple[Array, Array, Array]:
    """The origin, |x − origin|² of each row, and the mean variance of the features."""
    xp = backend.xp
    n, d = X.shape
    mean = xp.sum(X, axis=0, dtype=xp.float64) / n
    origin = mean.astype(X.dtype)

    def of_block(X: Array) -> Array:
        return squared_norms(xp, X - origin)

    norms = map_blocks(backend, of_block, xp.zeros_like(X[:, 0]), max(LEAST, BLOCK // d), X)
    residue = mean - origin
    variance = (xp.sum(norms, dtype=xp.float64) / n - xp.sum(residue * residue)) / d
    return origin, norms, variance


@centered.register("jax")
def _centered(backend: Backend, X: Array, weights: Array) -> Centered:
    """Compiled in parts, because what a compiled function returns of its arguments is a copy."""
    if not is_on_cpu(backend):
        return backend.compile(centered.generic, centered.static)(backend, X, weights)
    origin, norms, variance = backend.compile(measure, ("backend",))(backend, X)
    return Centered(Points(X, origin, norms, weights), variance)


_centered.is_in_parts = True  # type: ignore[attr-defined]


@labels_of.register("jax")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    if not is_on_cpu(backend):
        return labels_of.generic(backend, X, centers)
    origin = column_means(backend, centers)
    return label(backend, X, origin, centers - origin)


def keep_up(backend: Any, points: Points, total: Array, before: Array, labels: Array) -> Array:
    """The total of each cluster, (k, d) in float64, once rows have moved from one to another.

    A label of −1 is no cluster. XLA adds up rows on one core, but these are few.
    """
    xp = backend.xp
    n, d = points.X.shape
    everything = points.X, points.weights, before, labels

    def add(total: Array, rows: Array) -> Array:
        x, weights, leaves, joins = (
            xp.take(part, rows, axis=0, mode="clip") for part in everything
        )
        weights = xp.where(rows < n, weights, 0)[:, None].astype(xp.float64)
        x = weights * (x - points.origin)
        # A negative index would count from the end.
        nowhere = total.shape[0]
        total = total.at[joins].add(x, mode="drop")
        return total.at[xp.where(leaves < 0, nowhere, leaves)].add(-x, mode="drop")

    kept: Array = visit_rows(backend, add, total, before != labels, max(1, CHUNK // d))
    return kept


def iterate(backend: Any, points: Points, state: State, tol: Array, limit: Array) -> State:
    """Lloyd's loop, with totals in ``state.kept``."""
    xp = backend.xp
    k = state.centers.shape[0]

    def step(state: State) -> State:
        labels = label(backend, points.X, points.origin, state.centers)
        total = keep_up(backend, points, state.kept, state.labels, labels)
        weights = points.weights.astype(xp.float64)
        weight = xp.zeros(k, dtype=xp.float64).at[labels].add(weights)
        sums = backend.jax.lax.cond(
            xp.all(weight > 0),
            lambda sums: sums,
            # XLA would take the distances out of the loop of one round, and always compute them.
            lambda sums: repair(backend, points, state.centers, labels, sums),
            ClusterSums(total, weight),
        )
        is_same = ~xp.any(labels != state.labels)
        after = moved(xp, state, update(xp, sums, state.centers), labels, is_same, tol)
        return after._replace(kept=total)

    def done(state: State) -> Array:
        return state.converged

    ended: State = backend.while_loop(step, done, state, limit)
    return ended


@lloyd.register("jax")
def _lloyd(backend: Any, points: Points, state: State, tol: Array, limit: Array) -> State:
    """Totals are kept up from one call to the next, by the rows that change.

    Not one program with their start, which only the first call has: that would compile twice.
    """
    if not is_on_cpu(backend):
        return backend.compile(lloyd.generic, lloyd.static)(backend, points, state, tol, limit)  # type: ignore[no-any-return]
    if isinstance(state.kept, tuple):
        total = backend.asarray(np.zeros(state.centers.shape))
        if (np.asarray(state.labels) >= 0).any():
            nowhere = backend.asarray(np.full(state.labels.shape, -1, np.int32))
            sum_up = backend.compile(keep_up, ("backend",))
            total = sum_up(backend, points, total, nowhere, state.labels)
        state = state._replace(kept=total)
    ended: State = backend.compile(iterate, ("backend",))(backend, points, state, tol, limit)
    return ended


_lloyd.is_in_parts = True  # type: ignore[attr-defined]
