"""Ridge regression: least squares with a penalty on large weights."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from accelml.backend import Backend
from accelml.linear_model.linear_regressor import LinearRegressor
from accelml.validation import to_host


class Ridge(LinearRegressor):
    r"""Linear least squares with L2 regularisation.

    Minimises, over weights ``W`` and intercepts ``b``,

    .. math:: \sum_i w_i\, (x_i W + b - y_i)^2 + \alpha \sum W^2.

    The intercepts are never penalised.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Strength of the regularisation, 0 or more; an array has one for each target.
    fit_intercept : bool, default=True
        Whether to learn ``b``.
    copy_X : bool, default=True
        Accepted as scikit-learn's; ``X`` is never changed and never copied whole.
    max_iter : int, default=None
        The most iterations of "gd", "cg" and "lbfgs"; 10,000 by default.
    tol : float, default=1e-4
        "gd", "cg" and "lbfgs" have converged when the Euclidean norm of the gradient of the
        objective, divided by ``2 Σw``, is at most this. No effect on the others.
    solver : {"auto", "cholesky", "svd", "gd", "cg", "lbfgs"}, default="auto"
        - "cholesky": the normal equations. Where they would cost more than half of the digits,
          which takes a very small ``alpha``, "svd" takes over.
        - "svd": the singular value decomposition of the centred ``X``.
        - "gd": batch gradient descent from zero; "cg" and "lbfgs": nonlinear conjugate gradient
          and L-BFGS.
        - "auto": "cholesky" for more rows than columns, and "svd" otherwise.
    random_state : int, RandomState instance or None, default=None
        Accepted as scikit-learn's; no solver here draws random numbers.
    learning_rate : "auto" or float, default="auto"
        Step length of ``solver="gd"``, as in :class:`LinearRegression`.
    verbose : int, default=0
        Whether to show a progress bar of the iterations.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights, of the dtype of ``X``.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercepts; 0.0 with ``fit_intercept=False``.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Iterations made; 1 by "cholesky" and "svd".
    loss_curve_ : list of float
        The objective, divided by ``2 Σw``, after each iteration of an iterative solver.
    rank_ : int or None
        Rank of the centred ``X``; None where the solver does not know it.
    singular_ : ndarray of shape (min(n_samples, n_features),) or None
        Singular values of the centred ``X`` (its rows times the root of their weights); None where
        the solver does not know them: iterative ones, and "cholesky" unless ``alpha`` is 0.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    See Also
    --------
    LinearRegression : The same without the penalty.

    Notes
    -----
    As in :class:`LinearRegression`. ``positive`` and scikit-learn's solvers for sparse data are
    not supported.

    The mathematics is in docs/mathematics/linear-regression.md.

    References
    ----------
    Hoerl, Kennard, Ridge regression: biased estimation for nonorthogonal problems, Technometrics
    12, 1970; Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., section
    3.4.1.

    Examples
    --------
    >>> from accelml.linear_model import Ridge
    >>> model = Ridge(alpha=2.0).fit([[-1.0], [0.0], [1.0]], [1.0, 3.0, 5.0])
    >>> float(model.coef_[0]), float(model.intercept_)  # half of the slope, all of the mean
    (1.0, 3.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LinearRegressor._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        solver: str = "auto",
        random_state: Any = None,
        learning_rate: str | float = "auto",
        verbose: int = 0,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.verbose = verbose
        self.backend = backend
        self.device = device

    def _alpha(self, targets: int) -> np.ndarray[Any, Any]:
        alpha = np.ravel(np.asarray(to_host(self.alpha), dtype=np.float64))
        if len(alpha) not in {1, targets}:
            raise ValueError(
                "Number of targets and number of penalties do not correspond: alpha has "
                f"{len(alpha)} entries and y {targets} targets; pass one alpha, or one for each."
            )
        if not (np.isfinite(alpha) & (alpha >= 0)).all():
            raise ValueError(f"alpha={self.alpha!r} must be finite and 0 or more in every entry.")
        return np.broadcast_to(alpha, (targets,))

    def _fitted(
        self, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any], *, one: bool
    ) -> dict[str, Any]:
        fitted = super()._fitted(weights, bias, one=one)
        coef = fitted["coef_"]
        if coef.ndim == 2 and len(coef) == 1:
            fitted["coef_"] = coef[0]  # as scikit-learn's Ridge, unlike its LinearRegression
        return fitted
