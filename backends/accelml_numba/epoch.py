"""An epoch of a perceptron as one compiled loop, which several threads go through side by side.

Of every batch each takes some rows forward and back; then each sums the gradient by the weights of
some inputs of every layer, over all rows, and moves them. They meet twice a batch. Weights lie in
panels of neighbouring outputs (:mod:`accelml_numba.tiles`) as long as the epoch lasts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from accelml._typing import Tree
from accelml.neural_network.training import Batches, Learner
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron, Parameters
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import Moments
from accelml.subnormals import subnormals_as_zero
from accelml_numba.activations import ACTIVATIONS, activate, carry_back
from accelml_numba.barrier import CAN_WAIT, together, wait_for_all
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.cross_entropy import softmax_block
from accelml_numba.layout import (
    GROUP,
    Shape,
    aligned_zeros,
    copy,
    flat,
    group,
    layers_of,
    shape_of,
    transpose,
)  # fmt: skip
from accelml_numba.steps import adam, momentum_step
from accelml_numba.tiles import ROWS, TILE, add_product
from accelml_numba.upcoming import TERMS, multiply, sum_gradient

Floats = np.ndarray[Any, Any]

# Multiply-adds of a batch, forward, that are worth a thread of their own.
A_THREAD = 1e5
# Where a layer is wider, its weights are in no cache, and a matrix library's blocks are the better.
WIDEST = 1024
# Rows that are multiplied by one panel after another while they stay in the cache.
BLOCK = 96


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
    """Whether the loop below does such an epoch, and faster than it goes batch by batch."""
    is_whole = batches.index.shape == (1, len(data.X))
    return (
        CAN_WAIT
        and model.output == "softmax"
        and data.X.flags.c_contiguous
        and not is_whole
        and max(layer.bias.size for layer in params) <= WIDEST
    )


def count_parties(rows: int, sizes: Floats) -> int:
    """How many threads share a batch."""
    threads: int = numba.get_num_threads()
    work = rows * float(sizes[:-1] @ sizes[1:])
    return max(1, min(threads, rows, int(work / A_THREAD)))


def run(
    model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner, data: Batch, batches: Batches,
    alpha: float, settings: Tree,
) -> tuple[Learner, Any]:  # fmt: skip
    """``train_epoch`` on parameters of its own, laid out one after another."""
    dtype = data.X.dtype
    params, memory = learner.params, learner.memory
    shape = shape_of([layer.weights.shape for layer in params], TILE.width(dtype))
    is_adam = isinstance(rule, Adam)
    moving = (memory.mean, memory.square) if is_adam else (memory,)
    x, *moments = (flat(shape, layers) for layers in (params, *moving))
    m, v = moments if is_adam else (moments[0], np.empty(0, dtype))
    steps = float(memory.steps) if is_adam else 0.0
    rate, beta_1, beta_2, epsilon = (*map(float, settings), 0.0, 0.0)[:4]
    numbers = (rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    how = Rule(is_adam, getattr(rule, "nesterov", False), *map(dtype.type, numbers))

    size = batches.index.shape[1]
    parties = count_parties(size, shape.sizes)
    # Of what is filled up, zeros stay zeros.
    units = [aligned_zeros(size * int(shape.padded[1:].sum()), dtype) for _ in range(3)]
    inputs = [aligned_zeros(BLOCK * int(shape.padded[0]), dtype) for _ in range(parties)]
    transposed = aligned_zeros(int(shape.transposed[-1]), dtype)
    gradient = [aligned_zeros(GROUP * shape.width, dtype) for _ in range(parties)]
    grouped = aligned_zeros(size * int(shape.grouped[-1]), dtype)
    losses = np.zeros((parties, 2))
    activation = ACTIVATIONS[model.activation]
    for layer in range(1, len(params)):
        transpose(shape, layer, 0, int(shape.sizes[layer]), x, transposed)

    read = locked(data.X), *map(locked_row, (data.labels, data.weights, *batches))

    def part(number: int, arrived: Floats) -> None:
        arguments: Any = (
            number, parties, arrived, *read, shape, x, m, v, transposed, *units, inputs[number],
            grouped, gradient[number], losses, activation, how, steps, alpha, beta_1, beta_2,
        )  # fmt: skip
        with subnormals_as_zero():
            go_through(*arguments)

    together(part, parties)

    moved = tuple(layers_of(shape, array) for array in (x, m, v)[: 3 if is_adam else 2])
    remembered: Tree = moved[1]
    if is_adam:
        remembered = Moments(moved[1], moved[2], np.asarray(steps + len(batches.index)))
    loss, weight = losses.sum(axis=0)
    return Learner(moved[0], remembered), np.float64(loss) / np.float64(weight)


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
def forward(
    first: int, last: int, size: int, shape: Shape, x: Floats, inputs: Floats, acts: Floats,
    grouped: Floats, activation: int, X: Floats, upcoming: Floats,
) -> None:  # fmt: skip
    """The units of every layer, of some rows, from the inputs; upcoming rows are asked for."""
    width, layers = shape.width, len(shape.weights)
    for layer in range(layers):
        terms, row, length = shape.sizes[layer], shape.padded[layer + 1], shape.padded[layer]
        start, z = shape.weights[layer], size * shape.units[layer + 1]
        a = size * shape.units[layer] + first * length if layer > 0 else 0
        bias = x[start + terms * row : start + (terms + 1) * row]
        scores = acts[z + first * row : z + last * row]
        for r in range(0, scores.size, row):
            scores[r : r + row] = bias
        turn, turns = 0, -(-(last - first) // ROWS) * (row // width)
        asked = upcoming if layer == 0 else upcoming[:0]
        for panel in range(row // width):
            turn = multiply(
                acts if layer > 0 else inputs, a, length, last - first,
                x, start + panel * terms * width, terms,
                acts, z + first * row + panel * width, row, X, asked, turn, turns,
            )  # fmt: skip
        if layer < layers - 1:
            activate(activation, scores)
            units = shape.sizes[layer + 1]
            for r in range(first, last):
                unit = acts[z + r * row : z + r * row + units]
                group(unit, grouped[size * shape.grouped[layer + 1] :], r, size)


@compiled
def lay_out(delta: Floats, first: int, last: int, panels: Floats) -> None:
    """The δ of some rows, (rows, panels, width), in panels, (panels, rows, width)."""
    for r in range(first, last):
        for panel in range(panels.shape[0]):
            for j in range(panels.shape[2]):
                panels[panel, r, j] = delta[r, panel, j]


@compiled
def backward(
    first: int, last: int, size: int, shape: Shape, transposed: Floats, acts: Floats,
    deltas: Floats, panels: Floats, activation: int,
) -> None:  # fmt: skip
    """The δ of every layer, of some rows, from that of the last one."""
    width, layers = shape.width, len(shape.weights)
    for layer in range(layers, 0, -1):
        row, start = shape.padded[layer], size * shape.units[layer]
        begin, end = start + first * row, start + last * row
        if layer < layers:
            outputs, length = shape.sizes[layer + 1], shape.padded[layer + 1]
            deltas[begin:end] = 0
            for panel in range(row // width):
                add_product(
                    deltas, size * shape.units[layer + 1] + first * length, length, 1,
                    last - first, transposed,
                    shape.transposed[layer] + panel * outputs * width, outputs,
                    deltas, begin + panel * width, row,
                )  # fmt: skip
            carry_back(activation, acts[begin:end], deltas[begin:end])
        of_layer = slice(start, start + size * row)
        lay_out(
            deltas[of_layer].reshape(size, row // width, width), first, last,
            panels[of_layer].reshape(row // width, size, width),
        )  # fmt: skip


@compiled
def learn_rows(
    X: Floats, labels: Floats, weights: Floats, index: Floats, counts: Floats, first: int,
    last: int, divisor: float, shape: Shape, x: Floats, transposed: Floats, acts: Floats,
    deltas: Floats, panels: Floats, inputs: Floats, grouped: Floats, activation: int,
    upcoming: Floats,
) -> float:  # fmt: skip
    """Take rows ``first`` to ``last`` of a batch forward and back, and return their loss."""
    size, layers, d, row = len(index), len(shape.weights), X.shape[1], shape.padded[0]
    answers, weight = np.empty(last - first, labels.dtype), np.empty(last - first, X.dtype)
    for r in range(first, last):
        i = index[r]
        answers[r - first] = labels[i]
        weight[r - first] = weights[i] if counts[r] else X.dtype.type(0)
        here = (r - first) * row
        copy(X[i], 0, inputs, here, d)
        group(inputs[here : here + d], grouped, r, size)
    forward(first, last, size, shape, x, inputs, acts, grouped, activation, X, upcoming)

    outputs, row = shape.sizes[layers], shape.padded[layers]
    start = size * shape.units[layers]
    scores = np.empty((outputs, last - first), X.dtype)
    for r in range(last - first):
        for j in range(outputs):
            scores[j, r] = acts[start + (first + r) * row + j]
    loss = softmax_block(scores, answers, weight, 0)
    scale = X.dtype.type(1 / divisor)
    for r in range(last - first):
        for j in range(outputs):
            deltas[start + (first + r) * row + j] = scores[j, r] * scale
    backward(first, last, size, shape, transposed, acts, deltas, panels, activation)
    return loss


@compiled
def move_bias(
    first: int, last: int, size: int, row: int, start: int, x: Floats, m: Floats, v: Floats,
    deltas: Floats, delta: int, rate: float, rule: Rule,
) -> None:  # fmt: skip
    """Sum the gradient by some entries of a bias, and move them."""
    gradient = np.zeros(last - first, x.dtype)
    for r in range(size):
        add(deltas[delta + r * row + first : delta + r * row + last], gradient)
    move(x, m, v, start + first, start + last, gradient, x.dtype.type(0), rate, rule)


@compiled
def add(x: Floats, total: Floats) -> None:
    """Add one array to another."""
    for j in range(x.size):
        total[j] += x[j]


@compiled
def move_inputs(
    part: int, parties: int, size: int, shape: Shape, x: Floats, m: Floats, v: Floats,
    transposed: Floats, deltas: Floats, panels: Floats, grouped: Floats, scratch: Floats,
    decay: float, rate: float, rule: Rule, X: Floats, upcoming: Floats,
) -> float:  # fmt: skip
    """Sum the gradient by the weights of some inputs of every layer, and move them; Σ W² before.

    Rows of X that come up in the next batch are asked for meanwhile.
    """
    square, width = 0.0, shape.width
    for layer in range(len(shape.weights)):
        inputs, row = shape.sizes[layer], shape.padded[layer + 1]
        start, delta = shape.weights[layer], size * shape.units[layer + 1]
        groups, columns = -(-inputs // GROUP), row // width
        first = min(inputs, groups * part // parties * GROUP)
        last = min(inputs, groups * (part + 1) // parties * GROUP)
        # A row with each tile, or none.
        asked = upcoming if layer == 0 else upcoming[:0]
        turn, turns = 0, -(-(last - first) // ROWS) * columns * -(-size // TERMS)
        for i in range(first, last, GROUP):
            count = min(GROUP, last - i)
            for panel in range(columns):
                begin = start + (panel * inputs + i) * width
                after = begin + inputs * width
                if panel == columns - 1:
                    after = start + (i + GROUP) * width
                gradient = scratch[: count * width]
                turn = sum_gradient(
                    size, width, count, grouped, size * (shape.grouped[layer] + i),
                    panels, delta + panel * size * width, gradient, (x, m, v), after,
                    X, asked, turn, turns,
                )  # fmt: skip
                square += move(x, m, v, begin, begin + count * width, gradient, decay, rate, rule)
        if layer > 0:
            transpose(shape, layer, first, last, x, transposed)
        move_bias(
            columns * part // parties * width, columns * (part + 1) // parties * width, size, row,
            start + inputs * row, x, m, v, deltas, delta, rate, rule,
        )  # fmt: skip
    return square


@compiled
def go_through(
    part: int, parties: int, arrived: Floats, X: Floats, labels: Floats, weights: Floats,
    index: Floats, counts: Floats, shape: Shape, x: Floats, m: Floats, v: Floats,
    transposed: Floats, acts: Floats, deltas: Floats, panels: Floats, inputs: Floats,
    grouped: Floats, scratch: Floats, losses: Floats, activation: int, rule: Rule, steps: float,
    alpha: float, beta_1: float, beta_2: float,
) -> None:  # fmt: skip
    """One thread's share of every batch; adds to its loss and to the weight of the rows."""
    batches, size = index.shape
    first, last = size * part // parties, size * (part + 1) // parties
    for batch in range(batches):
        weight = 0.0
        for r in range(size):
            weight += weights[index[batch, r]] if counts[batch, r] else 0.0
        divisor = weight if weight > 0 else 1.0
        loss = 0.0
        for r in range(first, last, BLOCK):
            after = min(last, r + BLOCK)
            loss += learn_rows(
                X, labels, weights, index[batch], counts[batch], r, after, divisor,
                shape, x, transposed, acts, deltas, panels, inputs, grouped, activation,
                index[batch, after : min(last, after + BLOCK)],
            )  # fmt: skip
        if not wait_for_all(arrived, parties, 2 * batch + 1):
            return
        steps += 1
        rate = rule.rate
        if rule.is_adam:
            rate *= x.dtype.type(np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps))
        decay = x.dtype.type(alpha / divisor)
        upcoming = index[min(batch + 1, batches - 1), first : min(last, first + BLOCK)]
        square = move_inputs(
            part, parties, size, shape, x, m, v, transposed, deltas, panels, grouped, scratch,
            decay, rate, rule, X, upcoming,
        )  # fmt: skip
        losses[part, 0] += (loss + alpha / 2 * square) / divisor * weight
        losses[part, 1] += weight / parties
        if not wait_for_all(arrived, parties, 2 * batch + 2):
            return
