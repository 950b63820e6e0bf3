"""A curve with two peaks, at any number of points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelml.datasets._arguments import (
    RandomState,
    check_generator,
    check_integer,
    check_number,
)
from accelml.datasets._nonlinear import NONLINEAR
from accelml.datasets._present import as_pandas

RANGE = (1.0, 250.0)  # of x


def make_nonlinear(
    n_samples: int = 250,
    *,
    noise: float = 2.5,
    random_state: RandomState = None,
    as_frame: bool = False,
) -> tuple[Any, Any]:
    """Make a noisy curve with two peaks, of one feature.

    It is made to look like that of :func:`load_nonlinear` and to teach the same: a straight line
    does not follow it, and one through powers or sines of the feature does. It is not that one.
    Nothing is downloaded.

    At points evenly spaced from 1 to 250, without a unit,

        y = 99 exp(−0.011 x) + 102 exp(−((x − 107)/23.6)²) + 72 exp(−((x − 153.3)/19.5)²)
            + noise · ε,    ε ~ N(0, 1).

    Parameters
    ----------
    n_samples : int, default=250
        Number of points; a single one is at 1.
    noise : float, default=2.5
        Standard deviation of y about the curve.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed of the noise; the same seed gives the same points. None gives others each time.
    as_frame : bool, default=False
        Whether to return pandas in place of arrays: a data frame with the column ``x`` and a
        series named ``target``.

    Returns
    -------
    X : ndarray of shape (n_samples, 1), float64
        x, rising from 1 to 250.
    y : ndarray of shape (n_samples,), float64
        From about 0 to 135.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type.

    References
    ----------
    .. [1] B. Rust, "Gauss2", Statistical Reference Datasets, National Institute of Standards and
       Technology, 1996. The form of the curve, and its certified parameters, here rounded.

    Examples
    --------
    >>> from accelml.datasets import make_nonlinear
    >>> X, y = make_nonlinear(random_state=0)
    >>> X.shape, X.dtype
    ((250, 1), dtype('float64'))
    """
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    noise = check_number("noise", noise, at_least=0)
    random = check_generator(random_state)

    x = np.linspace(*RANGE, n_samples)
    X, y = x[:, None], curve(x) + noise * random.standard_normal(n_samples)
    return as_pandas(X, y, NONLINEAR.feature_names) if as_frame else (X, y)


def curve(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve without noise, of the shape of x."""
    first = 102 * np.exp(-(((x - 107) / 23.6) ** 2))
    second = 72 * np.exp(-(((x - 153.3) / 19.5) ** 2))
    return np.asarray(99 * np.exp(-0.011 * x) + first + second)
