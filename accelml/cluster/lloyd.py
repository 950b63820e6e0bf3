"""Lloyd's algorithm: assign each row to its nearest center, move each center to its rows' mean.

The mathematics is in docs/mathematics/k-means.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import between, nearest
from accelml.cluster.rows import Block, Points, labels_of, scan_blocks, take_rows
from accelml.kernel import kernel


class ClusterSums(NamedTuple):
    """Sums over rows: all that moving the centers needs of the data."""

    total: Array  # (k, d) float64, weighted sum of each cluster's rows
    weight: Array  # (k,) float64


class State(NamedTuple):
    """What one iteration hands to the next."""

    centers: Array  # (k, d)
    labels: Array  # (n,) int32, by the centers before
    shift: Array  # () float64, Σ (new center − old center)²
    converged: Array  # () bool
    iteration: Array  # () int32
    # What a backend's own loop keeps for its next call, which may write to it; see ``last_labels``.
    kept: Any = ()


@kernel(static=("count",))
def sum_by_cluster(
    backend: Backend, count: int, X: Array, weights: Array, labels: Array
) -> ClusterSums:
    """The weighted sum of the rows of each of ``count`` clusters, and their weight."""
    xp = backend.xp
    is_member = labels[:, None] == xp.arange(count, dtype=labels.dtype)[None, :]
    member = xp.where(is_member, weights[:, None], xp.zeros_like(weights)[:, None])
    return ClusterSums(
        xp.astype(member.T @ X, xp.float64), xp.sum(member, axis=0, dtype=xp.float64)
    )


@kernel
def statistics(
    backend: Backend, X: Array, norms: Array, weights: Array, centers: Array
) -> tuple[ClusterSums, Array]:
    """Assign each row of a block to its nearest center; sums by cluster, and the labels."""
    labels = nearest(backend, X, norms, centers)
    return sum_by_cluster(backend, centers.shape[0], X, weights, labels), labels


def update(xp: Any, sums: ClusterSums, centers: Array) -> Array:
    """Move each center to the mean of its rows; one without rows stays."""
    weight = sums.weight[:, None]
    mean = sums.total / xp.where(weight > 0, weight, xp.ones_like(weight))
    return xp.where(weight > 0, xp.astype(mean, centers.dtype), centers)


@kernel
def repair(
    backend: Backend, points: Points, centers: Array, labels: Array, sums: ClusterSums
) -> ClusterSums:
    """Give each empty cluster the row that is farthest from its own center.

    One row after another, the farthest first, leaves its cluster for the empty one of lowest index.
    A row of weight zero is nobody's center, and where every row lies on its center none moves.
    """
    xp = backend.xp
    count = centers.shape[0]
    n, weights = points.X.shape[0], points.weights
    index = xp.arange(n, dtype=xp.int32)
    clusters = xp.arange(count, dtype=xp.int32)

    def distances_of(_: tuple[()], block: Block) -> tuple[tuple[()], Array]:
        return (), between(xp, block.X, centers, block.labels)

    def measure(state: tuple[ClusterSums, Array]) -> tuple[ClusterSums, Array]:
        distances = scan_blocks(backend, points, labels, 0, distances_of, ())[1]
        free = xp.where(weights > 0, distances, xp.zeros_like(distances))
        return backend.while_loop(move, none_to_move, (state[0], free), count)  # type: ignore[no-any-return]

    def move(state: tuple[ClusterSums, Array]) -> tuple[ClusterSums, Array]:
        sums, free = state
        row = xp.min(xp.where(free == xp.max(free), index, xp.zeros_like(index) + (n - 1)))
        old = xp.take(labels, xp.reshape(row, (1,)))
        empty = xp.where(sums.weight == 0, clusters, xp.zeros_like(clusters) + (count - 1))
        joins, leaves = clusters == xp.min(empty), clusters == old
        weight = xp.astype(xp.take(weights, xp.reshape(row, (1,))), xp.float64)
        sign = xp.astype(joins, xp.float64) - xp.astype(leaves, xp.float64)
        x = xp.astype(take_rows(backend, points, xp.reshape(row, (1,))), xp.float64)
        # What an empty cluster sums to is rounding, where the sums have been kept up.
        total = xp.where(joins[:, None], xp.zeros_like(sums.total), sums.total)
        sums = ClusterSums(total + (sign * weight)[:, None] * x, sums.weight + sign * weight)
        return sums, xp.where(index == row, xp.zeros_like(free), free)

    def none_to_move(state: tuple[ClusterSums, Array]) -> Array:
        return xp.all(state[0].weight > 0) | (xp.max(state[1]) == 0)

    def none_empty(state: tuple[ClusterSums, Array]) -> Array:
        return xp.all(state[0].weight > 0)

    # A loop of one round, because distances are needed only where a cluster is empty.
    unknown = xp.zeros((n,), dtype=xp.float64)
    repaired: ClusterSums = backend.while_loop(measure, none_empty, (sums, unknown), 1)[0]
    return repaired


@kernel
def lloyd(backend: Backend, points: Points, state: State, tol: Array, limit: Array) -> State:
    """Iterate until no label changes, or the centers move by ``tol``, or ``limit`` times.

    References
    ----------
    Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982.
    """
    xp = backend.xp

    def step(state: State) -> State:
        nothing = ClusterSums(
            xp.zeros_like(state.centers, dtype=xp.float64),
            xp.zeros_like(state.centers[:, 0], dtype=xp.float64),
        )

        def add_block(sums: ClusterSums, block: Block) -> tuple[ClusterSums, Array]:
            more, labels = statistics(backend, *block[:3], state.centers)
            return ClusterSums(sums.total + more.total, sums.weight + more.weight), labels

        count = state.centers.shape[0]
        sums, labels = scan_blocks(backend, points, None, count, add_block, nothing)
        sums = repair(backend, points, state.centers, labels, sums)
        is_same = ~xp.any(labels != state.labels)
        return moved(xp, state, update(xp, sums, state.centers), labels, is_same, tol)

    def done(state: State) -> Array:
        return state.converged

    ended: State = backend.while_loop(step, done, state, limit)
    return ended


def moved(
    xp: Any, state: State, centers: Array, labels: Array, is_same: Array, tol: Array
) -> State:
    """The state after one iteration, and whether it was the last that is needed."""
    gap = xp.astype(centers, xp.float64) - xp.astype(state.centers, xp.float64)
    shift = xp.sum(gap * gap)
    return State(centers, labels, shift, is_same | (shift <= tol), state.iteration + 1)


@dataclass
class Run:
    """Where one run of Lloyd's algorithm ended."""

    centers: Array  # (k, d) on the device
    n_iter: int
    converged: bool
    interrupted: bool
    kept: Any = ()  # of the last state


# Multiply-adds between two looks from the host: a second or less of work, so that a progress bar
# moves and Ctrl-C is heard.
PATIENCE = 5e9


def run(
    backend: Backend,
    points: Points,
    centers: Array,
    tol: Array,
    max_iter: int,
    monitor: Callable[..., None],
    inspect: Callable[[Array], bool] | None = None,
) -> Run:
    """Iterate from ``centers``; where Ctrl-C ends it, with the centers reached until then.

    Parameters
    ----------
    backend : Backend
    points : Points
    centers : array of shape (k, d)
        Where to start.
    tol : array of shape (), float64
        Converged when the centers move by a squared distance of at most this in all.
    max_iter : int
    monitor : callable
        ``monitor(iteration, shift=...)``, called every few iterations.
    inspect : callable, optional
        ``inspect(centers) -> bool``, called after every iteration; ``True`` ends them.

    Returns
    -------
    Run
    """
    xp = backend.xp
    work = float(points.X.shape[0]) * centers.shape[0] * centers.shape[1]
    chunk = 1 if inspect is not None else max(1, min(100, int(PATIENCE / work)))
    state = State(
        centers,
        xp.broadcast_to(backend.asarray(-1, xp.int32), points.X.shape[:1]),
        backend.asarray(xp.zeros((), dtype=xp.float64)),
        backend.asarray(xp.zeros((), dtype=xp.bool)),
        backend.asarray(xp.zeros((), dtype=xp.int32)),
    )
    made = 0
    try:
        while made < max_iter and not bool(state.converged):
            limit = backend.asarray(min(chunk, max_iter - made), xp.int32)
            state = lloyd(backend, points, state, tol, limit)
            made = int(state.iteration)
            monitor(made, shift=float(state.shift))
            if inspect is not None and inspect(state.centers):
                break
    except KeyboardInterrupt:
        return Run(state.centers, int(state.iteration), False, True)
    return Run(state.centers, made, bool(state.converged), False, state.kept)


def last_labels(backend: Backend, points: Points, ended: Run, centers: Array) -> Array:
    """The nearest center of each row, after the iterations; int32 of shape (n,).

    As ``labels_of``, but a backend whose loop has kept what says which rows cannot have another one
    may search for the others only: it keeps an object with a method ``labels_for(backend, points,
    before, centers)``, which is called once; ``before`` are the centers less the origin.

    Parameters
    ----------
    backend : Backend
    points : Points
    ended : Run
    centers : array of shape (k, d)
        Those that the iterations ended at, where the data lie, and so rounded anew.
    """
    if hasattr(ended.kept, "labels_for"):
        labels: Array = ended.kept.labels_for(backend, points, ended.centers, centers)
        return labels
    return labels_of(backend, points.X, centers)
