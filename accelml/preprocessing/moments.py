"""Mean and variance of each feature, of rows that may come in blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


class Moments(NamedTuple):
    """What is known of each feature; float64 whatever the data is.

    Attributes
    ----------
    count : array of shape (d,)
        Total weight of the rows in which the feature is not missing.
    mean : array of shape (d,)
        Weighted mean; 0 where ``count`` is.
    squares : array of shape (d,)
        Weighted sum of squared deviations from the mean; ``squares / count`` is the variance.
    """

    count: Array
    mean: Array
    squares: Array


@kernel
def statistics(backend: Backend, X: Array, weights: Array) -> Moments:
    r"""The moments of a block of rows; NaN is a missing value.

    The corrected two-pass algorithm: with a first mean :math:`m`, which rounding has moved a
    little, and deviations :math:`d_i = x_i - m`,

    .. math:: \bar x = m + \frac{\sum_i w_i d_i}{\sum_i w_i}, \qquad
              S = \sum_i w_i d_i^2 - \frac{(\sum_i w_i d_i)^2}{\sum_i w_i}.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
        float32 or float64.
    weights : array of shape (n,)
        float64, 0 or more.

    Returns
    -------
    Moments

    References
    ----------
    Chan, Golub, LeVeque, Algorithms for computing the sample variance: analysis and
    recommendations, The American Statistician 37 (1983), equation 1.7.
    """
    xp = backend.xp
    known = ~xp.isnan(X)
    values = xp.where(known, xp.astype(X, xp.float64), 0.0)
    count = weights @ xp.astype(known, xp.float64)
    divisor = xp.where(count > 0, count, 1.0)
    rough = weights @ values / divisor
    deviations = xp.where(known, values - rough, 0.0)
    rest = weights @ deviations / divisor
    squares = weights @ (deviations * deviations) - count * rest * rest
    return Moments(count, rough + rest, xp.where(squares < 0, 0.0, squares))


def merge(xp: Any, one: Moments, other: Moments) -> Moments:
    r"""The moments of two sets of rows together.

    .. math:: \bar x = \bar x_a + \delta \frac{n_b}{n}, \qquad
              S = S_a + S_b + \delta^2 \frac{n_a n_b}{n}, \qquad \delta = \bar x_b - \bar x_a

    Parameters
    ----------
    xp : module
        The array namespace.
    one, other : Moments

    Returns
    -------
    Moments

    References
    ----------
    Chan, Golub, LeVeque (1983), equation 1.5.
    """
    count = one.count + other.count
    share = other.count / xp.where(count > 0, count, 1.0)
    gap = other.mean - one.mean
    return Moments(
        count,
        one.mean + gap * share,
        one.squares + other.squares + gap * gap * one.count * share,
    )
