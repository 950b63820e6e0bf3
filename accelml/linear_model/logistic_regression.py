"""Logistic regression: the probability of a class from a linear score.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.estimator import BackendEstimator, Session, wider
from accelml.gradcheck import Problem
from accelml.kernel import kernel
from accelml.linear_model.logistic_fit import SOLVERS, fitted, make_problems, make_rows, solve
from accelml.objectives.activations import sigmoid, sigmoids
from accelml.objectives.cross_entropy import softmax
from accelml.objectives.linear_classifier import Linear
from accelml.optimize import Result
from accelml.optimize.report import report
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.progress import progress_bar
from accelml.validation import check_labels, check_weights


class LogisticRegression(ClassifierMixin, BackendEstimator):
    r"""Logistic regression with L2 regularisation.

    Minimises, over weights ``W`` and intercepts ``b``,

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i\, \ell(y_i, x_i W + b)
              + \frac{1}{2 C \sum_i w_i} \sum W^2,

    where ℓ is the cross-entropy of the softmax of the scores or, for two classes and for each
    class against the rest, of the logistic function of one score. The intercepts are not penalised.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the regularisation; ``inf`` for none.
    tol : float, default=1e-4
        Converged when the Euclidean norm of the gradient is at most this. (scikit-learn compares
        its largest entry, which stops earlier and at a higher loss.)
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
    n_jobs : int, default=None
        Accepted as scikit-learn's; the array library decides on its threads.
    backend : str or Backend, default=None
        Which array library computes: by name, "auto", or None for that of ``X``.
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

    The mathematics is in docs/mathematics/logistic-regression.md.

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

    classes_: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="right")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
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
        n_jobs: int | None = None,
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
        self.n_jobs = n_jobs
        self.backend = backend
        self.device = device

    @with_callbacks
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
        tasks = FitTasks(self, X, y, sample_weight, steps=None)
        with self._session(X, work, fitting=True) as session, tasks:
            backend = session.backend
            X = self._check_X(session, X, reset=True)
            y = check_labels(X.shape[0], y)
            weights = check_weights(sample_weight, self.class_weight, y, np.float64)
            classes, labels = np.unique(y, return_inverse=True)
            if len(classes) < 2:
                raise ValueError(
                    f"y has one class only ({classes[0]!r}); {type(self).__name__} needs samples "
                    "of at least two classes."
                )
            count = len(classes)
            scores = 1 if count == 2 else count
            same = hasattr(self, "classes_") and np.array_equal(classes, self.classes_)
            coef, intercept = self._start(X.shape[1], scores, warm=self.warm_start and same)
            problems = make_problems(
                labels,
                coef,
                intercept,
                count=count,
                multinomial=self.multi_class == "multinomial",
                fit_intercept=self.fit_intercept,
            )
            rows = make_rows(backend, X, weights, C=self.C, fit_intercept=self.fit_intercept)
            title = f"training on {session.choice}"
            total = self.max_iter * len(problems)
            tasks.begin(total)
            with progress_bar(title, total, shown=bool(self.verbose)) as update:
                results = solve(
                    backend,
                    problems,
                    rows,
                    solver=self.solver,
                    learning_rate=self.learning_rate,
                    tol=self.tol,
                    max_iter=self.max_iter,
                    update=tasks.noting(update) if len(problems) == 1 else update,
                    inspect=self._reporter(backend, classes, tasks, scores),
                )
            report(
                results, solver=self.solver, tol=self.tol, max_iter=self.max_iter,
                dtype=str(X.dtype),
            )  # fmt: skip
            solved = [result.params for result in results]
            self.__dict__.update(fitted(backend, classes, solved, scores))
            self._store(results)
        return self

    def _reporter(
        self, backend: Backend, classes: Any, tasks: FitTasks, scores: int
    ) -> Callable[[list[Linear]], bool] | None:
        """Tell callbacks of the solutions so far."""
        if not tasks.are_followed:
            return None
        return lambda solved: tasks.iteration(lambda: fitted(backend, classes, solved, scores))

    def _start(self, features: int, scores: int, *, warm: bool) -> tuple[Any, Any]:
        """Weights and intercepts to start from, on the host."""
        if warm and self.coef_.shape == (scores, features):
            return self.coef_, self.intercept_
        return np.zeros((scores, features)), np.zeros(scores)

    def _store(self, results: list[Result]) -> None:
        """Keep how the solutions were come by."""
        self.n_iter_ = np.array([result.n_iter for result in results], dtype=np.int32)
        curves = [result.curve for result in results]
        self.loss_curve_ = curves[0] if len(curves) == 1 else curves

    def _gradient_problems(
        self,
        backend: Backend,
        X: Any,
        y: Any,
        sample_weight: Any,
        generator: np.random.Generator,
    ) -> Iterator[Problem]:
        """What ``accelml.gradcheck`` differentiates."""
        y = check_labels(len(y), y)
        weights = check_weights(sample_weight, self.class_weight, y, np.float64)
        X = np.asarray(X, dtype=np.float64)
        classes, labels = np.unique(y, return_inverse=True)
        scores = 1 if len(classes) == 2 else len(classes)
        problems = make_problems(
            labels,
            generator.standard_normal((scores, X.shape[1])),
            generator.standard_normal(scores) if self.fit_intercept else np.zeros(scores),
            count=len(classes),
            multinomial=self.multi_class == "multinomial",
            fit_intercept=self.fit_intercept,
        )
        rows = make_rows(
            backend, backend.asarray(X), weights, C=self.C, fit_intercept=self.fit_intercept
        )
        for k, problem in enumerate(problems):
            label = f"{classes[k]} vs rest: " if len(problems) > 1 else ""
            data = rows._replace(labels=backend.asarray(problem.labels))
            params = Linear(problem.coef.T.copy(), problem.intercept)
            yield Problem(label, problem.objective, params, data)

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
        if len(self.classes_) == 2:
            return xp.concat(sigmoids(xp, scores), axis=1)
        yes = sigmoid(xp, scores)
        total = xp.sum(yes, axis=1, keepdims=True)
        uniform = xp.full_like(yes, 1 / len(self.classes_))
        return xp.where(total > 0, yes / xp.where(total > 0, total, xp.ones_like(total)), uniform)

    def _prediction_work(self, X: Any) -> float:
        return float(np.prod(getattr(X, "shape", (0,)))) * len(self.coef_)


@kernel
def linear_scores(backend: Backend, params: Linear, X: Array) -> Array:
    """X W + b, of shape (n, k)."""
    return X @ params.weights + params.bias
