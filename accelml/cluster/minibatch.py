"""K-means on mini-batches, for data that are many or that arrive over time."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.cluster.base import (
    BaseKMeans,
    Floats,
    away,
    is_given,
    refuse_overflow,
    row_weights,
    sent_weights,
)
from accelml.cluster.initialization import given_centers, initial_centers
from accelml.cluster.minibatch_step import (
    Averages,
    Settling,
    Stepper,
    batch_rows,
    descend,
)
from accelml.cluster.rows import centered, column_means
from accelml.estimator import Session
from accelml.exceptions import TrainingInterrupted, warn_user
from accelml.parameters import generator_of
from accelml.progress import progress_bar


class MiniBatchKMeans(BaseKMeans):
    """K-means clustering by small random batches.

    Each step assigns one batch to the nearest centers and takes its rows into the running mean that
    each center is.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {"k-means++", "random"}, callable or array-like of shape (n_clusters, n_features), \
            default="k-means++"
        Where the centers start, as in :class:`KMeans`, but from ``init_size`` rows.
    max_iter : int, default=100
        The most passes over the data.
    batch_size : int, default=1024
        Rows in a batch.
    verbose : int, default=0
        Whether to show a progress bar.
    compute_labels : bool, default=True
        Whether to label all rows at the end.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial centers and of the batches: the same on every backend.
    tol : float, default=0.0
        Stop when the squared shift of the centers in one step is at most ``tol`` times the mean
        variance of the features; 0 for never.
    max_no_improvement : int or None, default=10
        Stop after so many batches without a lower smoothed inertia; None for never.
    init_size : int or None, default=None
        Rows to choose the initial centers from; three batches by default, or ``3 * n_clusters``.
    n_init : "auto" or int, default="auto"
        Initialisations, of which the one of lowest inertia is taken. "auto" is 3 for
        ``init="random"`` or a callable, and 1 else.
    reassignment_ratio : float, default=0.01
        Centers with less than this part of the largest count are put on random rows from time to
        time.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers, of the dtype of ``X``.
    counts_ : ndarray of shape (n_clusters,), float64
        The weight that each center is the mean of.
    labels_ : ndarray of shape (n_samples,), int32
        The nearest center of each row, if ``compute_labels``.
    inertia_ : float
        The weighted sum of squared distances to them, if ``compute_labels``; else an estimate from
        the batches.
    n_iter_ : int
        Passes over the data, begun.
    n_steps_ : int
        Batches seen.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    References
    ----------
    Sculley, Web-scale k-means clustering, WWW 2010.
    The mathematics is in docs/mathematics/k-means.md.

    Examples
    --------
    >>> from accelml.cluster import MiniBatchKMeans
    >>> from accelml.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MiniBatchKMeans(n_clusters=10, random_state=0)
    >>> for start in range(0, 1500, 300):
    ...     model = model.partial_fit(X[start : start + 300])
    >>> model.cluster_centers_.shape
    (10, 64)
    >>> float(model.counts_.sum())
    1500.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKMeans._parameter_constraints,
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.backend = backend
        self.device = device

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find the centers from random batches of ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How likely a row is to be in a batch; 1 by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        DivergenceError
            If squared distances overflow.
        """
        self._fit(X, sample_weight)
        return self

    @with_callbacks
    def _fit(self, X: Any, sample_weight: Any) -> None:
        tasks = FitTasks(self, X, None, sample_weight, steps=None)
        with self._fitting(X, passes=2) as session, tasks:
            backend = session.backend
            X = self._check_X(session, X, reset=True)
            n = X.shape[0]
            self._check_count(n)
            weights = row_weights(X, sample_weight)
            size = min(self.batch_size, n)
            init_size = self._init_size(n)
            stepper = self._new_stepper()
            origin = column_means(backend, X)
            centers = self._best_start(session, X, weights, origin, init_size, stepper.generator)
            settling = Settling(
                self._shift_tolerance(backend, X, weights),
                self.max_no_improvement,
                2 * size / (n + 1),
            )
            limit = self.max_iter * n // size
            tasks.begin(limit)
            title = f"mini-batches on {session.choice} ({session.choice.reason})"
            with progress_bar(title, limit, shown=bool(self.verbose)) as update:
                descent = descend(
                    backend, X, weights, origin, centers, stepper, settling,
                    size=size, limit=limit, update=update,
                    inspect=self._reporter(backend, origin, tasks),
                )  # fmt: skip
            self._store(backend, descent.averages, origin, stepper, descent.steps)
            self.n_iter_ = math.ceil(descent.steps * size / n)
            self._finish(backend, X, weights)
            if not self.compute_labels:
                self.inertia_ = settling.estimate() * float(weights.sum())
        if descent.interrupted:
            warn_user(
                "Training was interrupted; the model is what it was after the last whole batch.",
                TrainingInterrupted,
            )

    def _reporter(
        self, backend: Backend, origin: Array, tasks: FitTasks
    ) -> Callable[[Averages], bool] | None:
        """Tell callbacks of the centers after a batch."""
        if not tasks.are_followed:
            return None
        away_by = backend.to_numpy(origin)

        def inspect(averages: Averages) -> bool:
            return tasks.iteration(
                lambda: {"cluster_centers_": away(backend.to_numpy(averages.centers), away_by)}
            )

        return inspect

    @with_callbacks
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Take one more batch into the centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch. The first one also gives the initial centers, so it needs ``n_clusters``
            rows.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        DivergenceError
            If squared distances overflow.
        """
        is_first = not hasattr(self, "cluster_centers_")
        tasks = FitTasks(self, X, None, sample_weight)
        with self._fitting(X, passes=1) as session, tasks:
            backend = session.backend
            X = self._check_X(session, X, reset=is_first)
            weights = row_weights(X, sample_weight)
            if is_first:
                self._check_count(X.shape[0])
                stepper, steps, counts = self._new_stepper(), 0, np.zeros(self.n_clusters)
                origin = column_means(backend, X)
                size = self._init_size(X.shape[0])
                centers = self._start(session, X, weights, origin, size, stepper.generator)
            else:
                stepper, steps, counts = copy.deepcopy(self._stepper), self.n_steps_, self.counts_
                reached = backend.asarray(self.cluster_centers_)
                X = backend.asarray(X, reached.dtype)
                origin = column_means(backend, reached)
                centers = reached - origin
            step = stepper.step(
                backend,
                X - origin,
                backend.asarray(weights, X.dtype),
                Averages(centers, backend.asarray(counts)),
            )
            self._store(backend, step.averages, origin, stepper, steps + 1)
            self._finish(backend, X, weights)
        return self

    def _new_stepper(self) -> Stepper:
        return Stepper(self.n_clusters, self.reassignment_ratio, generator_of(self.random_state))

    def _store(
        self, backend: Backend, averages: Averages, origin: Array, stepper: Stepper, steps: int
    ) -> None:
        """Keep the centers, where the data lie, and what ``partial_fit`` goes on from."""
        centers = backend.to_numpy(averages.centers)
        self.cluster_centers_ = away(centers, backend.to_numpy(origin))
        self.counts_ = np.array(backend.to_numpy(averages.counts))
        self.n_steps_ = steps
        self._stepper = stepper

    def _finish(self, backend: Backend, X: Array, weights: Floats) -> None:
        """Label the rows, if wanted."""
        if self.compute_labels:
            centers = backend.asarray(self.cluster_centers_)
            sent = sent_weights(backend, weights, X.dtype)
            self.labels_, self.inertia_ = self._label(backend, X, sent, centers)

    def _init_size(self, n: int) -> int:
        """Rows that the initial centers are chosen from."""
        size = self.init_size
        if size is None:
            size = 3 * min(self.batch_size, n)
            if size < self.n_clusters:
                size = 3 * self.n_clusters
        elif size < self.n_clusters:
            warn_user(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. Setting it "
                "to min(3*n_clusters, n_samples)",
                RuntimeWarning,
            )
            size = 3 * self.n_clusters
        return min(size, n)

    def _best_start(
        self,
        session: Session,
        X: Array,
        weights: Floats,
        origin: Array,
        size: int,
        generator: np.random.Generator,
    ) -> Array:
        """The initial centers of lowest inertia on some rows, of ``n_init``."""
        backend = session.backend
        runs = self._runs(otherwise=3)
        if is_given(self.init) and runs != 1:
            warn_user(
                "Explicit initial center position passed: performing only one init in "
                f"MiniBatchKMeans instead of n_init={runs}.",
                RuntimeWarning,
            )
            runs = 1
        starts = [self._start(session, X, weights, origin, size, generator) for _ in range(runs)]
        if runs == 1:
            return starts[0]
        index = generator.integers(X.shape[0], size=size)
        rows = batch_rows(backend, X, backend.asarray(index.astype(np.int32)), origin)
        sent = sent_weights(backend, weights[index], rows.dtype)
        inertias = [self._label(backend, rows, sent, start)[1] for start in starts]
        return starts[int(np.argmin(inertias))]

    def _start(
        self,
        session: Session,
        X: Array,
        weights: Floats,
        origin: Array,
        size: int,
        generator: np.random.Generator,
    ) -> Array:
        """Initial centers less the origin, from ``size`` of the rows."""
        backend = session.backend
        if is_given(self.init):
            given = given_centers(self.init, self.n_clusters, X.shape[1])
            return backend.asarray(given - backend.to_numpy(origin), X.dtype)
        if size < X.shape[0]:
            index = generator.integers(X.shape[0], size=size)
            zero = backend.xp.zeros_like(origin)
            X = batch_rows(backend, X, backend.asarray(index.astype(np.int32)), zero)
            weights = weights[index]
        data = centered(backend, X, sent_weights(backend, weights, X.dtype))
        refuse_overflow(backend, data)
        here = backend.to_numpy(data.points.origin)
        centers = initial_centers(
            backend, self.init, data.points, here, weights, self.n_clusters, generator,
            raw_rows=lambda: session.restore(X),
        )  # fmt: skip
        return centers + (data.points.origin - origin)

    def _shift_tolerance(self, backend: Backend, X: Array, weights: Floats) -> float:
        """``tol`` times the mean variance of the features."""
        if self.tol == 0:
            return 0.0
        data = centered(backend, X, sent_weights(backend, weights, X.dtype))
        return self.tol * float(data.variance)
