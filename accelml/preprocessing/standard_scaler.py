"""Features of mean zero and variance one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.estimator import Session
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.preprocessing.moments import Moments, merge, statistics
from accelml.preprocessing.standardisation import Standard, standardise, unstandardise
from accelml.preprocessing.transformer import BackendTransformer, size_of
from accelml.validation import REAL, accept_as_it_is, check_weights, check_X, has_finite_sum

# Passes over the data of one fit, in multiply-adds.
FIT_WORK = 6


class StandardScaler(OneToOneFeatureMixin, BackendTransformer):
    r"""Subtract the mean of each feature and divide by its standard deviation.

    .. math:: z = \frac{x - \bar x}{s}, \qquad \bar x = \frac{\sum_i w_i x_i}{\sum_i w_i}, \qquad
              s^2 = \frac{\sum_i w_i (x_i - \bar x)^2}{\sum_i w_i}

    The sums run over the rows of training alone: a single row, or a shifted test set, is
    transformed by what was learned from those.

    Parameters
    ----------
    copy : bool, default=True
        Accepted as scikit-learn's; ``X`` is never changed, and the result is always a new array.
    with_mean : bool, default=True
        Whether to subtract the mean.
    with_std : bool, default=True
        Whether to divide by the standard deviation.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,) or None
        Mean of each feature, float64; None if neither ``with_mean`` nor ``with_std``.
    var_ : ndarray of shape (n_features,) or None
        Variance of each feature, float64; None unless ``with_std``.
    scale_ : ndarray of shape (n_features,) or None
        What is divided by: the square root of ``var_``, or 1 for a feature that is constant, or
        varies by no more than rounding would make a constant one vary. None unless ``with_std``.
    n_samples_seen_ : int, float or ndarray of shape (n_features,)
        Number of rows, or sum of their weights if there were weights; one for each feature where
        missing values make them differ.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    Notes
    -----
    NaN is a missing value: left out of the sums, and left in the result. A feature of which no
    value is known has mean and scale NaN, until ``partial_fit`` sees one.

    The sums are in float64 also for float32 data, which is transformed in float32 with the mean to
    twice its digits.

    The mathematics is in docs/mathematics/linear-regression.md.

    References
    ----------
    Chan, Golub, LeVeque, Algorithms for computing the sample variance: analysis and
    recommendations, The American Statistician 37 (1983), equations 1.5 and 1.7.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.preprocessing import StandardScaler
    >>> scaler = StandardScaler().fit(np.array([[0.0, 5.0], [0.0, 5.0], [2.0, 5.0], [2.0, 5.0]]))
    >>> scaler.mean_, scaler.scale_
    (array([1., 5.]), array([1., 1.]))
    >>> scaler.transform([[4.0, 6.0]])
    array([[3., 1.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "copy": ["boolean"],
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
        **BACKEND_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        copy: bool = True,
        with_mean: bool = True,
        with_std: bool = True,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.copy = copy
        self.with_mean = with_mean
        self.with_std = with_std
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Learn the mean and the standard deviation of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, 0 or more; 1 by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it. Nothing is changed then.
        """
        return self._learn(X, y, sample_weight, first=True)

    @with_callbacks
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Learn from more rows, as if all of them had come at once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As :meth:`fit`; and where ``with_mean`` or ``with_std`` was switched on since then.
        """
        return self._learn(X, y, sample_weight, first=not hasattr(self, "n_samples_seen_"))

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, first: bool) -> StandardScaler:
        self._validate_params()
        work = FIT_WORK * size_of(X)
        tasks = FitTasks(self, X, y, sample_weight)
        with self._session(X, work, fitting=True) as session, tasks:
            backend = session.backend
            X = self._check_known(session, X, reset=first)
            weights = check_weights(sample_weight, None, np.empty(X.shape[0]), np.float64)
            found = statistics(backend, X, backend.asarray(weights))
            total = Moments(*map(backend.to_numpy, found))
            is_count = sample_weight is None
            if not first:
                is_count &= np.asarray(self.n_samples_seen_).dtype.kind == "i"
                total = merge(np, self._learned(), total)
            self._store(total, is_count=is_count)
        return self

    def _learned(self) -> Moments:
        """The moments that the attributes stand for."""
        needs_mean = self.with_mean or self.with_std
        if (needs_mean and self.mean_ is None) or (self.with_std and self.var_ is None):
            raise ValueError(SWITCHED_ON)
        zeros = np.zeros(self.n_features_in_)
        count = zeros + self.n_samples_seen_
        mean = zeros if self.mean_ is None else np.where(count > 0, self.mean_, 0)
        squares = zeros if self.var_ is None else np.where(count > 0, self.var_ * count, 0)
        return Moments(count, mean, squares)

    def _store(self, total: Moments, *, is_count: bool) -> None:
        known = total.count > 0
        seen = np.rint(total.count).astype(np.int64) if is_count else total.count
        # Sums of weights may differ in the last digit from column to column.
        same = np.ptp(seen) <= 1e-12 * seen.max()
        self.n_samples_seen_ = seen[0] if same else seen
        self.mean_ = self.var_ = self.scale_ = None
        if self.with_mean or self.with_std:
            self.mean_ = np.where(known, total.mean, np.nan)
        if self.with_std:
            variance = total.squares / np.where(known, total.count, np.nan)
            self.var_ = variance
            constant = is_constant(variance, total.mean, total.count)
            self.scale_ = np.where(constant, 1.0, np.sqrt(variance))

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Standardise, with the mean and the scale of training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        copy : bool, default=None
            Accepted as scikit-learn's; the result is always a new array.

        Returns
        -------
        array of shape (n_samples, n_features)
            Of the library of ``X``, on its device: float32 if ``X`` is, else float64.

        Raises
        ------
        ValueError
            If ``X`` is not two-dimensional, is infinite, or has other columns than in ``fit``.
        """
        check_is_fitted(self, "n_samples_seen_")
        with self._session(X, 2 * size_of(X)) as session:
            X = self._check_known(session, X, reset=False)
            standard = self._standard(session, X)
            return session.restore(standardise(session.backend, X, standard))

    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """Undo :meth:`transform`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        copy : bool, default=None
            Accepted as scikit-learn's; the result is always a new array.

        Returns
        -------
        array of shape (n_samples, n_features)
            Of the library of ``X``, on its device: float32 if ``X`` is, else float64.

        Raises
        ------
        ValueError
            If ``X`` is not two-dimensional, is infinite, or has other columns than in ``fit``.
        """
        check_is_fitted(self, "n_samples_seen_")
        with self._session(X, 2 * size_of(X)) as session:
            X = self._check_known(session, X, reset=False, named=False)
            standard = self._standard(session, X)
            return session.restore(unstandardise(session.backend, X, standard))

    def _standard(self, session: Session, X: Array) -> Standard:
        """Mean and scale, on the device and in the dtype of ``X``."""
        xp, width = session.backend.xp, self.n_features_in_
        mean = self.mean_ if self.with_mean else np.zeros(width)
        scale = self.scale_ if self.with_std else np.ones(width)
        if mean is None or scale is None:
            raise ValueError(SWITCHED_ON)
        dtype = np.float32 if X.dtype == xp.float32 else np.float64
        sent: Standard = self._on_device(session.backend, Standard.of(mean, scale, dtype), X.dtype)
        return sent

    def _check_known(self, session: Session, X: Any, *, reset: bool, named: bool = True) -> Array:
        """An array of shape (n, d) on the backend, without infinities; NaN may stay.

        What comes out of :meth:`transform` has no names to compare, unless it is a data frame:
        hence ``named``.
        """
        backend, owned = session.backend, session.owned
        if owned is not None and (owned.name == backend.name or owned.device != "cpu"):
            xp = backend.xp
            X = backend.asarray(X, X.dtype if X.dtype in (xp.float32, xp.float64) else xp.float64)
            if bool(xp.any(xp.isinf(X))):
                raise ValueError("Input X contains infinity: drop these rows or clip them first.")
            known = xp.where(xp.isnan(X), 0.0, X)
            check_X(self, known, backend=backend, owned=owned, reset=reset)
            return X
        options = {"dtype": REAL, "ensure_all_finite": "allow-nan"}
        if named:
            if accept_as_it_is(self, X, reset=reset) and has_finite_sum(X):
                return backend.asarray(X)
            return backend.asarray(validate_data(self, X, reset=reset, **options))
        X = check_array(X, input_name="X", **options)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        return backend.asarray(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


SWITCHED_ON = (
    "with_mean or with_std was switched on after fit, which has not kept the statistics for it; "
    "call fit again"
)


def is_constant(
    variance: np.ndarray[Any, Any], mean: np.ndarray[Any, Any], count: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Whether a variance is within what rounding can make of a constant's (Chan and others)."""
    error = count * mean * EPSILON
    bound: np.ndarray[Any, Any] = variance <= count * EPSILON * variance + error * error
    return bound


EPSILON = np.finfo(np.float64).eps
