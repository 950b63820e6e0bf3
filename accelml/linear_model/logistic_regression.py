"""Logistic regression: the probability of a class from a linear score."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.estimator import BackendEstimator, Session, wider
from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.kernel import kernel
from accelml.objectives.activations import sigmoid
from accelml.objectives.cross_entropy import softmax
from accelml.objectives.linear_classifier import Linear, LinearClassifier, Rows
from accelml.optimize import LBFGS, ConjugateGradient, GradientDescent, Result, Stop, minimize
from accelml.optimize.gradient_descent import largest_eigenvalue
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.progress import Update, progress_bar
from accelml.validation import check_labels, check_weights

SOLVERS = {"lbfgs": LBFGS(), "cg": ConjugateGradient(), "gd": GradientDescent()}


class LogisticRegression(ClassifierMixin, BackendEstimator):  # type: ignore[misc]
    """Logistic regression with L2 regularisation.

    Minimises, over weights ``W`` and intercepts ``b``,

    .. math:: \\frac{1}{\\sum_i w_i} \\sum_i w_i\\, \\ell(y_i, x_i W + b)
              + \\frac{1}{2 C \\sum_i w_i} \\sum W^2,

    where ℓ is the cross-entropy of the softmax of the scores or, for two classes and for each
    class against the rest, of the logistic function of one score. The intercepts are never
    penalised.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the regularisation; ``inf`` for none.
    tol : float, default=1e-4
        Converged when no entry of the gradient is larger than this.
    fit_intercept : bool, default=True
        Whether to learn ``b``.
    class_weight : dict or "balanced", default=None
        Weights by class, as in scikit-learn.
    random_state : int, RandomState instance or None, default=None
        Accepted as scikit-learn's; no solver here draws random numbers.
    solver : {"lbfgs", "cg", "gd"}, default="lbfgs"
        L-BFGS, nonlinear conjugate gradient, or batch gradient descent.
    max_iter : int, default=100
        The most iterations of the solver.
    multi_class : {"multinomial", "ovr"}, default="multinomial"
        One softmax over all classes, or each class against the rest. With two classes both are
        one logistic function.
    learning_rate : "auto" or float, default="auto"
        Step length of ``solver="gd"``; "auto" takes the longest that descends for sure, one over
        a bound of the curvature.
    verbose : int, default=0
        Whether to show a progress bar.
    warm_start : bool, default=False
        Whether ``fit`` starts from the last solution.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights, of the dtype of ``X``.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    n_iter_ : ndarray of shape (1,) or (n_classes,)
        Iterations made.
    loss_curve_ : list of float, or of one list a class with ``multi_class="ovr"``
        The objective after each iteration.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    Notes
    -----
    The features are centred inside the solver, which needs no copy of ``X`` and leaves the minimum
    where it is, but conditions the problem far better.

    References
    ----------
    Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., section 4.4;
    Bishop, Pattern Recognition and Machine Learning, section 4.3.

    Examples
    --------
    >>> from accelml.datasets import load_digits
    >>> from accelml.linear_model import LogisticRegression
    >>> X, y = load_digits(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000).fit(X[:1000] / 16, y[:1000])
    >>> model.score(X[1000:] / 16, y[1000:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="right")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions(set(SOLVERS))],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "multi_class": [StrOptions({"multinomial", "ovr"})],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        **BACKEND_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        multi_class: str = "multinomial",
        learning_rate: str | float = "auto",
        verbose: int = 0,
        warm_start: bool = False,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.C = C
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.multi_class = multi_class
        self.learning_rate = learning_rate
        self.verbose = verbose
        self.warm_start = warm_start
        self.backend = backend
        self.device = device

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticRegression:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_samples,)
            Class labels, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self
            With a ``ConvergenceWarning`` where ``max_iter`` ended it.

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        DivergenceError
            If the loss is not finite: the features are too large or the learning rate is.
        """
        self._validate_params()
        shape = getattr(X, "shape", (0, 0))
        work = float(np.prod(shape)) * self.max_iter * 2
        with self._session(X, work, fitting=True) as session:
            backend = session.backend
            X = self._check_X(session, X, reset=True)
            y = check_labels(X.shape[0], y)
            weights = check_weights(sample_weight, self.class_weight, y, np.float64)
            previous = getattr(self, "classes_", None)
            self.classes_, labels = np.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y has one class only ({self.classes_[0]!r}); {type(self).__name__} needs "
                    "samples of at least two classes."
                )
            is_same = previous is not None and np.array_equal(previous, self.classes_)
            rows = self._rows(backend, X, weights)
            problems = self._problems(labels)
            start = self._start(X.shape[1], problems[0][1], len(problems), warm=is_same)
            title = f"LogisticRegression on {session.choice} ({session.choice.reason})"
            total = self.max_iter * len(problems)
            with progress_bar(title, total, shown=bool(self.verbose)) as update:
                results = self._solve(backend, problems, rows, start, update)
            self._store(backend, results, rows)
        self._warn(results)
        return self

    def _rows(self, backend: Backend, X: Array, weights: np.ndarray[Any, Any]) -> Rows:
        """The data that all problems share; the labels differ."""
        xp = backend.xp
        on_device = backend.asarray(weights, X.dtype)
        center = xp.zeros((X.shape[1],), dtype=X.dtype)
        if self.fit_intercept:
            center = weighted_mean(backend, X, on_device)
        total = float(weights.sum())
        penalty = 0.0 if np.isinf(self.C) else 1 / (self.C * total)
        return Rows(
            X,
            on_device,
            on_device,
            center,
            backend.asarray(penalty, xp.float64),
            backend.asarray(total, xp.float64),
        )

    def _problems(self, labels: np.ndarray[Any, Any]) -> list[tuple[LinearClassifier, int, Any]]:
        """What to minimise: the objective, its number of scores, and its labels."""
        labels = labels.astype(np.int32)
        count = len(self.classes_)
        logistic = LinearClassifier("logistic", self.fit_intercept)
        if count == 2:
            return [(logistic, 1, labels)]
        if self.multi_class == "multinomial":
            return [(LinearClassifier("softmax", self.fit_intercept), count, labels)]
        return [(logistic, 1, (labels == k).astype(np.int32)) for k in range(count)]

    def _start(self, features: int, scores: int, problems: int, *, warm: bool) -> list[Any]:
        """Initial weights and intercepts of each problem, on the host."""
        shape = (problems * scores, features)
        if self.warm_start and warm and self.coef_.shape == shape:
            coef, intercept = self.coef_, np.broadcast_to(self.intercept_, shape[:1])
        else:
            coef, intercept = np.zeros(shape), np.zeros(shape[0])
        return [
            (coef[i * scores : (i + 1) * scores].T, intercept[i * scores : (i + 1) * scores])
            for i in range(problems)
        ]

    def _solve(
        self, backend: Backend, problems: list[Any], rows: Rows, start: list[Any], update: Update
    ) -> list[Result]:
        """Minimise one problem after another."""
        xp = backend.xp
        dtype = rows.X.dtype
        settings: Any = ()
        if self.solver == "gd":
            settings = backend.asarray(self._step_length(backend, problems[0][0], rows), xp.float64)
        results: list[Result] = []
        for (objective, _, labels), (coef, intercept) in zip(problems, start, strict=True):
            weights = backend.asarray(np.ascontiguousarray(coef), dtype)
            bias = backend.asarray(np.ascontiguousarray(intercept), dtype) + rows.center @ weights
            made = self.max_iter * len(results)
            result = minimize(
                backend,
                SOLVERS[self.solver],
                objective,
                Linear(weights, bias if self.fit_intercept else xp.zeros_like(bias)),
                rows._replace(labels=backend.asarray(labels)),
                tol=self.tol,
                max_iter=self.max_iter,
                settings=settings,
                monitor=lambda iteration, loss, made=made: update(made + iteration, loss=loss),
            )
            results.append(result)
            if result.stop == Stop.INTERRUPTED:
                break
        return results

    def _step_length(self, backend: Backend, objective: LinearClassifier, rows: Rows) -> float:
        """One over a bound of the curvature: λmax/4 for the logistic function, λmax/2 for softmax.

        Böhning, Multinomial logistic regression algorithm, Annals of the Institute of Statistical
        Mathematics 44, 1992.
        """
        if self.learning_rate != "auto":
            return float(self.learning_rate)
        start = np.random.default_rng(0).standard_normal(rows.X.shape[1] + 1)
        eigenvalue = largest_eigenvalue(
            backend, rows.X, rows.weights, rows.center, backend.asarray(start, rows.X.dtype)
        )
        bound = float(eigenvalue) * (0.25 if objective.loss == "logistic" else 0.5)
        # Power iteration comes from below.
        return 1 / (1.1 * bound + float(rows.penalty) + 1e-30)

    def _store(self, backend: Backend, results: list[Result], rows: Rows) -> None:
        for result in results:
            if result.stop == Stop.NOT_FINITE:
                raise DivergenceError(
                    f"the loss is not finite after {result.n_iter} iterations of solver="
                    f"{self.solver!r}; scale X (sklearn.preprocessing.StandardScaler) or lower "
                    "learning_rate"
                )
        solved = [
            (result.params.weights, result.params.bias - rows.center @ result.params.weights)
            for result in results
        ]
        coef = np.concatenate([backend.to_numpy(weights).T for weights, _ in solved])
        intercept = np.concatenate([backend.to_numpy(bias) for _, bias in solved])
        count = 1 if len(self.classes_) == 2 else len(self.classes_)
        if len(coef) < count:  # one against the rest, interrupted
            missing = count - len(coef)
            coef = np.concatenate([coef, np.zeros((missing, coef.shape[1]), coef.dtype)])
            intercept = np.concatenate([intercept, np.zeros(missing, intercept.dtype)])
        self.coef_ = np.ascontiguousarray(coef)
        self.intercept_ = intercept if self.fit_intercept else np.zeros_like(intercept)
        self.n_iter_ = np.array([result.n_iter for result in results], dtype=np.int32)
        is_single = len(results) == 1
        self.loss_curve_ = results[0].curve if is_single else [r.curve for r in results]

    def _warn(self, results: list[Result]) -> None:
        stops = {result.stop for result in results}
        if Stop.INTERRUPTED in stops:
            warnings.warn(
                "Training was interrupted; the model is the best found so far.",
                TrainingInterrupted,
                stacklevel=3,
            )
        elif Stop.LIMIT in stops:
            warnings.warn(
                f"solver={self.solver!r} did not converge within max_iter={self.max_iter}: the "
                f"largest entry of the gradient is {max(r.gradient_norm for r in results):.1e}, "
                f"tol={self.tol:.1e}. Increase max_iter, or scale the features.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif Stop.STALLED in stops and self._stalled_early(results):
            warnings.warn(
                f"solver={self.solver!r} can lower the loss no further in {self.coef_.dtype}, with "
                f"the largest entry of the gradient at "
                f"{max(r.gradient_norm for r in results):.1e}, tol={self.tol:.1e}. Scale the "
                "features, or pass X in float64.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _stalled_early(self, results: list[Result]) -> bool:
        return any(r.stop == Stop.STALLED and r.gradient_norm > self.tol for r in results)

    def decision_function(self, X: Any) -> Any:
        """The scores ``X W + b``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) for two classes, else (n_samples, n_classes)
            Of the library of ``X``.
        """
        check_is_fitted(self)
        with self._session(X, self._prediction_work(X)) as session:
            scores = self._scores(session, X)
            return session.restore(scores[:, 0] if scores.shape[1] == 1 else scores)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        with self._session(X, self._prediction_work(X)) as session:
            return session.restore(self._probabilities(session, X))

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        with self._session(X, self._prediction_work(X)) as session:
            return session.restore(session.backend.xp.log(self._probabilities(session, X)))

    def predict(self, X: Any) -> Any:
        """The most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Labels out of ``classes_``.
        """
        check_is_fitted(self)
        with self._session(X, self._prediction_work(X)) as session:
            xp = session.backend.xp
            scores = self._scores(session, X)
            is_binary = scores.shape[1] == 1
            winners = scores[:, 0] > 0 if is_binary else xp.argmax(scores, axis=1)
            indices = session.backend.to_numpy(winners).astype(np.intp)
            return session.restore_labels(self.classes_[indices])

    def _scores(self, session: Session, X: Any) -> Array:
        X = self._check_X(session, X)
        dtype = wider(session.backend.xp, X, self.coef_)
        fitted = Linear(self.coef_.T, self.intercept_)
        params = self._on_device(session.backend, fitted, dtype)
        return linear_scores(session.backend, params, session.backend.asarray(X, dtype))

    def _probabilities(self, session: Session, X: Any) -> Array:
        xp = session.backend.xp
        scores = self._scores(session, X)
        if len(self.classes_) > 2 and self.multi_class == "multinomial":
            return softmax(session.backend, scores)
        yes = sigmoid(xp, scores)
        if len(self.classes_) == 2:
            return xp.concat([sigmoid(xp, -scores), yes], axis=1)
        total = xp.sum(yes, axis=1, keepdims=True)
        uniform = xp.full_like(yes, 1 / len(self.classes_))
        return xp.where(total > 0, yes / xp.where(total > 0, total, xp.ones_like(total)), uniform)

    def _prediction_work(self, X: Any) -> float:
        return float(np.prod(getattr(X, "shape", (0,)))) * len(self.coef_)


@kernel
def linear_scores(backend: Backend, params: Linear, X: Array) -> Array:
    """X W + b, of shape (n, k)."""
    return X @ params.weights + params.bias


@kernel
def weighted_mean(backend: Backend, X: Array, weights: Array) -> Array:
    """The weighted mean of the rows, of shape (d,)."""
    return (weights @ X) / backend.xp.sum(weights)
