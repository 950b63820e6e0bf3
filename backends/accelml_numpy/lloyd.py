"""Lloyd's loop in place: only rows that may have another nearest center now are looked at.

A row is nearer to its own center than to any other by its slack. When the centers move, its slack
shrinks by no more than its own center and the one other that moves most have moved, and while some
is left, its label stays: the triangle inequality as Hamerly used it, with one bound for each row.

References
----------
Hamerly, Making k-means even faster, SDM 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import doubt, nearest
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Points, column_means, labels_of, slices
from accelml_numpy.cluster import ACROSS, two_nearest
from accelml_numpy.products import is_few
from accelml_numpy.threads import SMALL, side_by_side

Floats = np.ndarray[Any, Any]

# Elements of a block's temporaries: the fewer blocks there are, the fewer times do threads wait for
# the interpreter's lock. They stay in the last cache, and are a small part of X.
LEAST_CACHED, MOST_CACHED, SHARE = 2**18, 2**20, 64
# Sums are kept up by the rows that change, and made anew after so many iterations.
REFRESH = 32
# One part in so many rows may change before it is cheaper to sum all rows anew.
FEW = 4
# Rows are looked at in parts of so many elements, of themselves and their distances, in at most so
# many parts, however many threads there are; from so many elements on, by several threads.
PART, PARTS, SHARED = 2**21, 32, 2**22
# Entries up to which a matrix that is mostly zero is made faster than a sparse one.
DENSE = 2**12
# Rows of so many features have their norms kept, and are multiplied as they are where the square of
# their origin is at most so many times their mean square from it.
LONG, NEAR = 32, 4
# From so large a share of a part on, all of its rows are looked at: to copy many is slower.
MOST = 0.6
# Elements of all rows, short ones and long ones, and of their distances, up to which no row is
# passed over.
WHOLE, WHOLE_LONG = 2**20, 2**18
# More than what rounding adds to a slack in one subtraction.
SHRINK = np.float32(1 - 2**-22)


@dataclass
class Kept:
    """What one iteration leaves to the next, and writes to."""

    labels: Floats  # (n,) int32
    slack: Floats  # (n,) float32, how much nearer than all others its own center is to a row
    loss: Floats  # (k,) float32, what its center's last move takes off a row's slack
    sums: ClusterSums
    iterations: int = 0
    norms: Floats | None = None  # (n,) |x − origin|² of long rows, from the first iteration on

    def labels_for(
        self, backend: Backend, points: Points, before: Floats, centers: Floats
    ) -> Floats:
        """The labels after the last move, and one by what rounding has moved the centers."""
        rounding = moves_of(before + points.origin.astype(np.float64), centers)
        loss, count = self.loss + losses(rounding), 0
        numbers = self.slack.view(np.int32)  # the slack, once read, makes room for them
        for part in slices(len(self.slack), 2**16):
            left = (self.slack[part] - loss[self.labels[part]]) * SHRINK
            found = np.flatnonzero(left <= 0)
            numbers[count : count + len(found)] = found + part.start
            count += len(found)
        some = None if count > MOST * len(numbers) else numbers[:count]
        fill_labels(backend, points.X, centers, self.labels, some)
        return self.labels


class Changes(NamedTuple):
    """Rows that have a new label."""

    rows: Floats  # (changes,) int32
    before: Floats  # (changes,) int32, their labels before


def iterate(backend: Backend, points: Points, state: State, tol: Array, limit: Array) -> State:
    """The loop of ``lloyd``, with what it keeps."""
    for _ in range(int(limit)):
        if bool(state.converged):
            break
        kept = state.kept or begin(len(points.X), state.centers.shape)
        changes = assign_by_products(backend, points, state.centers, kept)
        is_same = changes is not None and len(changes.rows) == 0
        keep_sums(points, kept, changes)
        del changes  # or they would be there until the next ones are
        sums = kept.sums
        if not (sums.weight > 0).all():
            sums = repair(backend, points, state.centers, kept.labels, sums)
        centers = update(np, sums, state.centers)
        kept.loss = losses(moves_of(state.centers, centers))
        kept.iterations += 1
        state = moved(np, state, centers, kept.labels, np.asarray(is_same), tol)
        state = state._replace(kept=kept)
    return state


def begin(n: int, shape: tuple[int, ...]) -> Kept:
    """Nothing is known of any row."""
    labels, slack = np.full(n, -1, np.int32), np.full(n, -1, np.float32)
    nothing = ClusterSums(np.zeros(shape), np.zeros(shape[0]))
    return Kept(labels, slack, np.zeros(shape[0], np.float32), nothing)


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


def keep_sums(points: Points, kept: Kept, changes: Changes | None) -> None:
    """Bring the sums up to date with the labels."""
    total, weight = kept.sums
    if kept.iterations % REFRESH == 0:
        changes = None
    if changes is None:
        total[:] = 0
    add_by_products(points, kept, changes)
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


def cached(X: Floats) -> int:
    """How many elements the temporaries of a block of X may have."""
    return min(MOST_CACHED, max(LEAST_CACHED, X.size // SHARE))


class Search(NamedTuple):
    """What the nearest centers are found by."""

    centers: Floats  # (k, d)
    factors: Floats  # (k, d), −2 C, row by row or column by column
    constants: Floats  # (k,) what is added to factors · x, so that all but |x|² is there
    norm: Any  # the largest |c|²
    far: Any  # |origin|² where rows are multiplied as they are, −1 where the origin is taken off
    doubt: Any


class Room(NamedTuple):
    """Where a block's temporaries are written."""

    X: Floats  # (m, d)
    products: Floats  # (m, k)
    distances: Floats  # (k m,), or none where there are many centers


def search_for(points: Points, centers: Floats, kept: Kept) -> Search:
    """Prepare the search for the nearest of these centers."""
    norms = np.einsum("ij,ij->i", centers, centers)
    factors = -2 * centers if is_few(*centers.shape) else np.ascontiguousarray(-2 * centers.T).T
    dtype = points.X.dtype.type
    far, constants = dtype(-1), norms
    if kept.norms is not None and kept.iterations:
        square = np.dot(points.origin, points.origin)
        if square <= NEAR * kept.norms.mean():
            far, constants = square, norms - factors @ points.origin
    return Search(centers, factors, constants, norms.max(), far, dtype(doubt(np, points.X)))


def assign_by_products(
    backend: Backend, points: Points, centers: Floats, kept: Kept
) -> Changes | None:
    """Block by block, by a matrix product that stays in the cache."""
    (n, d), k, dtype = points.X.shape, len(centers), points.X.dtype
    if kept.norms is None and d >= LONG:
        kept.norms = np.empty(n, dtype)
    search = search_for(points, centers, kept)
    most = -(-n // min(PARTS, -(-n * (d + k) // PART)))
    across = k if k <= ACROSS else 0
    size = max(1, min(most, cached(points.X) // (d + k + across)))

    def assign_part(part: slice) -> Changes | None:
        room = Room(*(np.empty(shape, dtype) for shape in ((size, d), (size, k), size * across)))
        slack = kept.slack[part]
        slack -= kept.loss[kept.labels[part]]
        slack *= SHRINK
        active = np.flatnonzero(slack <= 0).astype(np.int32)
        if len(active) > MOST * len(slack):
            active = np.arange(len(slack), dtype=np.int32)
        active += np.int32(part.start)
        labels = np.empty(len(active), np.int32)
        with np.errstate(all="ignore"):
            for chunk in slices(len(active), size):
                rows = active[chunk]
                labels[chunk], kept.slack[rows] = look_at(points, search, rows, room, kept)
            unsure = np.flatnonzero(kept.slack[active] <= 0)
            for chunk in slices(len(unsure), size):
                labels[unsure[chunk]] = compare(backend, points, centers, active[unsure[chunk]])
        before = kept.labels[active]
        kept.labels[active] = labels
        where = np.flatnonzero(labels != before)
        return Changes(active[where], before[where]) if len(where) <= most // FEW else None

    # Where operations are short, threads wait longer for the interpreter's lock than they save.
    spread = side_by_side if n * (d + k) >= SHARED else map
    return joined(list(spread(assign_part, slices(n, most))))


def look_at(
    points: Points, search: Search, rows: Floats, room: Room, kept: Kept
) -> tuple[Floats, Floats]:
    """Labels and slack of some rows, no slack where rounding leaves the label open."""
    m = len(rows)
    index: Any = slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] == m - 1 else rows
    X = room.X[:m]
    if search.far >= 0 and isinstance(index, slice):
        X = points.X[index]
    elif isinstance(index, slice):
        np.subtract(points.X[index], points.origin, out=X)
    else:
        np.take(points.X, index, axis=0, out=X, mode="clip")
        if search.far < 0:
            X -= points.origin
    if kept.norms is None or not kept.iterations:
        norms = np.einsum("ij,ij->i", X, X)
        if kept.norms is not None:
            kept.norms[index] = norms
    else:
        norms = kept.norms[index]
    labels, best, second = two_nearest(
        X, search.factors, search.constants, room.products[:m], room.distances
    )
    scale = norms + search.norm
    if search.far >= 0:
        # 2 |x| |c| ≤ |x|² + |c|² bounds a product, and |x|² is at most 2 |x − o|² + 2 |o|².
        scale = 2 * scale + 3 * search.far
    error = search.doubt * scale
    low = np.sqrt(np.maximum(second + norms - error, 0))
    slack = low - np.sqrt(np.maximum(best + norms, 0) + error) - search.doubt * np.sqrt(scale)
    slack[~(second > best + error)] = 0
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
        for chunk in slices(part.stop - part.start, max(1, cached(points.X) // (2 * d))):
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
    """The loop over so few rows that all of them cost less than finding out which matter.

    Rows lie side by side, (d, n), and so do their distances, (k, n): those that are the lowest to
    within rounding make up the matrix that sums the rows of each cluster.
    """
    X = np.ascontiguousarray((points.X - points.origin).T)
    n, k, dtype = X.shape[1], len(state.centers), X.dtype
    norms = np.einsum("ij,ij->j", X, X)
    is_weighted = points.weights.strides != (0,)
    distances, member = np.empty((2, k, n), dtype)
    numbers = np.stack([np.ones(k, dtype), np.arange(k, dtype=dtype)])
    for _ in range(int(limit)):
        if bool(state.converged):
            break
        centers = state.centers
        squares = np.einsum("ij,ij->i", centers, centers)
        np.matmul(-2 * centers, X, out=distances)
        distances += squares[:, None]
        error = dtype.type(doubt(np, points.X)) * (norms + squares.max())
        np.less_equal(distances, distances.min(axis=0) + error, out=member)
        count, found = numbers @ member
        labels = found.astype(np.int32)
        unsure = np.flatnonzero(count != 1)
        if len(unsure):
            rows = np.ascontiguousarray(X[:, unsure].T)
            labels[unsure] = nearest.generic(backend, rows, norms[unsure], centers)
            member[:, unsure] = 0
            member[labels[unsure], unsure] = 1
        if is_weighted:
            member *= points.weights
        weight = np.bincount(labels, points.weights, k)
        sums = ClusterSums((member @ X.T).astype(np.float64), weight)
        if not (weight > 0).all():
            sums = repair(backend, points, centers, labels, sums)
        is_same = ~(labels != state.labels).any()
        state = moved(np, state, update(np, sums, centers), labels, is_same, tol)
    return state


@lloyd.register("numpy")
def _lloyd(backend: Backend, points: Points, state: State, tol: Array, limit: Array) -> State:
    most = WHOLE_LONG if points.X.shape[1] >= LONG else WHOLE
    if len(points.X) * sum(state.centers.shape) <= most:
        return iterate_whole(backend, points, state, tol, limit)
    return iterate(backend, points, state, tol, limit)


@labels_of.register("numpy")
def _labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    labels = np.empty(len(X), np.int32)
    fill_labels(backend, X, centers, labels, None)
    return labels


def fill_labels(
    backend: Backend, X: Floats, centers: Floats, labels: Floats, some: Floats | None
) -> None:
    """The nearest center of all rows, or of some, whose labels are filled in."""
    origin = column_means(backend, centers)
    centers = centers - origin
    n, d, k = len(X if some is None else some), X.shape[1], len(centers)
    # Nothing is known of the next iteration, so that how much nearer a center is does not matter.
    most = max(1, -(-n // min(PARTS, max(1, -(-n * (d + k) // PART)))))
    size = max(1, min(most, cached(X) // (d + 2 * k)))

    def label_part(part: slice) -> None:
        room = np.empty((size, d), X.dtype)
        for chunk in slices(part.stop - part.start, size):
            rows: Any = slice(part.start + chunk.start, part.start + chunk.stop)
            near = room[: chunk.stop - chunk.start]
            if some is None:
                np.subtract(X[rows], origin, out=near)
            else:
                rows = some[rows]
                np.take(X, rows, axis=0, out=near, mode="clip")
                near -= origin
            labels[rows] = nearest(backend, near, np.einsum("ij,ij->i", near, near), centers)

    side_by_side(label_part, slices(n, most))
