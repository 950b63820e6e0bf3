"""Where the centers start: greedy k-means++, random rows, or centers that the user gives.

The mathematics is in docs/mathematics/k-means.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_array

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import squared_distances
from accelml.cluster.rows import Block, Points, scan_blocks, take_rows
from accelml.kernel import kernel
from accelml.validation import to_host

Floats = np.ndarray[Any, Any]


@kernel
def plus_plus(backend: Backend, points: Points, first: Array, draws: Array) -> Array:
    """Row numbers of the centers of greedy k-means++, of shape (k,), int32.

    After the first, each center is drawn with a probability proportional to a row's weight times
    its squared distance to the nearest center so far; of several draws the one is kept that lowers
    the weighted sum of these squared distances most.

    Parameters
    ----------
    backend : Backend
    points : Points
    first : array of shape (1,), int32
        The row that is the first center.
    draws : array of shape (k - 1, trials), float64
        Uniform in [0, 1), from the host.

    References
    ----------
    Arthur, Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007, section 5.
    """
    xp = backend.xp
    weights = xp.astype(points.weights, xp.float64)
    last = xp.zeros_like(first) + (points.X.shape[0] - 1)

    def distances_to(rows: Array) -> Array:
        centers = take_rows(backend, points, rows)

        def of_block(_: tuple[()], block: Block) -> tuple[tuple[()], Array]:
            return (), squared_distances(backend, block.X, block.norms, centers)

        return scan_blocks(backend, points, None, rows.shape[0], of_block, ())[1]

    def step(closest: Array, block: tuple[Array]) -> tuple[Array, Array]:
        mass = weights * xp.astype(closest, xp.float64)
        # Where every row lies on a center already, one row is as good as another.
        mass = xp.where(xp.any(mass > 0), mass, weights)
        cumulative = xp.cumulative_sum(mass)
        rows = xp.searchsorted(cumulative, block[0] * cumulative[-1], side="right")
        rows = xp.minimum(xp.astype(rows, xp.int32), last)
        distances = xp.minimum(closest[:, None], distances_to(rows))
        potentials = xp.sum(weights[:, None] * xp.astype(distances, xp.float64), axis=0)
        best = xp.reshape(xp.astype(xp.argmin(potentials), xp.int32), (1,))
        return xp.take(distances, best, axis=1)[:, 0], xp.take(rows, best)[0]

    closest = distances_to(first)[:, 0]
    if draws.shape[0] == 0:
        return first
    return xp.concat([first, backend.scan(step, closest, (draws,))[1]])


def draw_plus_plus(
    weights: Floats, n_clusters: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """All that chance decides in ``plus_plus``, on the host: ``first`` and ``draws``."""
    cumulative = np.cumsum(weights)
    first = np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right")
    trials = 2 + int(math.log(n_clusters))
    draws = generator.random((n_clusters - 1, trials))
    return np.array([min(first, len(weights) - 1)], dtype=np.int32), draws


def random_rows(
    weights: Floats, n_clusters: int, generator: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Numbers of different rows, each as likely as its weight says."""
    if np.count_nonzero(weights) < n_clusters:
        raise ValueError(
            f"init='random' draws n_clusters={n_clusters} different rows, but sample_weight is "
            f"positive for {np.count_nonzero(weights)} only; lower n_clusters, or use "
            "init='k-means++'."
        )
    chosen = generator.choice(
        len(weights), size=n_clusters, replace=False, p=weights / weights.sum()
    )
    return chosen.astype(np.int32)


def given_centers(centers: Any, n_clusters: int, d: int) -> Floats:
    """The user's centers on the host, in float64."""
    centers = check_array(to_host(centers), dtype=np.float64, input_name="init")
    if centers.shape[0] != n_clusters:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not match the number of "
            f"clusters {n_clusters}: init needs n_clusters={n_clusters} rows."
        )
    if centers.shape[1] != d:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not match the number of "
            f"features of the data {d}: init needs {d} columns."
        )
    return np.asarray(centers)


def initial_centers(
    backend: Backend,
    init: Any,
    points: Points,
    origin: Floats,
    weights: Floats,
    n_clusters: int,
    generator: np.random.Generator,
    raw_rows: Callable[[], Any],
) -> Array:
    """The first centers, less the origin, on the device and of the dtype of the points.

    Parameters
    ----------
    backend : Backend
    init : {"k-means++", "random"}, callable or array-like of shape (k, d)
    points : Points
        What to draw from.
    origin : ndarray of shape (d,)
        What has been subtracted from the points.
    weights : ndarray of shape (n,), float64
    n_clusters : int
    generator : numpy.random.Generator
    raw_rows : callable
        The rows as the user knows them: what a callable ``init`` is given.

    Returns
    -------
    array of shape (k, d)
    """
    xp = backend.xp
    if isinstance(init, str):
        if init == "random":
            index = random_rows(weights, n_clusters, generator)
            return take_rows(backend, points, backend.asarray(index, xp.int32))
        first, draws = draw_plus_plus(weights, n_clusters, generator)
        chosen = plus_plus(
            backend,
            points,
            backend.asarray(first, xp.int32),
            backend.asarray(draws, xp.float64),
        )
        return take_rows(backend, points, chosen)
    if callable(init):
        legacy = np.random.RandomState(generator.integers(2**32, size=4, dtype=np.uint32))
        init = init(raw_rows(), n_clusters, random_state=legacy)
    centers = given_centers(init, n_clusters, len(origin))
    return backend.asarray(centers - origin.astype(np.float64), points.X.dtype)
