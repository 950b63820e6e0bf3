"""Linear regression: the linear map of least squared error."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from accelml.backend import Backend
from accelml.linear_model.least_squares import default_cutoff
from accelml.linear_model.linear_regressor import LinearRegressor


class LinearRegression(LinearRegressor):
    r"""Ordinary least squares.

    Minimises, over weights ``W`` and intercepts ``b``,

    .. math:: \frac{1}{2 \sum_i w_i} \sum_i w_i\, (x_i W + b - y_i)^2.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to learn ``b``.
    copy_X : bool, default=True
        Accepted as scikit-learn's; ``X`` is never changed and never copied whole.
    tol : float, default=1e-6
        With ``solver="cholesky"`` and ``"svd"``: a singular value of the centred ``X`` counts as
        zero if it is at most ``tol`` times the largest (``cond`` of ``scipy.linalg.lstsq``, as in
        scikit-learn from 1.9 on). With the other solvers: converged when the Euclidean norm of the
        gradient is at most this.
    n_jobs : int, default=None
        Accepted as scikit-learn's; the array library decides on its threads.
    solver : {"auto", "cholesky", "svd", "gd", "cg", "lbfgs"}, default="auto"
        - "cholesky": the normal equations. Where the data has not full rank, or would cost more
          than half of the digits, "svd" takes over.
        - "svd": the singular value decomposition of the centred ``X``; of many solutions the
          shortest, as ``scipy.linalg.lstsq``.
        - "gd": batch gradient descent from zero; "cg" and "lbfgs": nonlinear conjugate gradient
          and L-BFGS.
        - "auto": "cholesky" for more rows than columns, and "svd" otherwise.
    learning_rate : "auto" or float, default="auto"
        Step length of ``solver="gd"``. A number steps as the textbook does, in the features as
        they are. "auto" centres the features, which leaves the solution where it is, and takes
        the longest step that descends for sure, one over a bound of the curvature.
    max_iter : int, default=None
        The most iterations of "gd", "cg" and "lbfgs"; 10,000 by default.
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
    rank_ : int or None
        Rank of the centred ``X``; None where an iterative solver ran.
    singular_ : ndarray of shape (min(n_samples, n_features),) or None
        Singular values of the centred ``X`` (its rows times the root of their weights); None where
        an iterative solver ran. By "cholesky" they are right to 1e-10 of the largest.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Iterations made; 1 by "cholesky" and "svd".
    loss_curve_ : list of float
        The objective after each iteration, of an iterative solver.
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
    Ridge : The same with a penalty on large weights.

    Notes
    -----
    The sums over the rows are taken on the backend, block by block, in float64 for float32 data
    too, and merged as Chan, Golub and LeVeque do; an offset of the features then costs no digits.
    The small system of equations that is left is solved on the host. ``positive`` is not
    supported, nor is sparse ``X``.

    The mathematics is in docs/mathematics/linear-regression.md.

    References
    ----------
    Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., section 3.2;
    Golub, Van Loan, Matrix Computations, 4th ed., section 5.3.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = LinearRegression().fit(X, X @ [1.0, 2.0] + 3)
    >>> model.coef_.round(6), float(model.intercept_.round(6))
    (array([1., 2.]), 3.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LinearRegressor._parameter_constraints,
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-6,
        n_jobs: int | None = None,
        solver: str = "auto",
        learning_rate: str | float = "auto",
        max_iter: int | None = None,
        verbose: int = 0,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.solver = solver
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.verbose = verbose
        self.backend = backend
        self.device = device

    def _cutoff(self, shape: tuple[int, int]) -> float:
        return max(float(self.tol), default_cutoff(*shape))
