"""Training a perceptron: the first weights, the batches of an epoch, and the epoch itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.kernel import kernel
from accelml.objectives.multilayer_perceptron import (
    Batch,
    Layer,
    MultilayerPerceptron,
    Parameters,
    forward,
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

    def step(learner: Learner, batch: Batches) -> tuple[Learner, Array]:
        rows = data if is_whole else tree_map(lambda x: xp.take(x, batch.index, axis=0), data)
        weights = xp.where(batch.counts, rows.weights, xp.zeros_like(rows.weights))
        rows = rows._replace(weights=weights)
        loss, gradient = model(backend, learner.params, (rows, alpha))
        params, memory = rule.step(backend, learner.params, gradient, learner.memory, settings)
        weight = xp.sum(weights, dtype=xp.float64)
        return Learner(params, memory), xp.stack([loss * weight, weight])

    learner, losses = backend.scan(step, learner, batches)
    total = xp.sum(losses, axis=0)
    return learner, total[0] / total[1]


@kernel(static=("model",))
def evaluate(
    backend: Backend, model: MultilayerPerceptron, params: Parameters, data: Batch
) -> tuple[Array, Array]:
    """The accuracy on ``data``, and whether all parameters are finite."""
    xp = backend.xp
    scores = forward(backend, model.activation, params, data.X)[-1]
    if model.output == "softmax":
        winners = xp.argmax(scores, axis=1)
    else:
        winners = xp.astype(scores[:, 0] > 0, data.labels.dtype)
    correct = xp.astype(winners == data.labels, data.weights.dtype)
    return xp.sum(data.weights * correct) / xp.sum(data.weights), xp.all(xp.isfinite(scores))
