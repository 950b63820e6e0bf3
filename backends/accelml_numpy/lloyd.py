"""Lloyd's loop in place: only rows that may have another nearest center now are looked at.

A row is nearer to its own center than to any other by its slack. When the centers move, its slack
shrinks by no more than its own center and the one other that moves most have moved, and while some
is left, its label stays: the triangle inequality as Hamerly used it, with one bound for each row.

References
----------
Hamerly, Making k-means even faster, SDM 2010.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Points, column_means, labels_of, slices
from accelml_numpy.threads import SMALL, side_by_side

Floats = np.ndarray[Any, Any]

# Elements of a block's temporaries, so that they stay in the cache.
CACHED = 2**18
# Sums are kept up by the rows that change, and made anew after so many iterations.
REFRESH = 32
# One part in so many rows may change before it is cheaper to sum all rows anew.
FEW = 4
# Rows are shared out in so many parts, however many threads there are.
PARTS = 32
# Entries up to which a matrix that is mostly zero is made faster than a sparse one.
DENSE = 2**12
# Elements of all rows and their distances, up to which no row is passed over.
WHOLE = 2**15
# More than what rounding adds to a slack in one subtraction.
SHRINK = np.float32(1 - 2**-22)


@dataclass
class Kept:
    """What one iteration leaves to the next, and writes to."""

    labels: Floats  # (n,) int32
    slack: Floats  # (n,) float32, how much nearer than all others its own center is to a row
    loss: Floats  # (k,) float32, what its center's last move takes off a row's slack
    drift: Floats  # (k,) float64, how far its center has moved in all
    sums: ClusterSums
    iterations: int = 0
    bounds: Floats | None = None  # (n, k) float32, what a search may keep of each distance


class Changes(NamedTuple):
    """Rows that have a new label."""

    rows: Floats  # (changes,) int32
    before: Floats  # (changes,) int32, their labels before


Assign = Callable[[Backend, Points, Floats, Kept], "Changes | None"]
Add = Callable[[Points, Kept, "Changes | None"], None]


def iterate(
    backend: Backend, points: Points, state: State, tol: Array, limit: Array,
    assign: Assign, add: Add,
) -> State:  # fmt: skip
    """The loop of ``lloyd``, with what it keeps.

    Parameters
    ----------
    backend, points, state, tol, limit
        As ``lloyd``'s.
    assign : callable
        ``assign(backend, points, centers, kept)`` brings labels and slack up to date, and returns
        which labels have changed, or None where too many have.
    add : callable
        ``add(points, kept, changes)`` moves the rows that have changed from one total to another,
        or adds all rows where that is None.
    """
    for _ in range(int(limit)):
        if bool(state.converged):
            break
        kept = state.kept or begin(len(points.X), state.centers.shape)
        changes = assign(backend, points, state.centers, kept)
        is_same = changes is not None and len(changes.rows) == 0
        keep_sums(points, kept, changes, add)
        sums = kept.sums
        if not (sums.weight > 0).all():
            sums = repair(backend, points, state.centers, kept.labels, sums)
        centers = update(np, sums, state.centers)
        moves = moves_of(state.centers, centers)
        kept.loss = losses(moves)
        kept.drift += moves
        kept.iterations += 1
        state = moved(np, state, centers, kept.labels, np.asarray(is_same), tol)
        state = state._replace(kept=kept)
    return state


def begin(n: int, shape: tuple[int, ...]) -> Kept:
    """Nothing is known of any row."""
    labels, slack = np.full(n, -1, np.int32), np.full(n, -1, np.float32)
    nothing = ClusterSums(np.zeros(shape), np.zeros(shape[0]))
    return Kept(labels, slack, np.zeros(shape[0], np.float32), np.zeros(shape[0]), nothing)


def moves_of(before: Floats, after: Floats) -> Floats:
    """How far each center has moved."""
    gap = after.astype(np.float64) - before
    moves: Floats = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return moves


def losses(moves: Floats) -> Floats:
    """What the moves of the centers take off the slack of each cluster's rows, rounded up."""
    others = np.full(len(moves), moves.max())
    first = moves.argmax()
    others[first] = max(np.delete(moves, first), default=0.0)
    up: Floats = ((moves + others) * (1 + 1e-6)).astype(np.float32)
    return up


def keep_sums(points: Points, kept: Kept, changes: Changes | None, add: Add) -> None:
    """Bring the sums up to date with the labels."""
    total, weight = kept.sums
    if kept.iterations % REFRESH == 0:
        changes = None
    if changes is None:
        total[:] = 0
    add(points, kept, changes)
    if changes is not None and points.weights.strides == (0,):  # ones, which leave no rounding
        for part in slices(len(changes.rows), 2**16):  # bincount copies to int64
            weight += np.bincount(kept.labels[changes.rows[part]], minlength=len(weight))
            weight -= np.bincount(changes.before[part], minlength=len(weight))
    else:
        weight[:] = 0
        for rows in slices(len(points.X), 2**16):
            weight += np.bincount(kept.labels[rows], points.weights[rows], len(weight))


def joined(parts: Sequence[Changes | None]) -> Changes | None:
    """The changes of all parts; None where one had too many."""
    rows, before = [], []
    for part in parts:
        if part is None:
            return None
        rows.append(part.rows)
        before.append(part.before)
    return Changes(np.concatenate(rows), np.concatenate(before))


class Search(NamedTuple):
    """What the nearest centers are found by."""

    centers: Floats  # (k, d)
    factors: Floats  # (d, k), −2 Cᵀ
    norms: Floats  # (k,) |c|²
    doubt: Any


def assign_by_products(
    backend: Backend, points: Points, centers: Floats, kept: Kept
) -> Changes | None:
    """Block by block, by a matrix product that stays in the cache."""
    n, d = points.X.shape
    norms = np.einsum("ij,ij->i", centers, centers)
    factors = np.ascontiguousarray(-2 * centers.T)
    search = Search(centers, factors, norms, points.X.dtype.type(doubt(np, points.X)))
    size = max(1, CACHED // (d + len(centers)))
    most = max(size, -(-n // PARTS))

    def assign_part(part: slice) -> Changes | None:
        room = np.empty((size, d), points.X.dtype), np.empty((size, len(centers)), norms.dtype)
        slack = kept.slack[part]
        slack -= kept.loss[kept.labels[part]]
        slack *= SHRINK
        active = np.flatnonzero(slack <= 0).astype(np.int32) + np.int32(part.start)
        labels = np.empty(len(active), np.int32)
        with np.errstate(all="ignore"):
            for chunk in slices(len(active), size):
                found = look_at(points, search, active[chunk], *room)
                labels[chunk], kept.slack[active[chunk]] = found
            unsure = np.flatnonzero(kept.slack[active] <= 0)
            for chunk in slices(len(unsure), size):
                labels[unsure[chunk]] = compare(backend, points, centers, active[unsure[chunk]])
        before = kept.labels[active]
        kept.labels[active] = labels
        where = np.flatnonzero(labels != before)
        return Changes(active[where], before[where]) if len(where) <= most // FEW else None

    return joined(side_by_side(assign_part, slices(n, most)))


def look_at(
    points: Points, search: Search, rows: Floats, X: Floats, distances: Floats
) -> tuple[Floats, Floats]:
    """Labels and slack of some rows, no slack where rounding leaves the label open.

    The last two arguments are room to work in.
    """
    X, distances = X[: len(rows)], distances[: len(rows)]
    if rows[-1] - rows[0] == len(rows) - 1:
        np.subtract(points.X[rows[0] : rows[-1] + 1], points.origin, out=X)
    else:
        np.take(points.X, rows, axis=0, out=X, mode="clip")
        X -= points.origin
    norms = np.einsum("ij,ij->i", X, X)
    np.dot(X, search.factors, out=distances)  # |x|² is the same for all centers of a row
    distances += search.norms
    labels = distances.argmin(axis=1)
    index = np.arange(len(rows))
    best = distances[index, labels]
    distances[index, labels] = np.inf
    second = distances[index, distances.argmin(axis=1)]  # much faster than the minimum itself
    scale = norms + search.norms.max()
    error = search.doubt * scale
    low = np.sqrt(np.maximum(second + norms - error, 0))
    slack = low - np.sqrt(np.maximum(best + norms, 0) + error) - search.doubt * np.sqrt(scale)
    slack[second <= best + error] = 0
    return labels, slack


def compare(backend: Backend, points: Points, centers: Floats, rows: Floats) -> Floats:
    """Labels of rows that several centers are about as near to."""
    X = points.X[rows] - points.origin
    labels: Floats = nearest.generic(backend, X, np.einsum("ij,ij->i", X, X), centers)
    return labels


def add_by_products(points: Points, kept: Kept, changes: Changes | None) -> None:
    """Block by block, by a matrix with one entry a row, or with one for each of its two labels."""
    k, d = kept.sums.total.shape
    n = len(points.X) if changes is None else len(changes.rows)

    def add_part(part: slice) -> Floats:
        total = np.zeros((k, d))
        for chunk in slices(part.stop - part.start, max(1, CACHED // (2 * d))):
            at = slice(part.start + chunk.start, part.start + chunk.stop)
            rows = at if changes is None else changes.rows[at]
            weights, labels = points.weights[rows].astype(points.X.dtype), kept.labels[rows]
            if changes is None:
                X = points.X[rows] - points.origin
            else:
                X = points.X[rows]
                X -= points.origin
                labels = np.stack([labels, changes.before[at]], axis=1)
                weights = np.stack([weights, -weights], axis=1)
            total += members(labels, weights, k) @ X
        return total

    for part in side_by_side(add_part, slices(n, max(8 * k, SMALL // d, -(-n // 4)))):
        kept.sums.total[:] += part


def members(labels: Floats, weights: Floats, k: int) -> Any:
    """A matrix with a column for each row, and in it the weight at each of the row's labels."""
    n = len(labels)
    if n * k <= DENSE:
        whole: Floats = np.zeros((k, n), weights.dtype)
        whole[labels.T, np.arange(n)] = weights.T
        return whole
    ends = np.arange(0, labels.size + 1, labels.ndim, dtype=np.int32)
    return csc_array((weights.ravel(), labels.ravel(), ends), shape=(k, n))


def iterate_whole(
    backend: Backend, points: Points, state: State, tol: Array, limit: Array
) -> State:
    """The loop over so few rows that all of them cost less than finding out which matter."""
    X, (k, _) = points.X - points.origin, state.centers.shape
    norms, rows = np.einsum("ij,ij->i", X, X), np.arange(len(X))
    for _ in range(int(limit)):
        if bool(state.converged):
            break
        labels = nearest(backend, X, norms, state.centers)
        member = np.zeros((k, len(X)), X.dtype)
        member[labels, rows] = points.weights
        weight = np.bincount(labels, points.weights, k)
        sums = ClusterSums((member @ X).astype(np.float64), weight)
        if not (weight > 0).all():
            sums = repair(backend, points, state.centers, labels, sums)
        is_same = ~(labels != state.labels).any()
        state = moved(np, state, update(np, sums, state.centers), labels, is_same, tol)
    return state


@lloyd.register("numpy")
def _lloyd(backend: Backend, points: Points, state: State, tol: Array, limit: Array) -> State:
    if len(points.X) * sum(state.centers.shape) <= WHOLE:
        return iterate_whole(backend, points, state, tol, limit)
    return iterate(backend, points, state, tol, limit, assign_by_products, add_by_products)


@labels_of.register("numpy")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    origin = column_means(backend, centers)
    centers = centers - origin
    if len(X) * sum(centers.shape) <= WHOLE:
        X = X - origin
        return nearest(backend, X, np.einsum("ij,ij->i", X, X), centers)
    return label(backend, X, origin, centers, assign_by_products)


def label(backend: Backend, X: Floats, origin: Floats, centers: Floats, assign: Assign) -> Floats:
    """The labels of rows as the first iteration finds them."""
    kept = begin(len(X), centers.shape)
    kept.bounds = np.empty((0, len(centers)), np.float32)
    assign(backend, Points(X, origin, (), X[:0, 0]), centers, kept)
    return kept.labels
