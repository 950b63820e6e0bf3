"""The objective of linear and ridge regression: half the mean squared error, with L2.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.objectives.linear_classifier import Linear
from accelml.objectives.products import transposed_times


class Rows(NamedTuple):
    """Training data of a linear regression on ``t`` targets."""

    X: Array  # (n, d)
    targets: Array  # (n, t)
    weights: Array  # (n,)
    center: Array  # (d,) subtracted from each row of X, without a copy of X
    alpha: Array  # (t,) float64, the penalty of each target
    total_weight: Array  # () float64, Σ weights


class Sums(NamedTuple):
    """Sums over rows: all that a step needs of the data."""

    loss: Array  # () float64
    weights: Array  # (d, t) gradient of the loss by the weights
    bias: Array  # (t,)


@kernel
def statistics(
    backend: Backend, params: Linear, X: Array, targets: Array, weights: Array, center: Array
) -> Sums:
    """Sum ½ Σᵢ wᵢ rᵢ² of the residuals ``r = (X − center) W + b − y``, and its gradient.

    ∂loss/∂W = (X − center)ᵀ δ and ∂loss/∂b = Σᵢ δᵢ, where δᵢ = wᵢ rᵢ.
    ``center`` never makes a copy of ``X``: (X − c) W + b = X W + (b − c W).
    """
    xp = backend.xp
    residuals = X @ params.weights + (params.bias - center @ params.weights) - targets
    delta = weights[:, None] * residuals
    bias = xp.sum(delta, axis=0)
    loss = xp.sum(delta * residuals, dtype=xp.float64) / 2
    gradient = transposed_times(backend, X, delta) - center[:, None] * bias[None, :]
    return Sums(loss, gradient, bias)


@dataclass(frozen=True)
class SquaredError:
    """1/(2 Σw) (Σᵢ wᵢ (xᵢ W + b − yᵢ)² + α Σ W²), and its gradient; the bias is not penalised.

    Several targets add up, each with its own α. This is scikit-learn's ``‖y − X w‖² + α ‖w‖²``
    divided by 2 Σw, which moves no minimum and makes one step length fit any number of rows.

    Parameters
    ----------
    fit_intercept : bool
        Without it the bias counts as zero, whatever it is.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, equations 3.12 and 3.27; Hastie,
    Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., equation 3.41.
    The mathematics is in docs/mathematics/linear-regression.md.
    """

    fit_intercept: bool = True

    def __call__(self, backend: Backend, params: Linear, rows: Rows) -> tuple[Array, Linear]:
        """The value, of shape (), and its gradient, a ``Linear``."""
        if not self.fit_intercept:
            params = params._replace(bias=backend.xp.zeros_like(params.bias))
        sums = statistics(backend, params, rows.X, rows.targets, rows.weights, rows.center)
        return self.penalized(backend, params, sums, rows)

    def penalized(
        self, backend: Backend, params: Linear, sums: Sums, rows: Rows
    ) -> tuple[Array, Linear]:
        """The objective from the sums over all rows."""
        xp = backend.xp
        dtype = params.weights.dtype
        scale = xp.astype(1 / rows.total_weight, dtype)
        alpha = xp.astype(rows.alpha, dtype)
        squares = xp.sum(params.weights * params.weights, axis=0, dtype=xp.float64)  # (t,)
        bias = sums.bias * scale if self.fit_intercept else xp.zeros_like(sums.bias)
        return (
            (sums.loss + xp.sum(rows.alpha * squares) / 2) / rows.total_weight,
            Linear((sums.weights + alpha * params.weights) * scale, bias),
        )
