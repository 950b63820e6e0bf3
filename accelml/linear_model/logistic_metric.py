"""A first guess of logistic regression's inverse Hessian, from the covariance of the features.

Pixels and other features that go together make the problem so narrow that L-BFGS needs hundreds of
steps to learn its shape. Most of that shape is the features' covariance, which costs a few passes
over the rows.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.linear_model.least_squares_sums import block_rows, blocks
from accelml.objectives.linear_classifier import LinearClassifier, Rows

Floats = np.ndarray[Any, Any]

# How many rows the covariance is taken from: enough that what a sample adds in steps is less than
# what it saves, and no more arithmetic than in some steps of the solver.
ROWS_A_FEATURE, STEPS = 64, 16
# Fewer rows a feature than this say too little of the covariance, unless they are all there are.
FEWEST_A_FEATURE = 4
# With more features than a share of the rows, matrices of features² would be large beside X.
SHARE, NARROW = 1 / 32, 128
# What is added to each variance, as a share of itself and of the mean of all: at the minimum most
# rows weigh little, and rows that are certain of their class weigh nothing.
OWN = 0.3
COMMON = 0.1


def rows_to_see(n: int, d: int, classes: int) -> int:
    """Of how many rows the covariance is worth while; 0 for none."""
    if d > max(NARROW, SHARE * n) or d >= n:
        return 0
    worth_while = 4 * STEPS * n * classes // d
    rows = min(n, ROWS_A_FEATURE * d, worth_while)
    return rows if rows >= min(n, FEWEST_A_FEATURE * d) else 0


def metric(backend: Backend, objective: LinearClassifier, rows: Rows, classes: int) -> Tree:
    """The inverse of the Hessian where all scores are equal, damped; () where it is not worth it.

    With centred features and every probability 1/K, the Hessian by the weights of one score is
    c Σ + λ, and by its bias c, with Σ the features' covariance; c is 1/K, or 1/4 where the
    probability is that of one question. (For K classes it falls off between the scores, too, by the
    same factors for every feature.)

    Parameters
    ----------
    backend : Backend
    objective : LinearClassifier
    rows : Rows
        On the device.
    classes : int
        How many classes the scores are for.

    Returns
    -------
    array of shape (d + 1, d + 1), of the dtype of ``X``
        Of the weights and, last, the bias.

    References
    ----------
    Böhning, Multinomial logistic regression algorithm, Annals of the Institute of Statistical
    Mathematics 44, 1992; Nocedal, Wright, Numerical Optimization, 2nd ed., 2006, section 7.2.
    """
    n, d = rows.X.shape
    wanted = rows_to_see(n, d, classes)
    if wanted == 0:
        return ()
    with np.errstate(all="ignore"):  # what is not finite is looked for
        covariance = backend.to_numpy(
            scatter(backend, rows.X, rows.weights, rows.center, n // wanted)
        )
    level = 0.25 if objective.loss == "logistic" else 1 / classes
    inverse = damped_inverse(covariance, level, float(rows.penalty))
    return () if inverse is None else backend.asarray(inverse, rows.X.dtype)


def damped_inverse(covariance: Floats, level: float, penalty: float) -> Floats | None:
    """(c Σ + D + λ)⁻¹, and 1/c for the bias; ``None`` where Σ is zero or not finite.

    In place, in one float64 matrix: with more, they would be large beside X.
    """
    d = len(covariance)
    hessian = np.zeros((d + 1, d + 1), order="F")
    np.multiply(covariance, level, out=hessian[:d, :d])
    hessian[d, d] = level
    own = np.diag(hessian)[:d].copy()
    common = float(own.mean())
    if not (np.isfinite(hessian).all() and common > 0):
        return None
    hessian[np.diag_indices(d)] += OWN * own + (COMMON * common + penalty)
    factor, failed = lapack.dpotrf(hessian, lower=False, overwrite_a=True)
    if failed:
        return None
    inverse: Floats = lapack.dpotri(factor, lower=False, overwrite_c=True)[0]
    for column in range(d):
        inverse[column + 1 :, column] = inverse[column, column + 1 :]
    return inverse


@kernel(static=("step",))
def scatter(backend: Backend, X: Array, weights: Array, center: Array, step: int) -> Array:
    """(X − c)ᵀ diag(w) (X − c) / Σw of one row in ``step``, block by block, of shape (d, d)."""
    xp = backend.xp
    weights = weights[::step] / xp.sum(weights[::step])

    def add(total: Array, rows: tuple[Array, ...]) -> tuple[Array, Array]:
        x, share = rows
        return total + block_scatter(backend, x, share, center), share[0]

    whole, rest = blocks(backend, (X[::step, :], weights), block_rows(backend, X.shape[1]))
    x, share = rest
    total = block_scatter(backend, x, share, center)
    return total if whole is None else backend.scan(add, total, whole)[0]


def block_scatter(backend: Backend, X: Array, weights: Array, center: Array) -> Array:
    """(X − c)ᵀ diag(w) (X − c)."""
    z = backend.xp.sqrt(weights)[:, None] * (X - center)
    return z.T @ z
