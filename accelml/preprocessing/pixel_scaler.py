"""Pixels from whole numbers to fractions of the brightest."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from accelml.selection import owner


class PixelScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Divide pixels by the value of the brightest one.

    It learns nothing, so it treats a new picture as it treated those of training.

    Parameters
    ----------
    maximum : float, default=255
        The value that becomes 1.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the pixels, where ``X`` had string names.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.preprocessing import PixelScaler
    >>> PixelScaler().fit_transform(np.array([[0, 51, 255]], dtype=np.uint8))
    array([[0. , 0.2, 1. ]], dtype=float32)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "maximum": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, maximum: float = 255) -> None:
        self.maximum = maximum

    def fit(self, X: Any, y: Any = None) -> PixelScaler:
        """Check the parameters and note the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``maximum`` is not positive, or ``X`` is not two-dimensional.
        """
        self._validate_params()
        self._check(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Scale.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of any library that accelml has a backend for.

        Returns
        -------
        array of shape (n_samples, n_features)
            Of the library of ``X``, on its device: float32 for whole numbers, else the dtype of
            ``X``.

        Raises
        ------
        ValueError
            If ``X`` is not two-dimensional, is not finite, or has other columns than in ``fit``.
        """
        self._validate_params()
        owned = owner(X)
        X = self._check(X, reset=False)
        if owned is None:
            return _fraction(X, self.maximum, is_whole=X.dtype.kind in "biu")
        with owned.context():
            kinds = ("bool", "integral")
            is_whole = any(owned.xp.isdtype(X.dtype, kind) for kind in kinds)
            return _fraction(X, self.maximum, is_whole=is_whole)

    def _check(self, X: Any, *, reset: bool) -> Any:
        """``X`` as a numeric array of shape (n, d), where it already is."""
        if owner(X) is None:
            return validate_data(self, X, reset=reset, dtype="numeric")
        if X.ndim != 2 or 0 in X.shape:
            raise ValueError(f"X must have rows and columns, got shape {tuple(X.shape)}")
        if reset:
            self.n_features_in_ = int(X.shape[1])
        elif X.shape[1] != getattr(self, "n_features_in_", X.shape[1]):
            raise ValueError(
                f"X has {X.shape[1]} features, but PixelScaler is expecting "
                f"{self.n_features_in_} features as input."
            )
        return X

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _fraction(X: Any, maximum: float, *, is_whole: bool) -> Any:
    """``X / maximum``, in float32 if ``X`` has whole numbers."""
    return (X.astype("float32") if is_whole else X) / maximum
