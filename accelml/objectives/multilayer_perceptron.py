"""The multilayer perceptron: forward propagation, backpropagation, and the loss of a batch.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import Kernel, kernel
from accelml.objectives.activations import ACTIVATIONS, sigmoid
from accelml.objectives.cross_entropy import CROSS_ENTROPY, CrossEntropy, softmax


class Layer(NamedTuple):
    """The parameters of one layer."""

    weights: Array  # (inputs, outputs)
    bias: Array  # (outputs,)


class Batch(NamedTuple):
    """Rows to learn from at once."""

    X: Array  # (n, d)
    labels: Array  # (n,) integers; (n, k) of 0 and 1, or of numbers, for k separate outputs
    weights: Array  # (n,)


Parameters = tuple[Layer, ...]


@kernel
def squared_error(backend: Backend, scores: Array, targets: Array, weights: Array) -> CrossEntropy:
    """Σᵢ wᵢ Σₖ (sᵢₖ − tᵢₖ)² / 2, and wᵢ (sᵢₖ − tᵢₖ), for targets of shape (n, k).

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, equation 5.11.
    The mathematics is in docs/mathematics/multilayer-perceptron.md.
    """
    xp = backend.xp
    residuals = scores - xp.reshape(targets, scores.shape)
    losses = xp.sum(residuals * residuals, axis=1)
    total = xp.sum(weights * losses, dtype=xp.float64) / 2
    return CrossEntropy(total, weights[:, None] * residuals)


LOSSES: dict[str, Kernel[..., CrossEntropy]] = {**CROSS_ENTROPY, "identity": squared_error}


@kernel(static=("activation",))
def dense(backend: Backend, activation: str, layer: Layer, a: Array) -> Array:
    """One layer forward: f(a W + b)."""
    return ACTIVATIONS[activation].apply(backend.xp, a @ layer.weights + layer.bias)


@kernel(static=("activation",))
def dense_backward(
    backend: Backend, activation: str, layer: Layer, a: Array, delta: Array
) -> Array:
    """Carry δ back through one layer: (δ Wᵀ) ⊙ f′, where ``a`` is what went into the layer."""
    return ACTIVATIONS[activation].backward(backend.xp, a, delta @ layer.weights.T)


def forward(backend: Backend, activation: str, params: Parameters, X: Array) -> list[Array]:
    """The activations of every layer, the input first and the scores last.

    a⁰ = X;  aˡ = f(aˡ⁻¹ Wˡ + bˡ) in the hidden layers;  scores = aᴸ⁻¹ Wᴸ + bᴸ.
    """
    activations = [X]
    for layer in params[:-1]:
        activations.append(dense(backend, activation, layer, activations[-1]))
    activations.append(dense(backend, "identity", params[-1], activations[-1]))
    return activations


def backward(
    backend: Backend, activation: str, params: Parameters, activations: list[Array], delta: Array
) -> Parameters:
    """The gradient by every layer's parameters, from ``delta``, the gradient by the scores.

    ∂/∂Wˡ = (aˡ⁻¹)ᵀ δˡ;  ∂/∂bˡ = Σᵢ δˡᵢ;  δˡ⁻¹ = (δˡ (Wˡ)ᵀ) ⊙ f′(zˡ⁻¹).

    References
    ----------
    Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, Nature 323,
    1986; Goodfellow, Bengio, Courville, Deep Learning, 2016, algorithm 6.4.
    """
    xp = backend.xp
    gradient: list[Layer] = []
    for position in reversed(range(len(params))):
        a = activations[position]
        gradient.append(Layer(a.T @ delta, xp.sum(delta, axis=0)))
        if position > 0:
            delta = dense_backward(backend, activation, params[position], a, delta)
    return tuple(reversed(gradient))


@dataclass(frozen=True)
class MultilayerPerceptron:
    """Mean loss of a batch plus α/(2 Σw) Σ W², and its gradient by backpropagation.

    The L2 term is of the weights, never of the biases, and is divided by the weight of the batch,
    as scikit-learn does.

    The mathematics is in docs/mathematics/multilayer-perceptron.md.

    Parameters
    ----------
    activation : {"relu", "tanh", "logistic", "identity"}
        Of the hidden layers.
    output : {"softmax", "logistic", "identity"}
        One question of ``k`` answers, ``k`` yes-or-no questions, or ``k`` numbers: cross-entropy
        for the first two, squared error for the last.
    """

    activation: str = "relu"
    output: str = "softmax"

    def __call__(
        self, backend: Backend, params: Parameters, data: tuple[Batch, Array]
    ) -> tuple[Array, Parameters]:
        """The value, of shape (), and its gradient, a tuple of ``Layer``; ``data`` ends with α."""
        return self.given_square(backend, params, data, squared_weights(backend.xp, params))

    def given_square(
        self, backend: Backend, params: Parameters, data: tuple[Batch, Array], square: Array
    ) -> tuple[Array, Parameters]:
        """The same where Σ W² is known."""
        xp = backend.xp
        batch, alpha = data
        activations = forward(backend, self.activation, params, batch.X)
        loss = LOSSES[self.output]
        total, delta = loss(backend, activations[-1], batch.labels, batch.weights)
        gradient = backward(backend, self.activation, params, activations, delta)

        # A batch without weight has no loss and leaves the parameters to L2 alone.
        weight = xp.sum(batch.weights, dtype=xp.float64)
        weight = xp.where(weight > 0, weight, xp.ones_like(weight))
        scale = xp.astype(1 / weight, params[0].weights.dtype)
        decay = xp.astype(alpha, params[0].weights.dtype)
        return (
            (total + alpha / 2 * square) / weight,
            tuple(
                Layer(scale * (by.weights + decay * layer.weights), scale * by.bias)
                for by, layer in zip(gradient, params, strict=True)
            ),
        )


def squared_weights(xp: Any, params: Parameters) -> Array:
    """Σ W² of all layers, float64."""
    # Units are added up in float64: converted one by one, weights would take as long as Adam.
    units = xp.concat([xp.vecdot(layer.weights, layer.weights) for layer in params])
    return xp.sum(units, dtype=xp.float64)


@kernel(static=("model",))
def predict_output(
    backend: Backend, model: MultilayerPerceptron, params: Parameters, X: Array
) -> Array:
    """The probability of each class (or of each yes), or the numbers, of shape (n, k)."""
    scores = forward(backend, model.activation, params, X)[-1]
    if model.output == "softmax":
        return softmax(backend, scores)
    if model.output == "identity":
        return scores
    return sigmoid(backend.xp, scores)
