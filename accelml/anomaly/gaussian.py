"""Anomaly detection: rows that a Gaussian of the training data finds improbable."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.anomaly.density import (
    contour,
    log_density,
    make_gaussian,
    margin,
    precision_cholesky,
    sign,
)
from accelml.anomaly.derived import Derived
from accelml.anomaly.labels import check_anomalies
from accelml.anomaly.moments import Moments, is_finite, merge, statistics
from accelml.anomaly.threshold import best_threshold, share_below
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.estimator import BackendEstimator, Session
from accelml.exceptions import DivergenceError
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.validation import check_weights, equal_weights

# What select_threshold leaves.
SELECTED = ("best_f1_", "_labelled")


def can_partial_fit(model: Any) -> bool:
    """Whether ``offset_`` can be had without the rows of the past."""
    if model.contamination != "auto":
        raise AttributeError(
            f"contamination={model.contamination!r} needs the scores of all training rows, and "
            "partial_fit keeps none of them: set contamination='auto', and call select_threshold "
            "for a threshold by labelled rows; or call fit on everything at once."
        )
    return True


class GaussianAnomalyDetector(OutlierMixin, Derived, BackendEstimator):
    r"""Anomalies are the rows of low density under a Gaussian fitted to the training data.

    .. math:: \log p(x) = -\tfrac12 \left( d \log 2\pi + \log |\Sigma|
              + (x - \mu)^\top \Sigma^{-1} (x - \mu) \right)

    with the (weighted) mean and covariance of the training rows, by maximum likelihood. A row is
    an anomaly where its log density is below ``offset_``, which comes from the model, from a share
    of the training rows, or from labelled rows by :meth:`select_threshold`.

    Parameters
    ----------
    covariance_type : {"diag", "full"}, default="diag"
        One variance a feature, as if features were independent; or the whole covariance matrix,
        which also finds rows whose features are each common but not together.
    contamination : "auto" or float in (0, 0.5], default="auto"
        What ``offset_`` comes from: the share of the training rows (of their weight) that score
        below it; "auto" takes the contour that 5 % of the fitted Gaussian's own draws lie outside.
    var_smoothing : float, default=1e-9
        Share of the largest variance that is added to all of them, as in ``GaussianNB``, so that
        neither a constant feature nor fewer rows than features leave a variance of zero. Where
        every feature is constant, the share is one of 1.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    location_ : ndarray of shape (n_features,)
        The mean. This and all statistics are float64, whatever ``X`` is.
    covariance_ : ndarray of shape (n_features, n_features)
        The covariance, ``epsilon_`` included; diagonal with ``covariance_type="diag"``.
    var_ : ndarray of shape (n_features,)
        Its diagonal.
    epsilon_ : float
        What ``var_smoothing`` added to each variance.
    precision_cholesky_ : ndarray of shape (n_features,) or (n_features, n_features)
        ``W`` with ``W Wᵀ = Σ⁻¹``: the reciprocals of the standard deviations, or upper triangular.
    scatter_ : ndarray of shape (n_features,) or (n_features, n_features)
        Weighted sum of squares (of outer products) of the distances from ``location_``.
    weight_sum_ : float
        Sum of the weights of all rows seen; with the scatter what ``partial_fit`` goes on from.
    n_samples_seen_ : int
        Rows seen.
    offset_ : float
        Rows with a lower log density are anomalies.
    thresholds_, precision_curve_, recall_curve_, f1_curve_ : ndarray of shape (n_thresholds,)
        After :meth:`select_threshold`: every threshold that tells its rows apart, ascending, and
        what each gives. Computed when they are read.
    best_f1_ : float
        The largest of ``f1_curve_``: that of ``offset_``.
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
    Densities of many features underflow; nothing here ever leaves the logarithm. Moments are
    summed in float64 by blocks of rows, which are centred first and merged after, so the variance
    of data far from the origin is right.

    The mathematics is in docs/mathematics/gaussian-anomaly-detection.md.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, section 2.3; Chan, Golub, LeVeque, Algorithms
    for computing the sample variance, The American Statistician 37 (1983).

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.anomaly import GaussianAnomalyDetector
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = GaussianAnomalyDetector().fit(X)
    >>> model.predict([[0.0, 0.5], [5.0, -4.0]])
    array([ 1, -1])
    >>> X_val, y_val = [[0.1, 0.2], [3.0, 0.0], [6.0, 6.0]], [0, 0, 1]
    >>> model.select_threshold(X_val, y_val).best_f1_
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "covariance_type": [StrOptions({"diag", "full"})],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "var_smoothing": [Interval(Real, 0, None, closed="left")],
        **BACKEND_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        covariance_type: str = "diag",
        contamination: str | float = "auto",
        var_smoothing: float = 1e-9,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.covariance_type = covariance_type
        self.contamination = contamination
        self.var_smoothing = var_smoothing
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> GaussianAnomalyDetector:
        """Fit the Gaussian and set ``offset_`` by ``contamination``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Mostly or wholly of ordinary rows. Scored in float32 if it is, else in float64.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is invalid, or the covariance is singular with a ``var_smoothing`` too
            small to mend it.
        DivergenceError
            If the variance of ``X`` overflows.
        """
        self._validate_params()
        tasks = FitTasks(self, X, y, sample_weight)
        with self._session(X, self._work(X), fitting=True) as session, tasks:
            X = self._check_X(session, X, reset=True, finite=False)
            weights, moments = self._moments(session, X, sample_weight)
            self._store(moments, X.shape[0])
            if self.contamination != "auto":
                scores = session.backend.to_numpy(self._log_density(session.backend, X))
                self.offset_ = share_below(scores, weights, float(self.contamination))
        return self

    @available_if(can_partial_fit)
    @with_callbacks
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None
    ) -> GaussianAnomalyDetector:
        """Take more rows into the Gaussian: the result is that of one ``fit`` on all of them.

        Only with ``contamination="auto"``: a share of rows that are not kept cannot be known.
        ``offset_`` follows the Gaussian; call :meth:`select_threshold` again, where it was called.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if ``covariance_type`` is not that of the rows before.
        DivergenceError
            If the variance overflows.
        """
        self._validate_params()
        is_first = not hasattr(self, "scatter_")
        if not is_first and self.scatter_.ndim != (1 if self.covariance_type == "diag" else 2):
            raise ValueError(
                f"covariance_type={self.covariance_type!r}, but the rows seen so far were summed "
                "with the other one: set it back, or call fit on everything at once."
            )
        tasks = FitTasks(self, X, y, sample_weight)
        with self._session(X, self._work(X), fitting=True) as session, tasks:
            X = self._check_X(session, X, reset=is_first, finite=False)
            moments = self._moments(session, X, sample_weight)[1]
            n = X.shape[0]
            if not is_first:
                seen = Moments(np.asarray(self.weight_sum_), self.location_, self.scatter_)
                moments = merge(np, seen, moments)
                n += self.n_samples_seen_
            self._store(moments, n)
        return self

    def _moments(self, session: Session, X: Array, sample_weight: Any) -> tuple[Any, Moments]:
        """The weights and the moments of ``X``, on the host."""
        backend = session.backend
        n = X.shape[0]
        weights = equal_weights(n)
        if sample_weight is not None:
            weights = check_weights(sample_weight, None, np.empty(n), np.float64)
        on_device = backend.asarray(weights, backend.xp.float64)
        found = statistics(backend, self.covariance_type, X, on_device)
        moments = Moments(*map(backend.to_numpy, found))
        if not is_finite(moments):
            self._refuse_not_finite(session, X)  # else its variance overflows: see _store
        return weights, moments

    def _store(self, moments: Moments, n: int) -> None:
        """Keep the Gaussian of these moments, or nothing where there is none."""
        if not is_finite(moments):
            raise DivergenceError(
                "The variance of X is not finite in float64: its entries are too large. Scale the "
                "features first, e.g. with StandardScaler."
            )
        covariance = moments.scatter / moments.weight
        variance = covariance if covariance.ndim == 1 else np.diagonal(covariance)
        epsilon = self.var_smoothing * float(variance.max() or 1.0)
        floor = epsilon if covariance.ndim == 1 else epsilon * np.eye(len(variance))
        whitening = precision_cholesky(covariance + floor)
        self.weight_sum_ = float(moments.weight)
        self.location_ = moments.mean
        self.scatter_ = moments.scatter
        self.epsilon_ = epsilon
        self.precision_cholesky_ = whitening
        self.n_samples_seen_ = n
        self.offset_ = contour(whitening)
        for name in SELECTED:  # of another Gaussian
            self.__dict__.pop(name, None)

    def select_threshold(
        self, X_val: Any, y_val: Any, sample_weight: Any = None, *, pos_label: int | None = None
    ) -> GaussianAnomalyDetector:
        """Set ``offset_`` to the threshold of the highest F1 on labelled rows.

        The best of every threshold that tells two scores apart, halfway between neighbours, and the
        two beyond all of them. Of equally good ones it takes the lowest: the fewest alarms.

        Parameters
        ----------
        X_val : array-like of shape (n_samples, n_features)
            Ordinary rows and anomalies, none of which ``fit`` should have seen.
        y_val : array-like of shape (n_samples,)
            1 (or True) for an anomaly and 0 for an ordinary row; or −1 and 1, as ``predict`` says
            it. Ones alone are anomalies, unless ``pos_label`` says otherwise.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in precision and recall.
        pos_label : {1, -1, None}, default=None
            The label of an anomaly: 1 beside 0, or −1 beside 1. None looks whether there is a −1.

        Returns
        -------
        self
            With ``thresholds_``, ``precision_curve_``, ``recall_curve_``, ``f1_curve_`` and
            ``best_f1_``; and with an ``UndefinedMetricWarning`` where ``y_val`` has no anomaly: F1
            is 0 then, and the threshold lies below all scores.

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        """
        check_is_fitted(self)
        with self._session(X_val, self._work(X_val)) as session:
            scores = session.backend.to_numpy(self._scores(session, X_val))
        is_anomaly = check_anomalies(y_val, len(scores), pos_label)
        weights = None
        if sample_weight is not None:
            weights = check_weights(sample_weight, None, scores, np.float64)
        if not (is_anomaly if weights is None else weights * is_anomaly).any():
            warnings.warn(
                "y_val has no anomaly (of any weight), so F1 is 0 at every threshold; offset_ is "
                "set below all scores of X_val. Add labelled anomalies, or set contamination.",
                UndefinedMetricWarning,
                stacklevel=2,
            )
        self.offset_, self.best_f1_ = best_threshold(scores, is_anomaly, weights)
        self._labelled = scores, is_anomaly, weights
        return self

    def score_samples(self, X: Any) -> Any:
        """The log density of each row: high for ordinary ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Of the library and dtype of ``X``.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X)) as session:
            return session.restore(self._scores(session, X))

    def decision_function(self, X: Any) -> Any:
        """How far the log density lies above ``offset_``: negative for anomalies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Of the library and dtype of ``X``.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X)) as session:
            return session.restore(margin(session.backend, *self._judged(session, X)))

    def predict(self, X: Any) -> Any:
        """−1 for anomalies and 1 for ordinary rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Whole numbers, of the library of ``X``.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X)) as session:
            return session.restore(sign(session.backend, *self._judged(session, X)))

    def _scores(self, session: Session, X: Any) -> Array:
        X = self._check_X(session, X, finite=False)
        scores = self._log_density(session.backend, X)
        if not bool(session.backend.xp.all(session.backend.xp.isfinite(scores))):
            self._refuse_not_finite(session, X)
        return scores

    def _log_density(self, backend: Backend, X: Array) -> Array:
        dtype = np.float32 if X.dtype == backend.xp.float32 else np.float64
        gaussian = make_gaussian(self.location_, self.precision_cholesky_, dtype)
        return log_density(backend, self._on_device(backend, gaussian, X.dtype), X)

    def _judged(self, session: Session, X: Any) -> tuple[Array, Array]:
        backend = session.backend
        return self._scores(session, X), backend.asarray(self.offset_, backend.xp.float64)

    def _work(self, X: Any) -> float:
        size = np.shape(X) if hasattr(X, "shape") else (0, 0)
        return float(np.prod(size)) * (size[-1] if self.covariance_type == "full" else 1)
