"""Training a perceptron: the first weights, the batches of an epoch, and the epoch itself.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.objectives.multilayer_perceptron import (
    LOSSES,
    Batch,
    Layer,
    MultilayerPerceptron,
    Parameters,
    forward,
    squared_weights,
)
from accelml.optimize import SGD, Adam
from accelml.tree import tree_map


class Batches(NamedTuple):
    """Which rows make up each batch; the last is filled up with rows that do not count."""

    index: Array  # (batches, size) int32
    counts: Array  # (batches, size) bool


class Learner(NamedTuple):
    """Everything that training changes."""

    params: Parameters
    memory: Tree


def initial_parameters(
    sizes: Sequence[int], activation: str, generator: np.random.Generator
) -> Parameters:
    """Weights and biases uniform within ±√(6 / (inputs + outputs)), 2 in place of 6 if logistic.

    Drawn on the host in float64, so that every backend and dtype starts from the same numbers.

    References
    ----------
    Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, equation 16.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    params = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = np.sqrt(factor / (inputs + outputs))
        weights = generator.uniform(-bound, bound, (inputs, outputs))
        params.append(Layer(weights, generator.uniform(-bound, bound, outputs)))
    return tuple(params)


def epoch_batches(
    rows: np.ndarray[Any, Any], size: int, *, shuffle: bool, generator: np.random.Generator
) -> Batches:
    """The rows of every batch of one epoch, on the host."""
    order = generator.permutation(rows) if shuffle else rows
    batches = -(-len(rows) // size)
    index = np.zeros(batches * size, dtype=np.int32)
    index[: len(rows)] = order
    counts = np.arange(batches * size) < len(rows)
    return Batches(index.reshape(batches, size), counts.reshape(batches, size))


@kernel(static=("model", "rule"))
def train_epoch(
    backend: Backend, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree,
) -> tuple[Learner, Array]:  # fmt: skip
    """One pass over the batches; also the mean loss, L2 included, of shape ()."""
    xp = backend.xp
    # Every row in one batch: their order does not matter, and nothing needs to be gathered.
    is_whole = batches.index.shape == (1, data.X.shape[0])

    # Σ W² is handed on: weights looked at again after they are learnt from would be copied by XLA.
    def step(state: tuple[Learner, Array], batch: Batches) -> tuple[Tree, Array]:
        learner, square = state
        rows = data if is_whole else tree_map(lambda x: xp.take(x, batch.index, axis=0), data)
        weights = xp.where(batch.counts, rows.weights, xp.zeros_like(rows.weights))
        rows = rows._replace(weights=weights)
        loss, gradient = model.given_square(backend, learner.params, (rows, alpha), square)
        params, memory = rule.step(backend, learner.params, gradient, learner.memory, settings)
        weight = xp.sum(weights, dtype=xp.float64)
        losses = xp.stack([loss * weight, weight])
        return (Learner(params, memory), squared_weights(xp, params)), losses

    start = learner, squared_weights(xp, learner.params)
    (learner, _), losses = backend.scan(step, start, batches)
    total = xp.sum(losses, axis=0)
    return learner, total[0] / total[1]


class Evaluation(NamedTuple):
    """How well a network does on rows that it was not trained on."""

    score: Array  # () accuracy, or R² for numbers
    loss: Array  # () float64, without L2
    finite: Array  # () bool


@kernel(static=("model",))
def evaluate(
    backend: Backend, model: MultilayerPerceptron, params: Parameters, data: Batch
) -> Evaluation:
    """The score and the mean loss on ``data``."""
    xp = backend.xp
    scores = forward(backend, model.activation, params, data.X)[-1]
    total, _ = LOSSES[model.output](backend, scores, data.labels, data.weights)
    weight = xp.sum(data.weights, dtype=xp.float64)
    score = SCORES[model.output](xp, scores, data.labels, data.weights / xp.sum(data.weights))
    return Evaluation(score, total / weight, xp.all(xp.isfinite(scores)))


def accuracy(xp: Any, scores: Array, labels: Array, shares: Array) -> Array:
    """The share of rows whose highest score is their label's."""
    return xp.sum(shares * xp.astype(xp.argmax(scores, axis=1) == labels, shares.dtype))


def all_right(xp: Any, scores: Array, labels: Array, shares: Array) -> Array:
    """The share of rows all of whose yes-or-no questions are answered rightly."""
    right = (scores > 0) == (xp.reshape(labels, scores.shape) > 0)
    return xp.sum(shares * xp.astype(xp.all(right, axis=1), shares.dtype))


def r_squared(xp: Any, scores: Array, targets: Array, shares: Array) -> Array:
    """1 − residual over total variance, the mean over the outputs; 0 if a target is constant."""
    targets = xp.reshape(targets, scores.shape)
    # Seen from one of the rows a constant target is exactly zero, and so is its variance.
    apart = targets - targets[:1, :]
    mean = xp.sum(shares[:, None] * apart, axis=0)
    residual = xp.sum(shares[:, None] * (targets - scores) ** 2, axis=0)
    total = xp.sum(shares[:, None] * (apart - mean) ** 2, axis=0)
    varies = total > 0
    ratio = residual / xp.where(varies, total, xp.ones_like(total))
    return xp.mean(xp.where(varies, 1 - ratio, xp.zeros_like(ratio)))


SCORES: dict[str, Callable[..., Array]] = {
    "softmax": accuracy,
    "logistic": all_right,
    "identity": r_squared,
}
