"""Lloyd's iterations as one compiled loop, which several threads go through side by side.

Each takes the next part of the rows that none has taken, finds their labels, and moves what has
changed in the part's own sums; when all have met, each moves some of the centers. Parts depend on
the problem alone, and so do the results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.lloyd import ClusterSums, State, lloyd, moved, repair, update
from accelml.cluster.rows import Points, column_means
from accelml_numba.assignment import BESIDE, IN_PLACE, assign, label, prepared
from accelml_numba.barrier import add_one, look, together, wait_for_all
from accelml_numba.compilation import compiled, locked
from accelml_numba.elkan import are_worth_bounds
from accelml_numba.products import dot, prefetch_rows, rows_ahead
from accelml_numba.tiles import ROWS as TILE_ROWS
from accelml_numba.tiles import TILE
from accelml_numpy.lloyd import REFRESH, losses, moves_of

Floats = np.ndarray[Any, Any]
Integers = np.ndarray[Any, Any]

# Multiply-adds that are worth a part, the most parts, and rows a cluster that each has: else its
# sums would be large beside them. Where clusters are many, a few parts have fewer.
PART, PARTS, ROWS = 2e5, 32, 48
FEW_PARTS, FEW_ROWS = 4, 8
# Bytes of rows that are assigned before they are added up, and the fewest rows.
CACHED, LEAST = 2**22, 128
# Entries of ``control``: the next part; iterations in this call, and why they ended; in all.
NEXT, MADE, ENDED, IN_ALL = range(4)
GOING_ON, CONVERGED, EMPTY = range(3)


@dataclass
class Kept:
    """What one call leaves to the next, and writes to."""

    centers: Floats  # (k, d)
    labels: Floats  # (n,) int32
    slack: Floats  # (n,) float32, see ``accelml_numpy.lloyd``
    loss: Floats  # (k,) float32
    moves: Floats  # (k,) float64, how far each center has gone
    drift: Floats | None  # (k,) float64, and in all, where distances have bounds
    bounds: Floats  # (n, k) float32, or (0, k)
    reaches: Floats  # (n,) float32, how far off each row's own center can be, or (0,)
    ends: Integers  # (parts + 1,) where parts begin and end
    totals: Floats  # (parts, k, d) float64
    counts: Floats  # (parts, k) float64, weights
    control: Integers  # (4,) int64

    def labels_for(
        self, backend: Backend, points: Points, before: Floats, centers: Floats
    ) -> Floats:
        """The labels after the last move, and one by what rounding has moved the centers."""
        rounding = moves_of(before + points.origin.astype(np.float64), centers)
        drift = None if self.drift is None else self.drift + rounding
        origin = column_means(backend, centers)
        search = prepared(points.X, origin, centers - origin, self.loss + losses(rounding))
        label(points.X, search, self.labels, self.slack, drift, self.bounds, self.reaches)
        return self.labels


def count_parts(n: int, d: int, k: int) -> int:
    """How many parts the rows come in."""
    most = max(min(PARTS, n // (ROWS * k)), min(FEW_PARTS, n // (FEW_ROWS * k)))
    return max(1, min(most, int(n * (d + BESIDE) * k / PART)))


def begin(X: Floats, centers: Floats) -> Kept:
    """Nothing is known of any row."""
    (n, d), k = X.shape, len(centers)
    parts, has_bounds = count_parts(n, d, k), are_worth_bounds(X, centers)
    return Kept(
        np.array(centers, order="C"), np.full(n, -1, np.int32), np.full(n, -1, np.float32),
        np.zeros(k, np.float32), np.zeros(k), np.zeros(k) if has_bounds else None,
        np.empty((n if has_bounds else 0, k), np.float32),
        np.empty(n if has_bounds else 0, np.float32), np.arange(parts + 1) * n // parts,
        np.zeros((parts, k, d)), np.zeros((parts, k)), np.zeros(4, np.int64),
    )  # fmt: skip


@lloyd.register("numba")
def _lloyd(backend: Backend, points: Points, state: State, tol: Array, limit: Array) -> State:
    X = points.X
    kept: Kept = state.kept or begin(X, state.centers)
    parts = len(kept.totals)
    parties = min(numba.get_num_threads(), parts)
    step = int(points.weights.strides != (0,))
    weights = np.ascontiguousarray(points.weights if step else points.weights[:1])
    changes, shift = np.zeros(parts, np.int64), np.zeros(1)
    left = int(limit)
    while left and not bool(state.converged):
        search = prepared(X, points.origin, kept.centers, kept.loss)
        lanes = TILE.size // X.itemsize if search.shape == IN_PLACE else 1
        for j in range(len(kept.centers)):  # rounded as between iterations
            fill_search(j, kept.centers, search.shape, lanes, search.factors, search.starts)
        kept.control[[NEXT, MADE, ENDED]] = 0
        arguments: Any = (
            locked(X), search.origin, locked(weights), step, kept.centers, search.factors,
            search.starts, search.shape, lanes, search.doubt, search.margin, kept.loss, kept.moves,
            kept.drift, kept.labels, kept.slack, kept.bounds, kept.reaches, kept.ends, changes,
            kept.totals, kept.counts, kept.control, float(tol), left, shift,
        )  # fmt: skip

        def part(number: int, arrived: Integers, arguments: Any = arguments) -> None:
            go_on(number, parties, arrived, *arguments)

        if parties == 1:
            part(0, np.zeros(2, np.int64))
        else:
            together(part, parties)
        made, ended = int(kept.control[MADE]), int(kept.control[ENDED])
        state = State(
            kept.centers.copy(), kept.labels, shift[0], np.asarray(ended == CONVERGED),
            state.iteration + made, kept,
        )  # fmt: skip
        left -= made
        if ended == EMPTY:
            state = fill_empty(backend, points, state, kept, not changes.any(), tol)
            left -= 1
    return state


def fill_empty(
    backend: Backend, points: Points, state: State, kept: Kept, is_same: bool, tol: Array
) -> State:
    """The rest of an iteration that has left clusters empty."""
    sums = ClusterSums(kept.totals.sum(axis=0), kept.counts.sum(axis=0))
    sums = repair(backend, points, state.centers, kept.labels, sums)
    centers = update(np, sums, state.centers)
    moves = moves_of(state.centers, centers)
    kept.loss[:] = losses(moves)
    if kept.drift is not None:
        kept.drift += moves
    kept.centers[:] = centers
    kept.control[IN_ALL] += 1
    state = moved(np, state, centers, kept.labels, np.asarray(is_same), tol)
    return state._replace(kept=kept)


@compiled
def go_on(
    number: int, parties: int, arrived: Integers, X: Floats, origin: Floats, weights: Floats,
    step: int, centers: Floats, factors: Floats, starts: Floats, shape: int, lanes: int,
    doubt: float, margin: float, loss: Floats, moves: Floats, drift: Floats | None,
    labels: Floats, slack: Floats, bounds: Floats, reaches: Floats, ends: Integers,
    changes: Integers, totals: Floats, counts: Floats, control: Integers, tol: float, limit: int,
    shift: Floats,
) -> None:  # fmt: skip
    """Up to so many iterations, of which this thread does what no other has begun."""
    k, size = len(centers), rows_at_once(X)
    rows, before = np.empty(size, np.int32), np.empty(size, np.int32)
    for i in range(limit):
        largest, is_new = starts[:k].max(), control[IN_ALL] % REFRESH == 0
        part = add_one(control, NEXT)
        while part < len(totals):
            if is_new:
                totals[part] = 0
            if is_new or step:
                counts[part] = 0
            changes[part] = 0
            for start in range(ends[part], ends[part + 1], size):
                stop = min(start + size, ends[part + 1])
                count = assign(
                    X, origin, centers, factors, starts, largest, shape, doubt, margin, loss,
                    start, stop, labels, slack, drift, bounds, reaches, rows, before,
                )  # fmt: skip
                changes[part] += count
                keep_sums(
                    X, origin, weights, step, labels, start, stop, rows[:count], before,
                    is_new, totals[part], counts[part],
                )  # fmt: skip
            part = add_one(control, NEXT)
        if not wait_for_all(arrived, parties, 3 * i + 1):
            return
        weight = counts.sum(axis=0)
        if not (weight > 0).all():
            control[ENDED] = EMPTY
            return
        for j in range(number, k, parties):
            moves[j] = move_center(totals[:, j], weight[j], centers[j])
            fill_search(j, centers, shape, lanes, factors, starts)
        if not wait_for_all(arrived, parties, 3 * i + 2):
            return
        if number == 0:
            shift[0] = (moves * moves).sum()
            fill_losses(moves, loss)
            if drift is not None:
                drift[:] = drift + moves  # not another array
            control[NEXT] = 0
            control[MADE] += 1
            control[IN_ALL] += 1
            is_over = changes.sum() == 0 or shift[0] <= tol
            control[ENDED] = CONVERGED if is_over else GOING_ON
        if not wait_for_all(arrived, parties, 3 * i + 3) or look(control, ENDED) != GOING_ON:
            return


@compiled
def rows_at_once(X: Floats) -> int:
    """Rows that are at hand until they are added to their clusters; of panels few are half full."""
    rows: int = max(LEAST, min(len(X), CACHED // (X.shape[1] * X.itemsize)))
    return rows


@compiled
def keep_sums(
    X: Floats, origin: Floats, weights: Floats, step: int, labels: Floats, start: int, stop: int,
    rows: Integers, before: Integers, is_new: bool, total: Floats, count: Floats,
) -> None:  # fmt: skip
    """Bring the sums of a part up to date with some labels, of which those of ``rows`` are new."""
    if is_new:
        add_rows(X, origin, weights, step, labels, start, stop, total)
    else:
        move_rows(X, origin, weights, step, labels, rows, before, 0, len(rows), total)
    if is_new or step:
        for i in range(start, stop):
            count[labels[i]] += weights[i * step]
    else:  # the same weights, which leave no rounding
        for r in range(len(rows)):
            count[labels[rows[r]]] += weights[0]
            count[before[r]] -= weights[0]


@compiled
def add_rows(
    X: Floats, origin: Floats, weights: Floats, step: int, labels: Floats, start: int, stop: int,
    total: Floats,
) -> None:  # fmt: skip
    """Add rows to their clusters; ``step`` is 0 where all weigh the same."""
    ahead = rows_ahead(X, 1)
    for i in range(start, stop):
        prefetch_rows(X, i + ahead, i + ahead + 1)
        weight, label = np.float64(weights[i * step]), labels[i]
        for f in range(X.shape[1]):
            total[label, f] += weight * (X[i, f] - origin[f])


@compiled
def move_rows(
    X: Floats, origin: Floats, weights: Floats, step: int, labels: Floats, rows: Floats,
    before: Floats, start: int, stop: int, total: Floats,
) -> None:  # fmt: skip
    """Move rows that have changed from one cluster to another."""
    for r in range(start, stop):
        i, old = rows[r], before[r]
        weight, new = np.float64(weights[i * step]), labels[i]
        for f in range(X.shape[1]):
            total[new, f] += weight * (X[i, f] - origin[f])
        for f in range(X.shape[1]):
            total[old, f] -= weight * (X[i, f] - origin[f])


@compiled
def move_center(totals: Floats, weight: float, center: Floats) -> float:
    """A center to the mean of its rows, from the totals of all parts; and how far."""
    total, square = totals[0].copy(), 0.0
    for part in range(1, len(totals)):
        total += totals[part]
    for f in range(len(center)):
        new = center.dtype.type(total[f] / weight)
        gap = np.float64(new) - np.float64(center[f])
        square += gap * gap
        center[f] = new
    distance: float = np.sqrt(square)
    return distance


@compiled
def fill_losses(moves: Floats, loss: Floats) -> None:
    """What moves take off the slack of each cluster's rows, rounded up."""
    first, second = moves.argmax(), 0.0
    for j in range(len(moves)):
        second = max(second, moves[j] if j != first else 0.0)
    for j in range(len(moves)):
        loss[j] = (moves[j] + (moves[first] if j != first else second)) * (1 + 1e-6)


@compiled
def fill_search(
    j: int, centers: Floats, shape: int, lanes: int, factors: Floats, starts: Floats
) -> None:
    """What ``prepared`` makes of a center."""
    held = len(starts) // len(factors) if shape == IN_PLACE else TILE_ROWS
    starts[j] = dot(centers, j, centers, j)
    for f in range(centers.shape[1]):
        place = (f // lanes * held + j % held) * lanes + f % lanes
        factors[j // held, place] = -2 * centers[j, f]
