"""Standardising and its inverse, in the precision of the data.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


class Standard(NamedTuple):
    """Location and scale of each feature, all of the dtype of the data and of shape (d,).

    The mean is the sum of two numbers: ``near``, rounded to that dtype, and ``rest``, what the
    rounding lost. Far from the origin, float32 would shift the data by it.
    """

    near: Array
    rest: Array
    scale: Array

    @classmethod
    def of(cls, mean: np.ndarray[Any, Any], scale: np.ndarray[Any, Any], dtype: Any) -> Standard:
        """Split a mean in float64, on the host: a compiler may simplify the rounding away."""
        near = mean.astype(dtype)
        return cls(near, (mean - near).astype(dtype), scale.astype(dtype))


@kernel
def standardise(backend: Backend, X: Array, standard: Standard) -> Array:
    """``(X - mean) / scale``.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
    standard : Standard

    Returns
    -------
    array of shape (n, d)
    """
    return (X - standard.near - standard.rest) / standard.scale


@kernel
def unstandardise(backend: Backend, X: Array, standard: Standard) -> Array:
    """``X * scale + mean``.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
    standard : Standard

    Returns
    -------
    array of shape (n, d)
    """
    return X * standard.scale + standard.rest + standard.near
