"""An epoch of a perceptron as one compiled loop, which several threads go through side by side.

Of every batch each takes some rows forward and back; then each sums the gradient by the weights of
some inputs of every layer, over all rows, and moves them. They meet twice a batch.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numba
import numpy as np

from accelml._typing import Tree
from accelml.neural_network.training import Batches, Learner
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron, Parameters
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import Moments
from accelml.tree import leaves
from accelml_numba.barrier import CAN_WAIT, together, wait_for_all
from accelml_numba.compilation import compiled
from accelml_numba.linear_classifier import softmax_block
from accelml_numba.steps import adam, momentum_step
from accelml_numpy.threads import one_thread_each

Floats = np.ndarray[Any, Any]

ACTIVATIONS = {"identity": 0, "relu": 1, "tanh": 2, "logistic": 3}
# Rows of a batch that are worth a thread of their own.
ROWS_A_THREAD = 32
MOST_ROWS, UNITS_A_ROW = 512, 8


class Shape(NamedTuple):
    """Where the arrays of each layer lie in flat ones."""

    sizes: Floats  # (layers + 1,) units
    weights: Floats  # (layers,) where the weights begin, and after them the bias
    units: Floats  # (layers + 1,) where the units begin, of one row


class Rule(NamedTuple):
    """How to move, in numbers of the dtype of the parameters."""

    is_adam: bool
    nesterov: bool
    rate: Any
    keep_1: Any  # β₁, or the momentum of SGD
    take_1: Any  # 1 − β₁ before rounding
    keep_2: Any
    take_2: Any
    epsilon: Any


def fits(model: MultilayerPerceptron, data: Batch, batches: Batches, params: Parameters) -> bool:
    """Whether the loop below does such an epoch, and does it faster than one batch after another.

    With few rows for each unit, a thread spends its time on laying out weights for the product;
    with many rows, a matrix library shares out one product better than two threads do two.
    """
    rows = batches.index.shape[1]
    is_whole = batches.index.shape == (1, len(data.X))
    widest = max(layer.bias.size for layer in params)
    return (
        CAN_WAIT
        and model.output == "softmax"
        and data.X.flags.c_contiguous
        and not is_whole
        and rows <= MOST_ROWS
        and rows // count_parties(rows) * UNITS_A_ROW >= widest
    )


def count_parties(rows: int) -> int:
    """How many threads share the rows of a batch."""
    threads: int = numba.get_num_threads()
    return max(1, min(threads, rows // ROWS_A_THREAD))


def run(
    model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner, data: Batch, batches: Batches,
    alpha: float, settings: Tree,
) -> tuple[Learner, Any]:  # fmt: skip
    """``train_epoch`` on parameters of its own, laid out one after another."""
    dtype = data.X.dtype
    params, memory = learner.params, learner.memory
    shape = shape_of([layer.weights.shape for layer in params])
    is_adam = isinstance(rule, Adam)
    moving = (memory.mean, memory.square) if is_adam else (memory,)
    x, *moments = (flat(tree) for tree in (params, *moving))
    m, v = moments if is_adam else (moments[0], np.empty(0, dtype))
    steps = float(memory.steps) if is_adam else 0.0
    rate, beta_1, beta_2, epsilon = (*map(float, settings), 0.0, 0.0)[:4]
    numbers = (rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    how = Rule(is_adam, getattr(rule, "nesterov", False), *map(dtype.type, numbers))

    size = batches.index.shape[1]
    parties = count_parties(size)
    units = np.empty((2, size * int(shape.sizes.sum())), dtype)
    gradient = np.empty((parties, largest_share(shape.sizes, size, parties)), dtype)
    losses = np.zeros((parties, 2))
    activation = ACTIVATIONS[model.activation]

    def part(number: int, arrived: Floats) -> None:
        arguments: Any = (
            number, parties, arrived, data.X, data.labels, data.weights, *batches, shape, x, m, v,
            units, gradient, losses, activation, how, steps, alpha, beta_1, beta_2,
        )  # fmt: skip
        go_through(*arguments)

    with one_thread_each():
        together(part, parties)

    moved = tuple(layers_of(shape, array) for array in (x, m, v)[: 3 if is_adam else 2])
    remembered: Tree = moved[1]
    if is_adam:
        remembered = Moments(moved[1], moved[2], np.asarray(steps + len(batches.index)))
    loss, weight = losses.sum(axis=0)
    return Learner(moved[0], remembered), np.float64(loss) / np.float64(weight)


def shape_of(layers: list[tuple[int, ...]]) -> Shape:
    """The layout of layers of such weights."""
    sizes = [layers[0][0], *(outputs for _, outputs in layers)]
    lengths = [inputs * outputs + outputs for inputs, outputs in layers]
    starts = [0, *itertools.accumulate(lengths)][:-1]
    units = [0, *itertools.accumulate(sizes)][:-1]
    return Shape(*(np.array(part, np.int64) for part in (sizes, starts, units)))


def largest_share(sizes: Floats, rows: int, parties: int) -> int:
    """Room for a thread's inputs of any layer, and for the gradient by their weights."""
    share = [
        (rows + int(outputs)) * -(-int(inputs) // parties)
        for inputs, outputs in itertools.pairwise(sizes)
    ]
    return max(share)


def flat(tree: Tree) -> Floats:
    """The arrays of a tree in one, which is a copy."""
    return np.concatenate([np.ravel(leaf) for leaf in leaves(tree)])


def layers_of(shape: Shape, x: Floats) -> tuple[Layer, ...]:
    """The layers again, as views."""
    layers = []
    for start, inputs, outputs in zip(
        shape.weights, shape.sizes[:-1], shape.sizes[1:], strict=True
    ):
        middle = start + inputs * outputs
        layers.append(Layer(x[start:middle].reshape(inputs, outputs), x[middle : middle + outputs]))
    return tuple(layers)


@compiled
def activate(activation: int, z: Floats, bias: Floats) -> None:
    """Replace scores without their bias by their activation."""
    one, half = z.dtype.type(1), z.dtype.type(0.5)
    for r in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[r, j] += bias[j]
        if activation == 1:
            for j in range(z.shape[1]):
                z[r, j] = max(z[r, j], z.dtype.type(0))
        elif activation == 2:
            for j in range(z.shape[1]):
                z[r, j] = np.tanh(z[r, j])
        elif activation == 3:
            for j in range(z.shape[1]):
                z[r, j] = half * (one + np.tanh(half * z[r, j]))


@compiled
def carry_back(activation: int, a: Floats, delta: Floats) -> None:
    """Multiply δ by the slope of the activation, which is known from the activation."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    for r in range(a.shape[0]):
        if activation == 1:
            for j in range(a.shape[1]):
                delta[r, j] = delta[r, j] if a[r, j] > zero else zero
        elif activation == 2:
            for j in range(a.shape[1]):
                delta[r, j] *= one - a[r, j] * a[r, j]
        elif activation == 3:
            for j in range(a.shape[1]):
                delta[r, j] *= a[r, j] * (one - a[r, j])


@compiled
def matrix(x: Floats, start: int, rows: int, columns: int) -> Floats:
    """A part of a vector as a matrix."""
    return x[start : start + rows * columns].reshape(rows, columns)


@compiled
def move(
    x: Floats, m: Floats, v: Floats, start: int, stop: int, g: Floats, decay: float, rate: float,
    rule: Rule,
) -> float:  # fmt: skip
    """Move neighbouring entries by their gradient; Σ x² before that, where there is a decay."""
    if rule.is_adam:
        return adam(
            x[start:stop], g, m[start:stop], v[start:stop], decay, rate, rule.keep_1, rule.take_1,
            rule.keep_2, rule.take_2, rule.epsilon,
        )  # fmt: skip
    return momentum_step(x[start:stop], g, m[start:stop], decay, rate, rule.keep_1, rule.nesterov)


@compiled
def learn_rows(
    X: Floats, labels: Floats, weights: Floats, index: Floats, counts: Floats, first: int,
    last: int, divisor: float, shape: Shape, x: Floats, acts: Floats, deltas: Floats,
    activation: int,
) -> float:  # fmt: skip
    """Take rows ``first`` to ``last`` of a batch forward and back, and return their loss."""
    size, layers = len(index), len(shape.weights)
    answers, weight = np.empty(last - first, labels.dtype), np.empty(last - first, X.dtype)
    d = X.shape[1]
    for r in range(first, last):
        i = index[r]
        answers[r - first] = labels[i]
        weight[r - first] = weights[i] if counts[r] else X.dtype.type(0)
        for j in range(d):
            acts[r * d + j] = X[i, j]
    for layer in range(layers):
        inputs, outputs = shape.sizes[layer], shape.sizes[layer + 1]
        start = shape.weights[layer]
        a = matrix(acts, size * shape.units[layer], size, inputs)[first:last]
        z = matrix(acts, size * shape.units[layer + 1], size, outputs)[first:last]
        np.dot(a, matrix(x, start, inputs, outputs), z)
        bias = x[start + inputs * outputs : start + (inputs + 1) * outputs]
        activate(activation if layer < layers - 1 else 0, z, bias)
    outputs = shape.sizes[layers]
    scores = matrix(acts, size * shape.units[layers], size, outputs)[first:last]
    delta = matrix(deltas, size * shape.units[layers], size, outputs)[first:last]
    delta[:] = scores
    loss = softmax_block(delta, answers, weight, 0)
    scale = X.dtype.type(1 / divisor)
    for r in range(last - first):
        for j in range(outputs):
            delta[r, j] *= scale
    for layer in range(layers - 1, 0, -1):
        inputs, outputs = shape.sizes[layer], shape.sizes[layer + 1]
        a = matrix(acts, size * shape.units[layer], size, inputs)[first:last]
        delta = matrix(deltas, size * shape.units[layer + 1], size, outputs)[first:last]
        before = matrix(deltas, size * shape.units[layer], size, inputs)[first:last]
        np.dot(delta, matrix(x, shape.weights[layer], inputs, outputs).T, before)
        carry_back(activation, a, before)
    return loss


@compiled
def move_inputs(
    part: int, parties: int, size: int, shape: Shape, x: Floats, m: Floats, v: Floats,
    acts: Floats, deltas: Floats, scratch: Floats, decay: float, rate: float, rule: Rule,
) -> float:  # fmt: skip
    """Sum the gradient by the weights of some inputs of every layer, and move them; Σ W² before.

    Those of neighbouring inputs lie together. Of neighbouring outputs, threads would write next to
    each other, and pass the cache lines to and fro.
    """
    square, zero = 0.0, x.dtype.type(0)
    for layer in range(len(shape.weights)):
        inputs, outputs = shape.sizes[layer], shape.sizes[layer + 1]
        start = shape.weights[layer]
        a = matrix(acts, size * shape.units[layer], size, inputs)
        delta = matrix(deltas, size * shape.units[layer + 1], size, outputs)
        first, last = inputs * part // parties, inputs * (part + 1) // parties
        if last > first:
            mine = matrix(scratch, 0, size, last - first)
            for r in range(size):
                for j in range(last - first):
                    mine[r, j] = a[r, first + j]
            gradient = matrix(scratch, mine.size, last - first, outputs)
            np.dot(mine.T, delta, gradient)
            begin, end = start + first * outputs, start + last * outputs
            square += move(x, m, v, begin, end, gradient.reshape(-1), decay, rate, rule)
        if part == parties - 1:
            sums, by_bias = np.zeros(outputs), np.empty(outputs, x.dtype)
            for r in range(size):
                for j in range(outputs):
                    sums[j] += delta[r, j]
            by_bias[:] = sums
            begin = start + inputs * outputs
            move(x, m, v, begin, begin + outputs, by_bias, zero, rate, rule)
    return square


@compiled
def go_through(
    part: int, parties: int, arrived: Floats, X: Floats, labels: Floats, weights: Floats,
    index: Floats, counts: Floats, shape: Shape, x: Floats, m: Floats, v: Floats, units: Floats,
    scratch: Floats, losses: Floats, activation: int, rule: Rule, steps: float, alpha: float,
    beta_1: float, beta_2: float,
) -> None:  # fmt: skip
    """One thread's share of every batch; adds to its loss and to the weight of the rows."""
    batches, size = index.shape
    acts, deltas = units[0], units[1]
    first, last = size * part // parties, size * (part + 1) // parties
    for batch in range(batches):
        weight = 0.0
        for r in range(size):
            weight += weights[index[batch, r]] if counts[batch, r] else 0.0
        divisor = weight if weight > 0 else 1.0
        loss = learn_rows(
            X, labels, weights, index[batch], counts[batch], first, last, divisor, shape, x, acts,
            deltas, activation,
        )  # fmt: skip
        if not wait_for_all(arrived, parties, 2 * batch + 1):
            return
        steps += 1
        rate = rule.rate
        if rule.is_adam:
            rate *= x.dtype.type(np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps))
        decay = x.dtype.type(alpha / divisor)
        square = move_inputs(
            part, parties, size, shape, x, m, v, acts, deltas, scratch[part], decay, rate, rule
        )
        losses[part, 0] += (loss + alpha / 2 * square) / divisor * weight
        losses[part, 1] += weight / parties
        if not wait_for_all(arrived, parties, 2 * batch + 2):
            return
