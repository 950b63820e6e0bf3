"""How logistic regression is put to a solver: the problems, their data, and their solutions.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.linear_model.logistic_metric import metric
from accelml.objectives.linear_classifier import Linear, LinearClassifier, Rows
from accelml.objectives.products import transposed_times
from accelml.optimize import (
    LBFGS,
    ConjugateGradient,
    GradientDescent,
    Result,
    Solver,
    Stop,
    minimize,
)
from accelml.optimize.gradient_descent import largest_eigenvalue
from accelml.progress import Update

SOLVERS: dict[str, Solver] = {"lbfgs": LBFGS(), "cg": ConjugateGradient(), "gd": GradientDescent()}


class Problem(NamedTuple):
    """One minimisation: all classes at once, or one class against the rest."""

    objective: LinearClassifier
    labels: np.ndarray[Any, Any]  # (n,) int32
    coef: np.ndarray[Any, Any]  # (k, d) where to start
    intercept: np.ndarray[Any, Any]  # (k,)


def make_problems(
    labels: np.ndarray[Any, Any],
    coef: np.ndarray[Any, Any],
    intercept: np.ndarray[Any, Any],
    *,
    count: int,
    multinomial: bool,
    fit_intercept: bool,
) -> list[Problem]:
    """What to minimise for ``count`` classes, starting from ``coef`` and ``intercept``."""
    labels = labels.astype(np.int32)
    logistic = LinearClassifier("logistic", fit_intercept)
    if count == 2:
        return [Problem(logistic, labels, coef, intercept)]
    if multinomial:
        return [Problem(LinearClassifier("softmax", fit_intercept), labels, coef, intercept)]
    return [
        Problem(logistic, (labels == k).astype(np.int32), coef[k : k + 1], intercept[k : k + 1])
        for k in range(count)
    ]


def make_rows(
    backend: Backend, X: Array, weights: np.ndarray[Any, Any], *, C: float, fit_intercept: bool
) -> Rows:
    """The data that all problems share; the labels are filled in for each."""
    xp = backend.xp
    on_device = backend.asarray(weights, X.dtype)
    center = xp.zeros((X.shape[1],), dtype=X.dtype)
    if fit_intercept:
        center = weighted_mean(backend, X, on_device)
    total = float(weights.sum())
    penalty = 0.0 if np.isinf(C) else 1 / (C * total)
    return Rows(
        X,
        on_device,
        on_device,
        center,
        backend.asarray(penalty, xp.float64),
        backend.asarray(total, xp.float64),
    )


@kernel
def weighted_mean(backend: Backend, X: Array, weights: Array) -> Array:
    """The weighted mean of the rows, of shape (d,)."""
    return transposed_times(backend, X, weights) / backend.xp.sum(weights)


def safe_step_length(backend: Backend, objective: LinearClassifier, rows: Rows) -> float:
    """One over a bound of the curvature: λmax/4 for the logistic function, λmax/2 for softmax.

    References
    ----------
    Böhning, Multinomial logistic regression algorithm, Annals of the Institute of Statistical
    Mathematics 44, 1992.
    """
    start = np.random.default_rng(0).standard_normal(rows.X.shape[1] + 1)
    eigenvalue = largest_eigenvalue(
        backend, rows.X, rows.weights, rows.center, backend.asarray(start, rows.X.dtype)
    )
    bound = float(eigenvalue) * (0.25 if objective.loss == "logistic" else 0.5)
    # Power iteration comes from below.
    return 1 / (1.1 * bound + float(rows.penalty) + 1e-30)


def solve(
    backend: Backend,
    problems: list[Problem],
    rows: Rows,
    *,
    solver: str,
    learning_rate: float | str,
    tol: float,
    max_iter: int,
    update: Update,
    inspect: Callable[[list[Linear]], bool] | None = None,
) -> list[Result]:
    """Minimise one problem after another, up to Ctrl-C.

    The solver sees centred features, with which ``X W + b = (X - c) W + (b + c W)``; the results
    are in terms of ``X`` again. ``inspect`` gets those of all problems begun.
    """
    xp = backend.xp
    settings: Any = ()
    if solver == "lbfgs":
        scores = max(2, problems[0].coef.shape[0])
        settings = metric(backend, problems[0].objective, rows, scores)
    elif solver == "gd":
        if learning_rate == "auto":
            learning_rate = safe_step_length(backend, problems[0].objective, rows)
        settings = backend.asarray(float(learning_rate), xp.float64)
    results: list[Result] = []
    for problem in problems:
        weights = backend.asarray(np.ascontiguousarray(problem.coef.T), rows.X.dtype)
        bias = backend.asarray(np.ascontiguousarray(problem.intercept), rows.X.dtype)
        monitor = shifted(update, max_iter * len(results))
        look = None
        if inspect is not None:
            look = uncentered(beside([ended.params for ended in results], inspect), rows.center)
        result = minimize(
            backend,
            SOLVERS[solver],
            problem.objective,
            Linear(weights, bias + rows.center @ weights),
            rows._replace(labels=backend.asarray(problem.labels)),
            tol=tol,
            max_iter=max_iter,
            settings=settings,
            monitor=monitor,
            inspect=look,
        )
        solved = result.params
        result.params = Linear(solved.weights, solved.bias - rows.center @ solved.weights)
        results.append(result)
        if result.stop == Stop.INTERRUPTED:
            break
    return results


def uncentered(inspect: Callable[[Linear], bool], center: Array) -> Callable[[Linear], bool]:
    """``inspect`` of parameters in terms of ``X`` itself."""
    return lambda now: inspect(Linear(now.weights, now.bias - center @ now.weights))


def beside(
    solved: list[Linear], inspect: Callable[[list[Linear]], bool]
) -> Callable[[Linear], bool]:
    """``inspect`` of one more solution after others."""
    return lambda now: inspect([*solved, now])


def shifted(update: Update, made: int) -> Callable[[int, float], None]:
    """A monitor that counts on from the iterations that other problems have made."""
    return lambda iteration, loss: update(made + iteration, loss=loss)


def fitted(
    backend: Backend, classes: Any, solved: list[Linear], scores: int
) -> dict[str, np.ndarray[Any, Any]]:
    """The solutions on the host, as attributes; zeros for the classes that none is of yet."""
    coef = [backend.to_numpy(params.weights).T for params in solved]
    intercept = [backend.to_numpy(params.bias) for params in solved]
    missing = scores - sum(map(len, coef))
    coef.append(np.zeros((missing, coef[0].shape[1]), coef[0].dtype))
    intercept.append(np.zeros(missing, coef[0].dtype))
    return {
        "coef_": np.concatenate(coef),
        "intercept_": np.concatenate(intercept),
        "classes_": classes,
    }
