"""What least squares needs of the rows: their moments, or the triangle of a QR decomposition.

Both are sums over rows: those of two blocks combine into those of both, so that data of any length
is read block by block. Both are in float64, whatever the dtype of the data (but for the rough
products below), and both see the data from one of its rows, so that an offset costs no digits and a
constant column is exactly zero.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from typing import NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


class Moments(NamedTuple):
    """The weight, the means, and the products of the deviations from the means."""

    weight: Array  # () Σ w
    mean: Array  # (d,) of X
    target_mean: Array  # (t,)
    gram: Array  # (d, d) Σ w (x − mean)(x − mean)ᵀ
    moment: Array  # (d, t) Σ w (x − mean)(y − target_mean)ᵀ


class Triangle(NamedTuple):
    """R of ``√w [1, X − origin, Y − target_origin] = Q R``; no column of ones without intercept."""

    r: Array  # (p, p), or (n, p) for fewer rows
    origin: Array  # (d,)
    target_origin: Array  # (t,)


# Entries of a block of rows, in float64: on a CPU few enough to stay in the cache between the
# passes over it, elsewhere enough to outweigh a launch.
BLOCK = {"cpu": 2**17, "other": 2**24}
# Rows, evenly spread, whose mean products are taken from.
SAMPLE = 1024


@kernel(static=("fit_intercept", "rough"))
def moments(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool,
    rough: bool = False,
) -> Moments:  # fmt: skip
    """The moments of all rows; about zero in place of the means without an intercept.

    Where that is enough, ``rough`` ones multiply the rows of a block in the dtype of ``X``.
    """
    origin, target_origin = origins(backend, X, targets, weights, fit_intercept)

    def of_block(rows: tuple[Array, ...]) -> Moments:
        x, y, weights = rows
        return block_moments(backend, x, y, weights, origin, target_origin, fit_intercept, rough)

    def add(total: Moments, rows: tuple[Array, ...]) -> tuple[Moments, Array]:
        total = merge(backend, total, of_block(rows))
        return total, total.weight

    size = block_rows(backend, X.shape[1] + targets.shape[1])
    whole, rest = blocks(backend, (X, targets, weights), size)
    total = of_block(rest)
    if whole is not None:
        total, _ = backend.scan(add, total, whole)
    return total._replace(mean=total.mean + origin, target_mean=total.target_mean + target_origin)


@kernel(static=("fit_intercept", "rough"))
def block_moments(
    backend: Backend, X: Array, targets: Array, weights: Array, origin: Array,
    target_origin: Array, fit_intercept: bool, rough: bool = False,
) -> Moments:  # fmt: skip
    """The moments of some rows, with their means as seen from the origins."""
    xp = backend.xp
    dtype = X.dtype if rough else xp.float64

    def rounded(x: Array) -> Array:
        return xp.astype(x, dtype, copy=False)

    # The origin is a row of X, so a difference from it loses nothing in the dtype of X either.
    x = rounded(X) - rounded(origin)
    y = rounded(targets - target_origin)
    weight = xp.sum(weights)
    share = rounded(weights / xp.where(weight > 0, weight, xp.ones_like(weight)))
    mean, target_mean = share @ x, share @ y
    if not fit_intercept:
        mean, target_mean = xp.zeros_like(mean), xp.zeros_like(target_mean)
    x, y = x - mean, y - target_mean
    sums = [mean, target_mean]
    if rough and fit_intercept:  # what rounding has left of the means
        sums = [xp.astype(m, xp.float64) + share @ z for m, z in zip(sums, (x, y), strict=True)]
    root = rounded(xp.sqrt(weights))[:, None]
    x, y = root * x, root * y
    sums += [x.T @ x, x.T @ y]
    return Moments(weight, *(xp.astype(part, xp.float64, copy=False) for part in sums))


def merge(backend: Backend, a: Moments, b: Moments) -> Moments:
    """The moments of the rows of both.

    References
    ----------
    Chan, Golub, LeVeque, Algorithms for computing the sample variance, The American Statistician
    37, 1983, equation 2.1.
    """
    xp = backend.xp
    weight = a.weight + b.weight
    share = b.weight / xp.where(weight > 0, weight, xp.ones_like(weight))
    apart, target_apart = b.mean - a.mean, b.target_mean - a.target_mean
    between = (a.weight * share * apart)[:, None]
    return Moments(
        weight,
        a.mean + share * apart,
        a.target_mean + share * target_apart,
        a.gram + b.gram + between * apart[None, :],
        a.moment + b.moment + between * target_apart[None, :],
    )


@kernel(static=("fit_intercept",))
def triangle(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool
) -> Triangle:
    """The triangle of all rows, of that of the blocks so far stacked on the next block.

    The column of ones comes first, so that the rest of R is that of the centred data.

    References
    ----------
    Björck, Numerical Methods for Least Squares Problems, 1996, sections 2.4 and 2.7; Demmel and
    others, Communication-optimal parallel and sequential QR, SIAM J. Sci. Comput. 34, 2012.
    """
    xp = backend.xp
    origin, target_origin = origins(backend, X, targets, weights, fit_intercept)
    columns = X.shape[1] + targets.shape[1] + int(fit_intercept)

    def design(rows: tuple[Array, ...]) -> Array:
        x, y, weights = rows
        parts = [xp.astype(x, xp.float64, copy=False) - origin, y - target_origin]
        if fit_intercept:
            parts = [xp.ones_like(weights)[:, None], *parts]
        return xp.sqrt(weights)[:, None] * xp.concat(parts, axis=1)

    size = block_rows(backend, columns)
    whole = (X.shape[0] - 1) // size  # and up to ``size`` rows beside

    def stack(r: Array, rows: tuple[Array, ...]) -> Array:
        return upper(backend, xp.concat([r, design(rows)], axis=0))

    def stack_block(r: Array, starts: tuple[Array]) -> tuple[Array, Array]:
        # Taken where they lie: as an axis of X, the blocks may be a copy of it.
        index = starts[0] + xp.arange(size)
        r = stack(r, tuple(xp.take(part, index, axis=0) for part in (X, targets, weights)))
        return r, r[0, 0]

    rest = tuple(part[whole * size :, ...] for part in (X, targets, weights))
    if whole == 0:
        return Triangle(upper(backend, design(rest)), origin, target_origin)
    none = xp.zeros((columns, columns), dtype=xp.float64)
    r, _ = backend.scan(stack_block, none, (size * xp.arange(whole),))
    return Triangle(stack(r, rest), origin, target_origin)


@kernel
def upper(backend: Backend, A: Array) -> Array:
    """R of A = Q R."""
    return backend.xp.linalg.qr(A).R


def origins(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool
) -> tuple[Array, Array]:
    """A row that counts, in float64; zero where no intercept takes an offset up."""
    xp = backend.xp
    if not fit_intercept:
        return tuple(xp.zeros((part.shape[1],), dtype=xp.float64) for part in (X, targets))
    heaviest = xp.reshape(xp.argmax(weights), (1,))
    return tuple(
        xp.astype(xp.take(part, heaviest, axis=0)[0, :], xp.float64) for part in (X, targets)
    )


def near_means(
    backend: Backend, X: Array, targets: Array, weights: Array, fit_intercept: bool
) -> Array:
    """The means of a few rows, (d + t,), in float64: a place to take a product of all rows from.

    From the mean of a sample of s rows, no more than the digits of n / s are lost when the products
    are moved to the mean itself, whatever the data: a row that is far away widens the variance too.
    They are seen from one of the rows, so that a constant is exactly itself.
    """
    xp = backend.xp
    origin = xp.concat(origins(backend, X, targets, weights, fit_intercept))
    if not fit_intercept:
        return origin
    rows = slice(None, None, -(-X.shape[0] // SAMPLE))
    weight = xp.astype(weights[rows], xp.float64)
    parts = tuple(xp.astype(part[rows, :], xp.float64) for part in (X, targets))
    sample = xp.concat(parts, axis=1) - origin
    total = xp.sum(weight)
    share = weight / xp.where(total > 0, total, xp.ones_like(total))
    # Not a product of a matrix library, whose threads would be in the way of those that come next.
    return origin + xp.sum(share[:, None] * sample, axis=0)


def from_products(
    backend: Backend, products: Array, near: Array, d: int, fit_intercept: bool
) -> Moments:
    """The moments, of the product of √w [x, y, 1] with itself, seen from a place ``near``."""
    xp = backend.xp
    weight, sums = products[-1, -1], products[-1, :-1]
    apart = sums / xp.where(weight > 0, weight, xp.ones_like(weight))
    gram = products[:d, :-1]
    near = xp.astype(near, xp.float64)
    if fit_intercept:
        gram = gram - sums[:d, None] * apart[None, :]
        near = near + apart
    return Moments(weight, near[:d], near[d:], gram[:, :d], gram[:, d:])


def block_rows(backend: Backend, columns: int) -> int:
    """How many rows to take at once: at least twice as many as what they add up to has."""
    entries = BLOCK["cpu" if backend.device.startswith("cpu") else "other"]
    return max(256, entries // columns, 2 * columns)


def blocks(
    backend: Backend, rows: tuple[Array, ...], size: int
) -> tuple[tuple[Array, ...] | None, tuple[Array, ...]]:
    """The arrays as (blocks, size, …), if there are any, and the last rows, up to ``size``."""
    xp = backend.xp
    count = (rows[0].shape[0] - 1) // size
    rest = tuple(part[count * size :, ...] for part in rows)
    if count == 0:
        return None, rest
    return tuple(
        xp.reshape(part[: count * size, ...], (count, size, *part.shape[1:])) for part in rows
    ), rest
