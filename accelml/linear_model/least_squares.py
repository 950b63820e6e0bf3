"""The linear map of least squares from the sums over the rows, solved on the host in float64.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, lapack

from accelml._typing import Array
from accelml.backend import Backend
from accelml.blas import SMALL_CHOLESKY, one_thread_if_small
from accelml.exceptions import DivergenceError
from accelml.linear_model.least_squares_sums import Moments, Triangle, moments, triangle

Floats = np.ndarray[Any, Any]
EPSILON = float(np.finfo(np.float64).eps)
# The least reciprocal condition that leaves half of all digits.
HALF = EPSILON**0.5
# Sums of products in float32 have half the digits. They are good for weights to float32 where the
# columns, in any units, are as far from dependent as this reciprocal condition says.
FAR_FROM_DEPENDENT = 1e-2
# With fewer entries of X, sums in float64 take no longer; with fewer rows a column, an attempt in
# vain costs more than it may save.
LARGE, LONG = 2**20, 32
# Rows a column that say beforehand whether it would be in vain, and how much worse than all rows'
# their condition may be: that of independent columns is by four.
SAMPLE, WORSE = 8, 8


class Solution(NamedTuple):
    """A fitted linear map, on the host, in float64."""

    weights: Floats  # (d, t)
    bias: Floats  # (t,)
    singular: Floats | None  # of the centred design matrix, where the solver knows them
    solver: str


def least_squares(
    backend: Backend, X: Array, targets: Array, weights: Array, *, alpha: Floats, cutoff: float,
    fit_intercept: bool, solver: str,
) -> Solution:  # fmt: skip
    """Minimise Σᵢ wᵢ ‖xᵢ W + b − yᵢ‖² + Σₜ αₜ ‖Wₜ‖²; of many minima, the shortest ``W``.

    The normal equations lose twice the digits that the data is ill-conditioned by. Where that is
    more than half of all digits, or the data has not full rank, the singular value decomposition
    takes over, of the triangle of a QR decomposition of the data itself. Many rows of float32 are
    first multiplied in float32, which is enough for columns that are far from dependent.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
    targets : float32 or float64 array of shape (n, t)
    weights : float64 array of shape (n,)
    alpha : ndarray of shape (t,)
    cutoff : float
        A singular value counts as zero if it is at most this times the largest.
    fit_intercept : bool
    solver : {"auto", "cholesky", "svd"}
        "auto" is "cholesky" where the rows are more than the columns.
    """
    n, d = X.shape
    with np.errstate(all="ignore"):  # what is not finite is looked for
        if solver == "cholesky" or (solver == "auto" and n > d):
            tries_rough = is_rough_worth_while(backend, X, fit_intercept)
            for rough in (True, False) if tries_rough else (False,):
                sums = moments(backend, X, targets, weights, fit_intercept, rough)
                least = FAR_FROM_DEPENDENT if rough else HALF
                on_host = Moments(*map(backend.to_numpy, sums))
                with one_thread_if_small(d):
                    solution = solve_cholesky(on_host, alpha, cutoff, least)
                if solution is not None:
                    return solution
        decomposed = triangle(backend, X, targets, weights, fit_intercept)
        triangular = Triangle(*map(backend.to_numpy, decomposed))
        with one_thread_if_small(d):
            return solve_svd(triangular, alpha, cutoff, fit_intercept)


def is_rough_worth_while(backend: Backend, X: Array, fit_intercept: bool) -> bool:
    """Whether sums of products in float32 save time, and may be good enough."""
    n, d = X.shape
    if n * d < LARGE or n < LONG * d or not backend.xp.isdtype(X.dtype, backend.xp.float32):
        return False
    sample = backend.to_numpy(X[:: n // (SAMPLE * d), :])
    if fit_intercept:
        sample = sample - sample.mean(axis=0)
    with one_thread_if_small(d):
        gram = (sample.T @ sample).astype(np.float64)
        varies = np.diag(gram) > 0
        gram = gram[np.ix_(varies, varies)]
        some = np.zeros((len(gram), 1))
        return solve_positive_definite(gram, some, FAR_FROM_DEPENDENT / WORSE) is not None


def solve_cholesky(
    sums: Moments, alpha: Floats, cutoff: float, least: float = HALF
) -> Solution | None:
    """Solve (XᵀX + α I) W = XᵀY for each α by Cholesky's decomposition, or ``None`` at all.

    ``least`` is the least reciprocal condition that the sums have enough digits for.

    References
    ----------
    Golub, Van Loan, Matrix Computations, 4th ed., 2013, algorithm 5.3.1.
    """
    if not all(np.isfinite(part).all() for part in sums):
        return None
    varies = np.diag(sums.gram) > 0
    gram, moment = sums.gram[np.ix_(varies, varies)], sums.moment[varies]
    weights = np.zeros_like(sums.moment)
    for penalty in np.unique(alpha):
        chosen = alpha == penalty
        solved = solve_positive_definite(
            gram + penalty * np.eye(len(gram)), moment[:, chosen], least
        )
        if solved is None:
            return None
        weights[np.ix_(varies, chosen)] = solved
    singular = None
    if (alpha == 0).any():
        singular = singular_values(gram, cutoff)
        if singular is None:
            return None
        singular = np.concatenate([singular, np.zeros(len(varies) - len(singular))])
    return Solution(weights, sums.target_mean - sums.mean @ weights, singular, "cholesky")


def singular_values(gram: Floats, cutoff: float) -> Floats | None:
    """The roots of the eigenvalues of XᵀX; ``None`` unless all are clearly above the cut-off."""
    eigenvalues = np.linalg.eigvalsh(gram)[::-1]
    rounding = 10 * len(gram) * EPSILON
    if (eigenvalues <= max(cutoff**2, rounding) * eigenvalues[:1]).any():
        return None
    return np.sqrt(eigenvalues)


def solve_positive_definite(A: Floats, B: Floats, least: float = HALF) -> Floats | None:
    """A⁻¹ B, or ``None`` if the reciprocal condition is under the ``least``.

    With its diagonal scaled to ones, A is within a factor d of the best conditioning that any
    units of the features give, and the roundings of the decomposition are the same.

    References
    ----------
    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, section 7.3 (van der
    Sluis) and theorem 10.5.
    """
    if not len(A):
        return B
    scale = 1 / np.sqrt(np.diag(A))[:, None]
    A = scale * A * scale.T
    with one_thread_if_small(len(A), SMALL_CHOLESKY):
        factor, failed = lapack.dpotrf(A, lower=True)
        if failed:
            return None
        reciprocal_condition, _ = lapack.dpocon(factor, np.linalg.norm(A, 1), uplo="L")
        if reciprocal_condition < least:
            return None
        solved: Floats = scale * cho_solve((factor, True), scale * B, check_finite=False)
    return solved


def solve_svd(decomposed: Triangle, alpha: Floats, cutoff: float, fit_intercept: bool) -> Solution:
    """W = V diag(s / (s² + α)) Uᵀ Y, where a singular value under the cut-off counts as zero.

    References
    ----------
    Golub, Van Loan, Matrix Computations, 4th ed., 2013, theorem 5.5.1 and section 6.1.4.
    """
    r, origin, target_origin = decomposed
    if not np.isfinite(r).all():
        raise DivergenceError("X, y or sample_weight is too large for float64: scale the features")
    d, bias, ones = len(origin), np.zeros(len(target_origin)), int(fit_intercept)
    top, design, projections = r[0], r[: ones + d, ones : ones + d], r[: ones + d, ones + d :]
    if fit_intercept:  # what the first row has, the intercept takes up
        centered = np.arange(len(design))[:, None] > 0
        design, projections = centered * design, centered * projections
    U, singular, Vt = np.linalg.svd(design, full_matrices=False)
    s = singular[:, None]
    kept = (s > cutoff * singular[:1]) | (alpha > 0) & (s > 0)
    s = np.where(kept, s, 1)
    shrunk = np.where(kept, 1 / (s + alpha / s), 0)  # (r, t); s² could overflow
    weights = Vt.T @ (shrunk * (U.T @ projections))
    if fit_intercept:
        means = top[1:] / top[0]
        bias = target_origin + means[d:] - (origin + means[:d]) @ weights
    return Solution(weights, bias, singular, "svd")


def default_cutoff(rows: int, columns: int) -> float:
    """The share of the largest singular value that rounding alone may make up."""
    return max(rows, columns) * EPSILON


def rank(singular: Floats, cutoff: float) -> int:
    """How many singular values are not zero."""
    return int(np.sum(singular > cutoff * singular[:1]))
