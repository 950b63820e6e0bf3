"""The objective of logistic regression: cross-entropy of a linear model, with L2.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.objectives.cross_entropy import CROSS_ENTROPY
from accelml.objectives.products import transposed_times


class Linear(NamedTuple):
    """The parameters of a linear map."""

    weights: Array  # (d, k)
    bias: Array  # (k,)


class Rows(NamedTuple):
    """Training data of a linear classifier."""

    X: Array  # (n, d)
    labels: Array  # (n,) integers
    weights: Array  # (n,)
    center: Array  # (d,) subtracted from each row of X, without a copy of X
    penalty: Array  # () λ
    total_weight: Array  # () Σ weights


class Sums(NamedTuple):
    """Sums over rows: all that a step needs of the data."""

    loss: Array  # ()
    weights: Array  # (d, k) gradient of the loss by the weights
    bias: Array  # (k,)


@kernel(static=("loss",))
def statistics(
    backend: Backend,
    loss: str,
    params: Linear,
    X: Array,
    labels: Array,
    weights: Array,
    center: Array,
) -> Sums:
    """Sum the loss of ``scores = (X − center) W + b`` and its gradient over the rows.

    ∂loss/∂W = (X − center)ᵀ δ and ∂loss/∂b = Σᵢ δᵢ, where δ is the gradient by the scores.
    ``center`` never makes a copy of ``X``: (X − c) W + b = X W + (b − c W).
    """
    xp = backend.xp
    scores = X @ params.weights + (params.bias - center @ params.weights)
    total, delta = CROSS_ENTROPY[loss](backend, scores, labels, weights)
    bias = xp.sum(delta, axis=0)
    gradient = transposed_times(backend, X, delta) - center[:, None] * bias[None, :]
    return Sums(total, gradient, bias)


@dataclass(frozen=True)
class LinearClassifier:
    """Mean cross-entropy plus λ/2 Σ W², and its gradient; the bias is not penalised.

    Parameters
    ----------
    loss : {"softmax", "logistic"}
        One question of ``k`` answers, or one yes-or-no question.
    fit_intercept : bool
        Without it the bias counts as zero, whatever it is.

    References
    ----------
    Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., section 4.4.
    The mathematics is in docs/mathematics/logistic-regression.md.
    """

    loss: str = "softmax"
    fit_intercept: bool = True

    def __call__(self, backend: Backend, params: Linear, rows: Rows) -> tuple[Array, Linear]:
        """The value, of shape (), and its gradient, a ``Linear``."""
        if not self.fit_intercept:
            params = params._replace(bias=backend.xp.zeros_like(params.bias))
        sums = statistics(
            backend, self.loss, params, rows.X, rows.labels, rows.weights, rows.center
        )
        return self.penalized(backend, params, sums, rows)

    def penalized(
        self, backend: Backend, params: Linear, sums: Sums, rows: Rows
    ) -> tuple[Array, Linear]:
        """The objective from the sums over all rows."""
        xp = backend.xp
        dtype = params.weights.dtype
        scale = xp.astype(1 / rows.total_weight, dtype)
        penalty = xp.astype(rows.penalty, dtype)
        square = xp.sum(params.weights * params.weights, dtype=xp.float64)
        bias = sums.bias * scale if self.fit_intercept else xp.zeros_like(sums.bias)
        return (
            sums.loss / rows.total_weight + rows.penalty / 2 * square,
            Linear(sums.weights * scale + penalty * params.weights, bias),
        )
