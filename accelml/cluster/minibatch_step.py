"""K-means on small batches: one step, and when the steps have settled.

The mathematics is in docs/mathematics/k-means.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import between, nearest, squared_norms
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.kernel import kernel


class Averages(NamedTuple):
    """Centers as running means, and the weight that each has averaged over."""

    centers: Array  # (k, d)
    counts: Array  # (k,) float64


class Step(NamedTuple):
    """What one step makes, and what the host asks of it."""

    averages: Averages
    inertia: Array  # () float64, of the batch and the centers before
    shift: Array  # () float64, Σ (new center − old center)²


@kernel
def batch_rows(backend: Backend, X: Array, index: Array, origin: Array) -> Array:
    """The rows of that index less the origin, of shape (batch, d)."""
    return backend.xp.take(X, index, axis=0) - origin


def average(xp: Any, sums: ClusterSums, averages: Averages) -> Averages:
    """Each center the mean of all rows that it was ever nearest to; the others stay.

    References
    ----------
    Sculley, Web-scale k-means clustering, WWW 2010, algorithm 1.
    """
    counts = averages.counts + sums.weight
    total = xp.astype(averages.centers, xp.float64) * averages.counts[:, None] + sums.total
    mean = xp.astype(
        total / xp.where(counts > 0, counts, xp.ones_like(counts))[:, None], averages.centers.dtype
    )
    gains = sums.weight[:, None] > 0
    return Averages(xp.where(gains, mean, averages.centers), counts)


def reassign(xp: Any, averages: Averages, batch: Array, picks: Array, ratio: Array) -> Averages:
    """Put centers that have averaged over little on rows of the batch instead.

    These are the ones with less than ``ratio`` of the largest weight, but no more of them than
    ``picks``, of distinct rows drawn at random. Each gets the least weight of those that stay, so
    that it is not moved again at once.
    """
    counts = averages.counts
    rank = xp.argsort(xp.argsort(counts, stable=True), stable=True)
    moves = (counts < ratio * xp.max(counts)) & (rank < picks.shape[0])
    order = xp.cumulative_sum(xp.astype(moves, xp.int32)) - 1
    order = xp.maximum(order, xp.zeros_like(order))
    chosen = xp.take(picks, xp.minimum(order, xp.zeros_like(order) + picks.shape[0] - 1))
    rows = xp.take(batch, chosen, axis=0)
    least = xp.min(xp.where(moves, xp.full_like(counts, float("inf")), counts))
    return Averages(
        xp.where(moves[:, None], rows, averages.centers), xp.where(moves, least, counts)
    )


@kernel
def minibatch_step(
    backend: Backend,
    batch: Array,
    weights: Array,
    averages: Averages,
    picks: Array,
    ratio: Array,
) -> Step:
    """Assign a batch, average it in, and move centers that have little.

    Parameters
    ----------
    backend : Backend
    batch : array of shape (m, d)
        Rows near the origin, as the centers are.
    weights : array of shape (m,)
    averages : Averages
    picks : array of shape (at most m / 2,), int32
        Rows of the batch for centers to be put on.
    ratio : array of shape (), float64
        ``reassignment_ratio``, or 0 for none.
    """
    xp = backend.xp
    centers = averages.centers
    labels = nearest(backend, batch, squared_norms(xp, batch), centers)
    distances = between(xp, batch, centers, labels)
    inertia = xp.sum(xp.astype(weights, xp.float64) * distances)
    sums = sum_by_cluster(backend, centers.shape[0], batch, weights, labels)
    averages = average(xp, sums, averages)
    if picks.shape[0] > 0:
        averages = reassign(xp, averages, batch, picks, ratio)
    gap = xp.astype(averages.centers, xp.float64) - xp.astype(centers, xp.float64)
    return Step(averages, inertia, xp.sum(gap * gap))


@dataclass
class Settling:
    """When to stop: the centers hardly move, or the smoothed inertia no longer falls."""

    tol: float
    patience: int | None
    share: float  # of the rows in one batch, twice
    first: float = np.nan
    smoothed: float | None = None
    lowest: float = np.inf
    idle: int = 0
    seen: int = 0

    def estimate(self) -> float:
        """The mean inertia of a row, from the batches."""
        return self.first if self.smoothed is None else self.smoothed

    def is_over(self, inertia: float, shift: float) -> bool:
        """Take in the mean inertia of a batch and the squared shift of the centers."""
        self.seen += 1
        if self.seen == 1:  # that of the initial centers
            self.first = inertia
            return False
        if self.smoothed is None:
            self.smoothed = inertia
        else:
            self.smoothed += min(self.share, 1.0) * (inertia - self.smoothed)
        if self.tol > 0 and shift <= self.tol:
            return True
        self.idle = 0 if self.smoothed < self.lowest else self.idle + 1
        self.lowest = min(self.lowest, self.smoothed)
        return self.patience is not None and self.idle >= self.patience


@dataclass
class Stepper:
    """Steps, and now and then, or where a center has no rows, one with reassignment."""

    n_clusters: int
    ratio: float
    generator: np.random.Generator
    since: int = 0  # rows since the last reassignment

    def step(self, backend: Backend, batch: Array, weights: Array, averages: Averages) -> Step:
        """One step with what chance decides in it."""
        rows = batch.shape[0]
        self.since += rows
        is_empty = bool((backend.to_numpy(averages.counts) == 0).any())
        is_due = is_empty or self.since >= 10 * self.n_clusters
        if is_due:
            self.since = 0
        # Distinct rows, and no more than half of the batch.
        picks = self.generator.permutation(rows)[: min(self.n_clusters, rows // 2)]
        ratio = self.ratio if is_due else 0.0
        return minibatch_step(
            backend,
            batch,
            weights,
            averages,
            backend.asarray(picks.astype(np.int32)),
            backend.asarray(ratio, backend.xp.float64),
        )


@dataclass
class Descent:
    """Where the batches of a fit ended."""

    averages: Averages
    steps: int = 0
    interrupted: bool = False


def descend(
    backend: Backend,
    X: Array,
    weights: np.ndarray[Any, Any],
    origin: Array,
    centers: Array,
    stepper: Stepper,
    settling: Settling,
    *,
    size: int,
    limit: int,
    update: Callable[..., None],
    inspect: Callable[[Averages], bool] | None = None,
) -> Descent:
    """Step through random batches until they settle or ``inspect`` says so, up to Ctrl-C.

    Rows are drawn with replacement, each as likely as its weight says, so that within a batch all
    count alike.
    """
    counts = backend.asarray(np.zeros(centers.shape[0]))
    descent = Descent(Averages(centers, counts))
    ones = backend.asarray(np.ones(size), X.dtype)
    is_even = weights.strides == (0,)  # one number for all
    cumulative = weights[:1] if is_even else np.cumsum(weights)
    try:
        while descent.steps < limit:
            draws = stepper.generator.random(size)
            if is_even:
                index = (draws * X.shape[0]).astype(np.int32)
            else:
                index = np.searchsorted(cumulative, draws * cumulative[-1], side="right")
                index = np.minimum(index, X.shape[0] - 1).astype(np.int32)
            batch = batch_rows(backend, X, backend.asarray(index), origin)
            step = stepper.step(backend, batch, ones, descent.averages)
            descent = Descent(step.averages, descent.steps + 1)
            inertia = float(step.inertia) / size
            update(descent.steps, inertia=inertia)
            is_over = settling.is_over(inertia, float(step.shift))
            if (inspect is not None and inspect(step.averages)) or is_over:
                break
    except KeyboardInterrupt:
        descent.interrupted = True
    return descent
