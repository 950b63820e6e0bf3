"""Microchips of any number, accepted inside an ellipse."""

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
from accelml.datasets._microchips import MICROCHIPS
from accelml.datasets._present import as_pandas

CENTER = np.array([0.09, 0.15])  # of the ellipse, and of the ring that holds all results
HALF_AXES = np.array([0.60, 0.83])  # along (1, 1) and along (1, −1)
RING = (0.2, 1.0)  # smallest and largest distance from the center


def make_microchips(
    n_samples: int = 118,
    *,
    noise: float = 0.2,
    random_state: RandomState = None,
    as_frame: bool = False,
) -> tuple[Any, Any]:
    """Make microchips with two test results each, accepted or rejected by a closed boundary.

    They are made to look like those of :func:`load_microchips` and to teach the same: no
    straight line tells the two classes apart, and the squares and the product of the results
    do. They are not those. Nothing is downloaded.

    The results are spread evenly over a ring around c = (0.09, 0.15), between 0.2 and 1 from
    it, and a chip is accepted where

        q(x) = √( (u/0.60)² + (v/0.83)² ) < 1 + noise · ε,    ε ~ N(0, 1),

    with u = ((x₁−c₁) + (x₂−c₂)) / √2 and v = ((x₁−c₁) − (x₂−c₂)) / √2: inside an ellipse that
    lies along the falling diagonal. About half are accepted.

    Parameters
    ----------
    n_samples : int, default=118
        Number of microchips.
    noise : float, default=0.2
        How blurred the boundary is, in parts of the distance from the center to it. At 0
        the ellipse tells the classes apart without an error.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed of the random choices; the same seed gives the same microchips. None gives others
        each time.
    as_frame : bool, default=False
        Whether to return pandas in place of arrays: a data frame with the columns of
        :func:`load_microchips` and a series named ``target``.

    Returns
    -------
    X : ndarray of shape (n_samples, 2), float64
        The results of the two tests, in units of their own from about −1 to 1.
    y : ndarray of shape (n_samples,), int64
        1 if accepted and 0 if not.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> from accelml.datasets import make_microchips
    >>> X, y = make_microchips(random_state=0)
    >>> X.shape, X.dtype
    ((118, 2), dtype('float64'))
    """
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    noise = check_number("noise", noise, at_least=0)
    random = check_generator(random_state)

    smallest, largest = RING
    radius = np.sqrt(random.uniform(smallest**2, largest**2, n_samples))  # even by area
    angle = random.uniform(0, 2 * np.pi, n_samples)
    X = CENTER + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    limit = 1 + noise * random.standard_normal(n_samples)
    y = (distance_from_center(X) < limit).astype(np.int64)
    return as_pandas(X, y, MICROCHIPS.feature_names) if as_frame else (X, y)


def distance_from_center(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """q(x), 1 on the ellipse; of shape (n,)."""
    first, second = (X - CENTER).T
    turned = np.stack([first + second, first - second], axis=1) / np.sqrt(2)
    return np.asarray(np.sqrt(np.sum((turned / HALF_AXES) ** 2, axis=1)))
