"""Least squares by the iterative solvers: batch gradient descent, conjugate gradient, L-BFGS.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.linear_model.logistic_fit import SOLVERS, uncentered, weighted_mean
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.squared_error import Rows, SquaredError
from accelml.optimize import Result, minimize
from accelml.optimize.gradient_descent import largest_eigenvalue
from accelml.progress import Update


def make_rows(
    backend: Backend, X: Array, targets: Array, weights: Array, *, alpha: Any, centered: bool
) -> Rows:
    """The data of the objective, in the dtype of ``X``."""
    xp = backend.xp
    total = backend.asarray(float(xp.sum(weights)), xp.float64)
    weights = xp.astype(weights, X.dtype)
    center = backend.asarray(np.zeros(X.shape[1]), X.dtype)
    if centered:
        center = weighted_mean(backend, X, weights)
    penalty = backend.asarray(np.asarray(alpha), xp.float64)
    return Rows(X, xp.astype(targets, X.dtype), weights, center, penalty, total)


def descend(
    backend: Backend, X: Array, targets: Array, weights: Array, *, alpha: Any,
    fit_intercept: bool, solver: str, learning_rate: float | str, tol: float, max_iter: int,
    update: Update, inspect: Callable[[Linear], bool] | None = None,
) -> Result:  # fmt: skip
    """Minimise the squared error from zero.

    A learning rate of the user's own steps in the features as they are, as the textbook does.
    Otherwise the solver sees centred features, with which X W + b = (X − c) W + (b + c W) has the
    same minimum but is far better conditioned; the result is in terms of ``X`` again.
    """
    xp = backend.xp
    centered = fit_intercept and (solver != "gd" or learning_rate == "auto")
    rows = make_rows(backend, X, targets, weights, alpha=alpha, centered=centered)
    settings: Any = ()
    if solver == "gd":
        length = safe_step_length(backend, rows) if learning_rate == "auto" else learning_rate
        settings = backend.asarray(float(length), xp.float64)
    d, t = X.shape[1], targets.shape[1]
    zero = Linear(*(backend.asarray(np.zeros(shape), X.dtype) for shape in ((d, t), (t,))))
    result = minimize(
        backend,
        SOLVERS[solver],
        SquaredError(fit_intercept),
        zero,
        rows,
        tol=tol,
        max_iter=max_iter,
        settings=settings,
        monitor=lambda iteration, loss: update(iteration, loss=loss),
        inspect=None if inspect is None else uncentered(inspect, rows.center),
    )
    found = result.params
    result.params = Linear(found.weights, found.bias - rows.center @ found.weights)
    return result


def safe_step_length(backend: Backend, rows: Rows) -> float:
    """One over a bound of the curvature, λmax of (X − c)ᵀ diag(w) (X − c) / Σw plus α / Σw."""
    start = np.random.default_rng(0).standard_normal(rows.X.shape[1] + 1)
    eigenvalue = largest_eigenvalue(
        backend, rows.X, rows.weights, rows.center, backend.asarray(start, rows.X.dtype)
    )
    penalty = float(backend.xp.max(rows.alpha)) / float(rows.total_weight)
    # Power iteration comes from below.
    return 1 / (1.1 * float(eigenvalue) + penalty + 1e-30)
