"""The rows of a data set, block by block, seen from an origin near their mean.

The mathematics is in docs/mathematics/k-means.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.distances import between, nearest, squared_distances, squared_norms
from accelml.kernel import kernel

# Elements that a block's temporaries may have in any case.
SMALL = 2**20

Carry = TypeVar("Carry")


class Points(NamedTuple):
    """Rows where they are, and an origin near their mean, from which distances are measured."""

    X: Array  # (n, d)
    origin: Array  # (d,)
    norms: Any  # (n,) |x − origin|², or () where a backend would rather find them anew
    weights: Array  # (n,)


class Block(NamedTuple):
    """Some of the points."""

    X: Array  # (m, d) less the origin
    norms: Array  # (m,)
    weights: Array  # (m,)
    labels: Array  # (m,) int32


class Centered(NamedTuple):
    """Points around their mean, and how far from it they are."""

    points: Points
    variance: Array  # () float64, mean over the features


def block_size(shape: tuple[int, int], k: int) -> int:
    """Rows to a block, so that its temporaries are small beside X."""
    n, d = shape
    blocks = -(-n * (d + k) // max(n * d // 16, SMALL))
    return -(-n // blocks)


def scan_blocks(
    backend: Backend,
    points: Points,
    labels: Array | None,
    k: int,
    step: Callable[[Carry, Block], tuple[Carry, Array]],
    carry: Carry,
) -> tuple[Carry, Array]:
    """``carry, values = step(carry, block)`` from block to block; the values of all rows.

    The last block begins so early that it is as long as the others. What it has in common with the
    one before has no weight in it, and its values are the same.
    """
    xp = backend.xp
    n = points.X.shape[0]
    size = block_size(points.X.shape, k)
    offsets = xp.arange(size, dtype=xp.int32)

    def visit(carry: Carry, at: tuple[Array]) -> tuple[Carry, Array]:
        start = xp.minimum(at[0], xp.zeros_like(at[0]) + (n - size))
        index = start + offsets
        weights = xp.take(points.weights, index)
        X = xp.take(points.X, index, axis=0) - points.origin
        is_known = not isinstance(points.norms, tuple)
        block = Block(
            X,
            xp.take(points.norms, index) if is_known else squared_norms(xp, X),
            xp.where(index >= at[0], weights, xp.zeros_like(weights)),
            xp.zeros_like(index) if labels is None else xp.take(labels, index),
        )
        return step(carry, block)

    starts = xp.arange(0, n, size, dtype=xp.int32)
    carry, values = backend.scan(visit, carry, (starts,))
    whole, rest = n // size, n % size
    parts = xp.reshape(values[:whole, ...], (whole * size, *values.shape[2:]))
    return carry, xp.concat([parts, values[whole, size - rest :, ...]]) if rest else parts


@kernel
def column_means(backend: Backend, X: Array) -> Array:
    """The mean of each column, summed in float64 and rounded to the dtype of X.

    Rounded, it serves as well for an origin, and far from zero its subtraction is exact.
    """
    xp = backend.xp
    return xp.astype(xp.sum(X, axis=0, dtype=xp.float64) / X.shape[0], X.dtype)


@kernel
def centered(backend: Backend, X: Array, weights: Array) -> Centered:
    """The rows, with their mean for an origin.

    Distances do not depend on the origin, but the digits that the expanded form keeps do.
    """
    xp = backend.xp
    n, d = X.shape
    points = Points(X, column_means(backend, X), xp.zeros_like(X[:, 0]), xp.ones_like(weights))

    def measure(residue: Array, block: Block) -> tuple[Array, Array]:
        counted = block.X * block.weights[:, None]
        return residue + xp.sum(counted, axis=0, dtype=xp.float64), squared_norms(xp, block.X)

    nothing = xp.zeros_like(points.origin, dtype=xp.float64)
    residue, norms = scan_blocks(backend, points, None, 0, measure, nothing)
    residue = residue / n
    variance = (xp.sum(norms, dtype=xp.float64) / n - xp.sum(residue * residue)) / d
    return Centered(Points(X, points.origin, norms, weights), variance)


@kernel
def take_rows(backend: Backend, points: Points, index: Array) -> Array:
    """The rows of that index less the origin, of shape (len(index), d)."""
    return backend.xp.take(points.X, index, axis=0) - points.origin


def around(backend: Backend, X: Array, centers: Array) -> tuple[Array, Array]:
    """Rows and centers less the mean of the centers."""
    origin = column_means(backend, centers)
    return X - origin, centers - origin


@kernel
def labels_of(backend: Backend, X: Array, centers: Array) -> Array:
    """The nearest center of each row, wherever the rows lie; int32 of shape (n,)."""
    xp = backend.xp
    origin = column_means(backend, centers)
    centers = centers - origin

    def find(_: tuple[()], block: Block) -> tuple[tuple[()], Array]:
        return (), nearest(backend, block.X, squared_norms(xp, block.X), centers)

    nothing = xp.zeros_like(X[:, 0])
    points = Points(X, origin, nothing, nothing)
    return scan_blocks(backend, points, None, centers.shape[0], find, ())[1]


@kernel
def distances_to(backend: Backend, X: Array, centers: Array) -> Array:
    """The distance between each row and each center, of shape (m, k)."""
    X, centers = around(backend, X, centers)
    norms = squared_norms(backend.xp, X)
    return backend.xp.sqrt(squared_distances(backend, X, norms, centers))


@kernel
def inertia_of(backend: Backend, X: Array, weights: Array, centers: Array, labels: Array) -> Array:
    """Σ w |x − c|² of the rows and the centers of their labels, of shape (), in float64."""
    xp = backend.xp
    origin = xp.zeros_like(centers[0, ...])

    def measure(total: Array, block: Block) -> tuple[Array, Array]:
        distances = between(xp, block.X, centers, block.labels)
        return total + xp.sum(xp.astype(block.weights, xp.float64) * distances), block.weights

    points = Points(X, origin, weights, weights)
    nothing = xp.zeros((), dtype=xp.float64)
    return scan_blocks(backend, points, labels, 0, measure, nothing)[0]


def slices(n: int, size: int) -> Iterator[slice]:
    """Consecutive slices of ``size`` rows; the last may be shorter."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def measure_rows(backend: Backend, X: Array, centers: Array) -> Array:
    """The distances of all rows, block by block, of shape (n, k)."""
    blocks = slices(X.shape[0], block_size(X.shape, centers.shape[0]))
    parts = [distances_to(backend, X[rows, :], centers) for rows in blocks]
    return parts[0] if len(parts) == 1 else backend.xp.concat(parts)
