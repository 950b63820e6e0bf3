"""What linear and ridge regression share: a linear map fitted by least squares."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.estimator import BackendEstimator, Session, wider
from accelml.exceptions import DivergenceError
from accelml.gradcheck import Problem
from accelml.linear_model.least_squares import Solution, default_cutoff, least_squares, rank
from accelml.linear_model.least_squares_descent import descend, make_rows
from accelml.linear_model.logistic_fit import SOLVERS as ITERATIVE
from accelml.linear_model.logistic_regression import linear_scores
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.squared_error import SquaredError
from accelml.optimize import Result
from accelml.optimize.report import report
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.progress import progress_bar
from accelml.validation import REAL, check_targets, check_weights, equal_weights, to_host

DEFAULT_MAX_ITER = 10_000


class LinearRegressor(MultiOutputMixin, RegressorMixin, BackendEstimator):
    """A linear map fitted by least squares; the base of ``LinearRegression`` and ``Ridge``."""

    fit_intercept: bool
    solver: str
    learning_rate: str | float
    tol: float
    max_iter: int | None
    verbose: int
    coef_: np.ndarray[Any, Any]
    intercept_: Any
    rank_: int | None
    singular_: np.ndarray[Any, Any] | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"auto", "cholesky", "svd", *ITERATIVE})],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "verbose": ["verbose"],
        **BACKEND_CONSTRAINTS,
    }

    def _alpha(self, targets: int) -> np.ndarray[Any, Any]:
        """The penalty of each target."""
        return np.zeros(targets)

    def _cutoff(self, shape: tuple[int, int]) -> float:
        """A singular value counts as zero if it is at most this times the largest."""
        return default_cutoff(*shape)

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is stored in float32, everything else in float64; never changed.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self
            With a ``ConvergenceWarning`` where ``max_iter`` ended an iterative solver.

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        DivergenceError
            If the loss is not finite: the features are too large or the learning rate is.
        """
        self._validate_params()
        columns = (getattr(X, "shape", None) or (0,))[-1]
        work = float(np.prod(getattr(X, "shape", (0, 0)))) * (columns + 1)
        steps = self._limit if self.solver in ITERATIVE else 0
        tasks = FitTasks(self, X, y, sample_weight, steps)
        with self._session(X, work, fitting=True) as session, tasks:
            backend, xp = session.backend, session.backend.xp
            is_iterative = self.solver in ITERATIVE
            # Where the rows are only summed, NaN is looked for in the sums.
            X = self._check_X(session, X, reset=True, finite=is_iterative)
            # Targets that are only summed stay in float32.
            y = check_targets(X.shape[0], y, np.float64 if is_iterative else REAL)
            if not y.size:
                raise ValueError(f"y has no column (shape={y.shape}); pass one target at least.")
            if sample_weight is None and not is_iterative:
                weights = equal_weights(len(y))
            else:
                weights = check_weights(sample_weight, None, y, np.float64)
            data = (
                X,
                backend.asarray(np.reshape(y, (len(y), -1))),
                backend.asarray(weights, xp.float64),
            )
            alpha = self._alpha(data[1].shape[1])
            if is_iterative:
                result = self._descend(session, data, alpha, tasks, one=y.ndim == 1)
                report(
                    [result], solver=self.solver, tol=self.tol, max_iter=self._limit,
                    dtype=str(X.dtype),
                )  # fmt: skip
                self._store_result(backend, result, y)
            else:
                cutoff = self._cutoff(X.shape)
                try:
                    solution = least_squares(
                        backend, *data, alpha=alpha, cutoff=cutoff,
                        fit_intercept=self.fit_intercept, solver=self.solver,
                    )  # fmt: skip
                except DivergenceError:
                    self._refuse_not_finite(session, X)
                    raise
                self._store_solution(backend, solution, X, y, cutoff)
        return self

    @property
    def _limit(self) -> int:
        return DEFAULT_MAX_ITER if self.max_iter is None else int(self.max_iter)

    def _descend(
        self, session: Session, data: tuple[Array, ...], alpha: Any, tasks: FitTasks, *, one: bool
    ) -> Result:
        to_numpy = session.backend.to_numpy

        def inspect(now: Linear) -> bool:
            return tasks.iteration(lambda: self._fitted(*map(to_numpy, now), one=one))

        title = f"training on {session.choice} ({session.choice.reason})"
        with progress_bar(title, self._limit, shown=bool(self.verbose)) as update:
            return descend(
                session.backend,
                *data,
                alpha=alpha,
                fit_intercept=self.fit_intercept,
                solver=self.solver,
                learning_rate=self.learning_rate,
                tol=self.tol,
                max_iter=self._limit,
                update=tasks.noting(update),
                inspect=inspect if tasks.are_followed else None,
            )

    def _store_result(self, backend: Backend, result: Result, y: Any) -> None:
        weights, bias = map(backend.to_numpy, result.params)
        self.__dict__.update(self._fitted(weights, bias, one=y.ndim == 1))
        self.rank_ = self.singular_ = None
        self.n_iter_ = result.n_iter
        self.loss_curve_ = result.curve
        self.solver_ = self.solver

    def _store_solution(
        self, backend: Backend, solution: Solution, X: Array, y: Any, cutoff: float
    ) -> None:
        dtype = np.float32 if X.dtype == backend.xp.float32 else np.float64
        weights, bias = solution.weights.astype(dtype), solution.bias.astype(dtype)
        self.__dict__.update(self._fitted(weights, bias, one=y.ndim == 1))
        self.rank_ = self.singular_ = None
        if solution.singular is not None:
            self.rank_ = rank(solution.singular, cutoff)
            self.singular_ = solution.singular.astype(dtype)
        self.n_iter_ = 1
        self.solver_ = solution.solver
        self.__dict__.pop("loss_curve_", None)

    def _fitted(
        self, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any], *, one: bool
    ) -> dict[str, Any]:
        """The linear map in scikit-learn's shapes, those of one target or of several."""
        coef = np.ascontiguousarray(weights.T)
        return {
            "coef_": coef[0] if one else coef,
            "intercept_": (bias[0] if one else bias) if self.fit_intercept else 0.0,
        }

    def _gradient_problems(
        self,
        backend: Backend,
        X: Any,
        y: Any,
        sample_weight: Any,
        generator: np.random.Generator,
    ) -> Iterator[Problem]:
        """What ``accelml.gradcheck`` differentiates."""
        X = np.asarray(to_host(X), dtype=np.float64)
        y = check_targets(len(X), y, np.float64)
        weights = check_weights(sample_weight, None, y, np.float64)
        y = np.reshape(y, (len(y), -1))
        data = tuple(map(backend.asarray, (X, y, weights)))
        alpha = self._alpha(y.shape[1])
        rows = make_rows(backend, *data, alpha=alpha, centered=self.fit_intercept)
        params = Linear(
            generator.standard_normal((X.shape[1], y.shape[1])),
            generator.standard_normal(y.shape[1]) * self.fit_intercept,
        )
        yield Problem("", SquaredError(self.fit_intercept), params, rows)

    def predict(self, X: Any) -> Any:
        """``X W + b``, of what the training learned alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_targets)
            Of the library of ``X``.
        """
        check_is_fitted(self)
        work = float(np.prod(getattr(X, "shape", (0,)))) * np.atleast_2d(self.coef_).shape[0]
        with self._session(X, work) as session:
            backend = session.backend
            X = self._check_X(session, X)
            dtype = wider(backend.xp, X, self.coef_)
            weights = np.atleast_2d(self.coef_).T
            bias = np.broadcast_to(self.intercept_, (weights.shape[1],))
            params = self._on_device(backend, Linear(weights, bias), dtype)
            scores = linear_scores(backend, params, backend.asarray(X, dtype))
            return session.restore(scores[:, 0] if self.coef_.ndim == 1 else scores)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination R² of the predictions; 1 is the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
            The mean over the targets.
        """
        weights = None if sample_weight is None else to_host(sample_weight)
        return float(r2_score(to_host(y), to_host(self.predict(X)), sample_weight=weights))
