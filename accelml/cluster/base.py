"""What both k-means share: checks of their parameters, and everything after the fit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.cluster.rows import Centered, inertia_of, labels_of, measure_rows
from accelml.estimator import BackendEstimator, Session, wider
from accelml.exceptions import DivergenceError
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.validation import check_weights

Floats = np.ndarray[Any, Any]


class BaseKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BackendEstimator):
    """Centers, and what they say of rows: their nearest center and how far it is."""

    n_clusters: int
    init: Any
    n_init: Any
    max_iter: int
    cluster_centers_: Floats
    labels_: np.ndarray[Any, Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        **BACKEND_CONSTRAINTS,
    }

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and return the label of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        array of shape (n_samples,), int32
            ``labels_``, in the library of ``X``.
        """
        self._fit(X, sample_weight)
        with self._session(X) as session:
            return session.restore_labels(self.labels_)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit, and return the distance of each row to each center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        array of shape (n_samples, n_clusters)
        """
        self._fit(X, sample_weight)
        return self._transform(X)

    def predict(self, X: Any) -> Any:
        """The nearest center of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,), int32
            Indices into ``cluster_centers_``; the lowest, where several are equally near.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X)) as session:
            X, centers = self._together(session, X)
            return session.restore_labels(
                session.backend.to_numpy(labels_of(session.backend, X, centers))
            )

    def transform(self, X: Any) -> Any:
        """The distance of each row to each center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_clusters)
            Of the library of ``X``.
        """
        check_is_fitted(self)
        return self._transform(X)

    def _transform(self, X: Any) -> Any:
        with self._session(X, self._work(X)) as session:
            X, centers = self._together(session, X)
            return session.restore(measure_rows(session.backend, X, centers))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The opposite of the inertia: −Σ w |x − c|² over rows and their nearest centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        check_is_fitted(self)
        with self._session(X, self._work(X)) as session:
            X, centers = self._together(session, X)
            weights = sent_weights(session.backend, row_weights(X, sample_weight), X.dtype)
            return -self._label(session.backend, X, weights, centers)[1]

    def _label(
        self, backend: Backend, X: Array, weights: Array, centers: Array,
        labels: Array | None = None,
    ) -> tuple[np.ndarray[Any, Any], float]:  # fmt: skip
        """Labels, where they are not known, and the inertia by them."""
        if labels is None:
            labels = labels_of(backend, X, centers)
        inertia = float(inertia_of(backend, X, weights, centers, labels))
        if not np.isfinite(inertia):
            raise DivergenceError(
                f"squared distances overflow {X.dtype}; scale X (for example with "
                "sklearn.preprocessing.StandardScaler)"
            )
        return backend.to_numpy(labels), inertia

    def _together(self, session: Session, X: Any) -> tuple[Array, Array]:
        """Rows and centers on the backend, in one dtype."""
        backend = session.backend
        X = self._check_X(session, X)
        dtype = wider(backend.xp, X, self.cluster_centers_)
        centers = self._on_device(backend, self.cluster_centers_, dtype)
        return backend.asarray(X, dtype), centers

    def _work(self, X: Any, passes: int = 1) -> float:
        """Multiply-adds of so many passes over X."""
        return float(np.prod(getattr(X, "shape", (0,)))) * self.n_clusters * passes

    def _fit(self, X: Any, sample_weight: Any) -> None:
        raise NotImplementedError

    def _fitting(self, X: Any, passes: int) -> AbstractContextManager[Session]:
        """A session whose failure leaves the estimator as it was."""
        self._validate_params()
        return self._session(X, self._work(X, passes), fitting=True)

    def _check_count(self, n: int) -> None:
        if n < self.n_clusters:
            raise ValueError(
                f"n_samples={n} should be >= n_clusters={self.n_clusters}; lower n_clusters, or "
                "pass more rows."
            )

    def _runs(self, otherwise: int) -> int:
        """How many initialisations ``n_init`` asks for."""
        if self.n_init != "auto":
            return int(self.n_init)
        is_plus_plus = isinstance(self.init, str) and self.init == "k-means++"
        return 1 if is_plus_plus or is_given(self.init) else otherwise

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def is_given(init: Any) -> bool:
    """Whether ``init`` is the centers themselves, not a way to find them."""
    return not isinstance(init, str) and not callable(init)


def row_weights(X: Array, sample_weight: Any) -> Floats:
    """The weight of each row, on the host, in float64; one number for all, where it is 1."""
    if sample_weight is None:
        return np.broadcast_to(np.float64(1), X.shape[:1])
    weights: Floats = check_weights(
        sample_weight, None, np.empty(X.shape[0], dtype=bool), np.float64
    )
    return weights


def sent_weights(backend: Backend, weights: Floats, dtype: Any) -> Array:
    """The weight of each row, on the device; no copies of one number where that can be."""
    if weights.strides == (0,):
        return backend.xp.broadcast_to(backend.asarray(weights[0], dtype), weights.shape)
    return backend.asarray(weights, dtype)


def away(centers: Floats, origin: Floats) -> Floats:
    """Centers around the origin of the data, where the data lie; added in float64."""
    moved: Floats = (centers.astype(np.float64) + origin).astype(centers.dtype)
    return moved


def refuse_overflow(backend: Backend, data: Centered) -> None:
    """Raise where |x|² is not finite."""
    if not np.isfinite(float(data.variance)):
        raise DivergenceError(
            f"squared distances overflow {data.points.X.dtype}; scale X (for example with "
            "sklearn.preprocessing.StandardScaler)"
        )
