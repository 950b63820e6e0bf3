"""An epoch of a small perceptron, whose steps are replayed as a CUDA graph."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array, Tree
from accelml.neural_network.training import Batches, Learner, train_epoch
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import Moments
from accelml.tree import Layout, leaves
from accelml_cupy.launch import Source, blocks_for, common_float, contiguous, cpp, lanes_for
from accelml_cupy.objectives import ACTIVATIONS, CROSS_ENTROPY, FLOATS
from accelml_cupy.optimize import MOST_BLOCKS, OPTIMIZE, table
from accelml_cupy.optimize import THREADS as STEP_THREADS

LABELS = {"float": ("int", "long long", "float"), "double": ("int", "long long", "double")}

TRAINING = Source(
    "training.cu",
    (
        *(
            f"{kernel}<{activation}, {real}>"
            for kernel in ("forward", "backward")
            for activation in ACTIVATIONS.values()
            for real in FLOATS
        ),
        *(f"{kernel}<{real}>" for kernel in ("gradient", "squared_error") for real in FLOATS),
        *(f"next_batch<{real}, {label}>" for real in FLOATS for label in LABELS[real]),
    ),
)
TILE = 32
THREADS = 256

# Operations of one step, up to which launches cost more than cuBLAS would save in the products:
# some 25 launches of 10 microseconds, against 5 to 10 TFLOP/s. To be measured on a GPU.
SMALL_STEP = 2e9


@train_epoch.register("cupy")
def replayed_epoch(
    backend: Any, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree,
) -> tuple[Learner, Array]:  # fmt: skip
    """The first step, launch by launch, and then the others as copies of it."""
    arguments = (model, rule, learner, data, batches, alpha, settings)
    if not is_replayable(*arguments):
        return train_epoch.generic(backend, *arguments)
    epoch = Epoch(backend, *arguments)
    epoch.step()
    backend.repeat(epoch.step, len(batches.index) - 1)
    return epoch.end()


def is_replayable(
    model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner, data: Batch,
    batches: Batches, alpha: Array, settings: Tree,
) -> bool:  # fmt: skip
    """Whether the kernels take all of this, and are worth it."""
    params, (X, labels, weights) = learner.params, data
    memory = vectors_of(rule, learner.memory)
    real = common_float(X, weights, *leaves(params), *leaves(memory))
    if not real or X.size * batches.index.size == 0:
        return False
    steps, rows = batches.index.shape
    sizes = [X.shape[1], *(layer.bias.shape[0] for layer in params)]
    links = list(itertools.pairwise(sizes))
    layout = Layout.of(params)
    return bool(
        (steps, rows) != (1, X.shape[0])  # all rows at once: nothing to repeat
        and 6.0 * rows * sum(a * b for a, b in links) <= SMALL_STEP
        and layout.shapes == tuple(shape for a, b in links for shape in ((a, b), (b,)))
        and all(Layout.of(tree).shapes == layout.shapes for tree in memory)
        and cpp(labels) in labels_of(model, real)
        and is_shaped(model, labels, X.shape[0], sizes[-1])
        and weights.shape == X.shape[:1]
        and X.flags.c_contiguous
        and all(getattr(x, "shape", None) == () and cpp(x) == "double" for x in (alpha, *settings))
    )


def vectors_of(rule: SGD | Adam, memory: Tree) -> tuple[Tree, ...]:
    """The trees that an optimiser remembers: both moments, or the velocity."""
    return tuple(memory[:2]) if isinstance(rule, Adam) else (memory,)


def labels_of(model: MultilayerPerceptron, real: str) -> tuple[str, ...]:
    """What the labels of a loss may be: numbers, or classes."""
    return LABELS[real][2:] if model.output == "identity" else LABELS[real][:2]


def is_shaped(model: MultilayerPerceptron, labels: Array, rows: int, answers: int) -> bool:
    """Whether there is one label for each row, or for each answer to it."""
    one_each: bool = labels.shape == (rows,)
    if model.output == "softmax":
        return one_each
    return bool(labels.shape == (rows, answers) or (one_each and answers == 1))


class Buffers(NamedTuple):
    """What the optimiser changes: trees in one vector each."""

    params: Array
    gradient: Array
    memory: tuple[Array, ...]  # both moments, or the velocity


class Epoch:
    """The buffers of an epoch, and the launches of a step over them.

    A step allocates nothing and asks the device for nothing, and what changes from one to the next
    is kept on the device: so the launches are the same each time.
    """

    def __init__(
        self, backend: Any, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
        data: Batch, batches: Batches, alpha: Array, settings: Tree,
    ) -> None:  # fmt: skip
        xp = backend.xp
        params = learner.params
        self.backend, self.model, self.rule, self.settings = backend, model, rule, settings
        self.X, self.alpha = data.X, alpha
        self.real = cpp(data.X)
        self.sizes = [data.X.shape[1], *(layer.bias.shape[0] for layer in params)]
        self.steps, self.rows = batches.index.shape
        self.layout = Layout.of(params)

        # The labels and weights of every batch, one after another; X stays where it is.
        self.index = contiguous(xp, xp.astype(batches.index, xp.int32, copy=False))
        flat = xp.reshape(self.index, (-1,))
        weights = xp.take(data.weights, flat)
        self.labels = contiguous(xp, xp.take(data.labels, flat, axis=0))
        counts = xp.reshape(batches.counts, (-1,))
        self.weights = xp.where(counts, weights, xp.zeros_like(weights))
        shape = (self.steps, self.rows)
        self.batch_weights = xp.sum(xp.reshape(self.weights, shape), axis=1, dtype=xp.float64)

        self.buffers = Buffers(
            self._held(params),
            self._zeros(self.layout.size),
            tuple(map(self._held, vectors_of(rule, learner.memory))),
        )
        self.activations = [self._zeros(self.rows * size) for size in self.sizes[1:]]
        self.layers = list(itertools.pairwise(self.sizes))
        ends = list(itertools.accumulate((a + 1) * b for a, b in self.layers))
        self.spans = [
            slice(end - (a + 1) * b, end) for end, (a, b) in zip(ends, self.layers, strict=True)
        ]
        self.tiles = [(blocks_for(b, TILE), blocks_for(a + 1, TILE)) for a, b in self.layers]

        self.picked = self._zeros(self.rows, xp.int32)
        self.batch_labels = self._zeros(self.labels.size // self.steps, self.labels.dtype)
        self.row_weights = self._zeros(self.rows)
        self.scale = self._zeros(1)
        self.step_number = self._zeros(1, xp.int64)
        self.total = self._zeros(1, xp.float64)
        self.losses = self._zeros(self.rows, xp.float64)
        self.squares = self._zeros(sum(a * b for a, b in self.tiles), xp.float64)
        self.counts = self._zeros(1, xp.float64), self._zeros(1, xp.float64)
        if isinstance(rule, Adam):
            self.counts[1][...] = learner.memory.steps

    def _held(self, tree: Tree) -> Array:
        """A copy of a tree, in one vector."""
        vector = self.backend.xp.empty(self.layout.size, dtype=self.X.dtype)
        vector[...] = self.layout.ravel(self.backend.xp, tree)
        return vector

    def _zeros(self, size: int, dtype: Any = None) -> Array:
        zeros = self.backend.xp.empty(size, dtype=self.X.dtype if dtype is None else dtype)
        zeros[...] = 0
        return zeros

    def step(self) -> None:
        """Launch one step: the next batch, forward, the loss, backward, the optimiser."""
        self._next_batch()
        for position in range(len(self.layers)):
            self._forward(position)
        self._loss()
        square = 0
        for position in reversed(range(len(self.layers))):
            self._gradient(position, square)
            square += self.tiles[position][0] * self.tiles[position][1]
            if position > 0:
                self._backward(position)
        self._optimise()

    def end(self) -> tuple[Learner, Array]:
        """What was learned, and the mean loss."""
        self._next_batch()  # of which there is none: adds up the loss of the last
        xp = self.backend.xp
        params, *memory = (
            self.layout.unravel(xp, x) for x in (self.buffers.params, *self.buffers.memory)
        )
        kept = memory[0]
        if isinstance(self.rule, Adam):
            kept = Moments(memory[0], memory[1], xp.reshape(self.counts[1], ()))
        loss = xp.reshape(self.total, ()) / xp.sum(self.batch_weights)
        return Learner(params, kept), loss

    def _launch(self, kernel: str, grid: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
        self.backend.launch(TRAINING, kernel, grid, (THREADS,), arguments)

    def _next_batch(self) -> None:
        rows, squares = np.int64(self.rows), np.int64(self.squares.size)
        answers = np.int64(self.batch_labels.size // self.rows)
        self._launch(
            f"next_batch<{self.real}, {cpp(self.labels)}>",
            (1,),
            (self.index, self.labels, self.weights, self.batch_weights, self.losses, self.squares,
             self.alpha, self.picked, self.batch_labels, self.row_weights, self.scale,
             self.step_number, self.total, *self.counts, np.int64(self.steps), rows, answers,
             squares),
        )  # fmt: skip

    def _inputs(self, position: int) -> tuple[Array, Array]:
        """What goes into a layer, and which rows of it, where not all."""
        return (self.activations[position - 1] if position else self.X), self.picked

    def _forward(self, position: int) -> None:
        inputs, outputs = self.layers[position]
        is_last = position == len(self.layers) - 1
        activation = ACTIVATIONS["identity" if is_last else self.model.activation]
        self._launch(
            f"forward<{activation}, {self.real}>",
            (blocks_for(outputs, TILE), blocks_for(self.rows, TILE)),
            (*self._inputs(position), self.buffers.params[self.spans[position]],
             self.activations[position], *map(np.int64, (self.rows, inputs, outputs)),
             np.int32(position == 0)),
        )  # fmt: skip

    def _loss(self) -> None:
        """The loss of each row, and the gradient in the place of the scores."""
        scores, answers = self.activations[-1], self.sizes[-1]
        lanes = lanes_for(answers)
        rows_in_block = THREADS // lanes
        grid, block = (blocks_for(self.rows, rows_in_block),), (lanes, rows_in_block)
        sizes = np.int64(self.rows), np.int64(answers)
        given: tuple[Any, ...] = (scores, self.batch_labels, self.row_weights, self.losses)
        source = CROSS_ENTROPY
        if self.model.output == "identity":
            name, source = f"squared_error<{self.real}>", TRAINING
        else:
            name = f"{self.model.output}_cross_entropy<{self.real}, {cpp(self.labels)}>"
            given = (*given, scores)
        self.backend.launch(source, name, grid, block, (*given, *sizes))

    def _gradient(self, position: int, square: int) -> None:
        inputs, outputs = self.layers[position]
        across, down = self.tiles[position]
        here = self.spans[position]
        self._launch(
            f"gradient<{self.real}>",
            (across, down),
            (*self._inputs(position), self.activations[position], self.buffers.params[here],
             self.alpha, self.scale, self.buffers.gradient[here],
             self.squares[square : square + across * down],
             *map(np.int64, (self.rows, inputs, outputs)), np.int32(position == 0)),
        )  # fmt: skip

    def _backward(self, position: int) -> None:
        inputs, outputs = self.layers[position]
        self._launch(
            f"backward<{ACTIVATIONS[self.model.activation]}, {self.real}>",
            (blocks_for(inputs, TILE), blocks_for(self.rows, TILE)),
            (self.activations[position], self.buffers.params[self.spans[position]],
             self.activations[position - 1], *map(np.int64, (self.rows, inputs, outputs))),
        )  # fmt: skip

    def _optimise(self) -> None:
        """One step of the optimiser, in place: each entry is read before it is written."""
        params, gradient, memory = self.buffers
        row = (params, gradient, *memory, params, *memory)
        scalars = tuple(self.settings)
        if isinstance(self.rule, Adam):
            kernel, scalars = f"adam_step<{self.real}>", (*scalars, *self.counts)
        else:
            nesterov = "true" if self.rule.nesterov else "false"
            kernel = f"sgd_step<{nesterov}, {self.real}>"
        self.backend.launch(
            OPTIMIZE,
            kernel,
            (blocks_for(self.layout.size, STEP_THREADS, limit=MOST_BLOCKS), 1),
            (STEP_THREADS,),
            (table(self.backend, [row]), *scalars),
        )
