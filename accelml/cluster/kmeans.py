"""K-means by Lloyd's algorithm."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import StrOptions

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
from accelml.cluster.lloyd import Run, last_labels, run
from accelml.cluster.rows import Centered, centered, slices
from accelml.estimator import Session
from accelml.exceptions import TrainingInterrupted, warn_user
from accelml.parameters import generator_of
from accelml.progress import Update, progress_bar


class KMeans(BaseKMeans):
    r"""K-means clustering.

    Looks for centers :math:`c_1 … c_k` that minimise the inertia

    .. math:: \sum_i w_i \min_j |x_i - c_j|^2

    by turns: each row to its nearest center, each center to the weighted mean of its rows.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {"k-means++", "random"}, callable or array-like of shape (n_clusters, n_features), \
            default="k-means++"
        Where the centers start: greedy k-means++; different rows drawn at random; what
        ``init(X, n_clusters, random_state=...)`` returns; or these centers.
    n_init : "auto" or int, default="auto"
        Runs from different starts, of which the one of lowest inertia is kept. "auto" is 10 for
        ``init="random"`` or a callable, and 1 else.
    max_iter : int, default=300
        The most iterations of a run.
    tol : float, default=1e-4
        Converged when the squared shift of all centers together is at most ``tol`` times the mean
        variance of the features, or when no label changes.
    verbose : int, default=0
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial centers: the same on every backend.
    copy_x : bool, default=True
        Accepted as scikit-learn's; ``X`` is never changed.
    algorithm : {"lloyd", "elkan"}, default="lloyd"
        Accepted as scikit-learn's. Elkan's bounds save distances and leave the result as it is;
        whether distances are saved is up to the backend.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers, of the dtype of ``X``.
    labels_ : ndarray of shape (n_samples,), int32
        The nearest of ``cluster_centers_`` of each row; the lowest index of equally near ones.
    inertia_ : float
        The weighted sum of squared distances to them: ``-score(X)``.
    n_iter_ : int
        Iterations of the run that is kept.
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
    A cluster that loses all its rows gets the row that is farthest from its own center.

    The mathematics is in docs/mathematics/k-means.md.

    References
    ----------
    Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982;
    Bishop, Pattern Recognition and Machine Learning, section 9.1.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.cluster import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> np.sort(model.cluster_centers_, axis=0)
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> model.inertia_
    16.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKMeans._parameter_constraints,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.backend = backend
        self.device = device

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self
            With a ``ConvergenceWarning`` where ``max_iter`` ended it, or where fewer than
            ``n_clusters`` clusters have rows.

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
        with self._fitting(X, passes=2 * min(self.max_iter, 30)) as session, tasks:
            backend = session.backend
            X = self._check_X(session, X, reset=True, finite=False)
            self._check_count(X.shape[0])
            weights = row_weights(X, sample_weight)
            init, runs = self._start(X.shape[1])
            tasks.begin(self.max_iter * runs)
            data = centered(backend, X, sent_weights(backend, weights, X.dtype))
            if not np.isfinite(backend.to_numpy(data.points.origin)).all():
                self._refuse_not_finite(session, X)
            refuse_overflow(backend, data)
            title = f"k-means on {session.choice} ({session.choice.reason})"
            with progress_bar(title, self.max_iter * runs, shown=bool(self.verbose)) as update:
                best = self._best_run(session, X, weights, data, init, runs, update, tasks)
            self.cluster_centers_ = best.centers
            self.labels_ = best.labels
            self.inertia_ = best.inertia
            self.n_iter_ = best.run.n_iter
        self._report(best)

    def _start(self, features: int) -> tuple[Any, int]:
        """``init``, checked, and how many runs there are."""
        runs = self._runs(otherwise=10)
        if not is_given(self.init):
            return self.init, runs
        if runs != 1:
            warn_user(
                "Explicit initial center position passed: performing only one init in KMeans "
                f"instead of n_init={runs}.",
                RuntimeWarning,
            )
        return given_centers(self.init, self.n_clusters, features), 1

    def _best_run(
        self,
        session: Session,
        X: Array,
        weights: Floats,
        data: Centered,
        init: Any,
        runs: int,
        update: Update,
        tasks: FitTasks,
    ) -> Solution:
        """The run of lowest inertia, up to Ctrl-C."""
        backend = session.backend
        generator = generator_of(self.random_state)
        tol = backend.asarray(self.tol, backend.xp.float64) * data.variance
        origin, sent = backend.to_numpy(data.points.origin), data.points.weights
        best: Solution | None = None

        def fitted(reached: Array) -> dict[str, Any]:
            centers = away(backend.to_numpy(reached), origin)
            labels, inertia = self._label(backend, X, sent, backend.asarray(centers))
            return {"cluster_centers_": centers, "labels_": labels, "inertia_": inertia}

        def inspect(reached: Array) -> bool:
            return tasks.iteration(lambda: fitted(reached))

        for number in range(runs):
            start = initial_centers(
                backend, init, data.points, origin, weights, self.n_clusters, generator,
                raw_rows=lambda: session.restore(X),
            )  # fmt: skip
            monitor = shifted(update, number * self.max_iter)
            ended = run(
                backend, data.points, start, tol, self.max_iter, monitor,
                inspect if tasks.are_followed else None,
            )  # fmt: skip
            centers = away(backend.to_numpy(ended.centers), origin)
            on_device = backend.asarray(centers)
            labels = last_labels(backend, data.points, ended, on_device)
            ended.kept = ()
            labels, inertia = self._label(backend, X, sent, on_device, labels)
            found = Solution(centers, labels, inertia, ended)
            if best is None or is_better(found, best):
                best = found
            if ended.interrupted:
                best.run.interrupted = True
                break
        assert best is not None
        return best

    def _report(self, best: Solution) -> None:
        """Warn about what the iterations ended with."""
        found = count_different(best.labels, self.n_clusters)
        message, category = None, ConvergenceWarning
        if best.run.interrupted:
            message = "Training was interrupted; the model is the best found so far."
            category = TrainingInterrupted
        elif found < self.n_clusters:
            message = (
                f"Number of distinct clusters ({found}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X."
            )
        elif not best.run.converged and best.run.n_iter >= self.max_iter:
            message = (
                f"KMeans did not converge within max_iter={self.max_iter}. Increase max_iter or "
                "tol."
            )
        if message is not None:
            warn_user(message, category)


class Solution(NamedTuple):
    """What one run found, on the host."""

    centers: Floats  # (k, d)
    labels: np.ndarray[Any, Any]  # (n,) int32
    inertia: float
    run: Run


def is_better(found: Solution, best: Solution) -> bool:
    """Whether a run has a lower inertia by more than another order of the same clusters."""
    return found.inertia < best.inertia and not is_same_clustering(found.labels, best.labels)


def is_same_clustering(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether each cluster of ``a`` lies within one of ``b``."""
    pairs = np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b)
    return len(pairs) == len(np.unique(a))


def count_different(labels: np.ndarray[Any, Any], most: int) -> int:
    """How many of the labels below ``most`` there are, without a copy of all labels."""
    seen = np.zeros(most, dtype=bool)
    for rows in slices(len(labels), 2**16):
        seen[labels[rows]] = True
    return int(seen.sum())


def shifted(update: Update, made: int) -> Update:
    """A monitor that counts on from the iterations of the runs before."""
    return lambda iteration, **figures: update(made + iteration, **figures)
