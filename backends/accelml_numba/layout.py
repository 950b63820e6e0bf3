"""Where the weights and the units of a perceptron lie in flat arrays, as long as an epoch lasts.

Weights lie in panels of neighbouring outputs, see :mod:`accelml_numba.tiles`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accelml.objectives.multilayer_perceptron import Layer
from accelml_numba.compilation import compiled
from accelml_numba.panels import transposed
from accelml_numba.tiles import INDEX, TILE, from_panels, in_panels

Floats = np.ndarray[Any, Any]

# Inputs whose gradients are summed together; a multiple of the rows of every tile.
GROUP = 24


class Shape(NamedTuple):
    """Where the arrays of each layer lie in flat ones."""

    width: int  # columns of a panel
    sizes: Floats  # (layers + 1,) units
    padded: Floats  # (layers + 1,) the same, filled up to whole panels
    weights: Floats  # (layers,) where the panels of W begin, and after them the bias
    transposed: Floats  # (layers + 1,) where the panels of Wᵀ begin, and where they end
    units: Floats  # (layers + 1,) where the units begin, of one row; the inputs lie elsewhere
    grouped: Floats  # (layers + 1,) where the units begin that lie in groups, and where they end


def shape_of(layers: list[tuple[int, ...]], width: int) -> Shape:
    """The layout of layers of such weights."""
    sizes = np.array([layers[0][0], *(outputs for _, outputs in layers)])
    padded = -(-sizes // width) * width
    lengths = (sizes[:-1] + 1) * padded[1:]
    backwards = sizes[1:] * padded[:-1]
    backwards[0] = 0  # nobody asks for the δ of the inputs
    groups = -(-sizes[:-1] // GROUP) * GROUP
    units = padded * (np.arange(len(padded)) > 0)
    starts = [
        np.concatenate([[0], np.cumsum(part)]) for part in (lengths, backwards, units, groups)
    ]
    return Shape(width, sizes, padded, starts[0][:-1], starts[1], starts[2][:-1], starts[3])


def aligned_zeros(size: int, dtype: Any) -> Floats:
    """Of cache lines of their own."""
    line = 64 // dtype.itemsize
    array = np.zeros(size + line, dtype)
    start = -(array.ctypes.data // dtype.itemsize) % line
    return array[start : start + size]


def flat(shape: Shape, layers: Any) -> Floats:
    """The arrays of layers in one, in panels, which is a copy."""
    parts = [
        part.ravel()
        for layer in layers
        for part in (in_panels(layer.weights), in_panels(layer.bias[None]))
    ]
    x = aligned_zeros(sum(part.size for part in parts), parts[0].dtype)
    np.concatenate(parts, out=x)
    return x


def layers_of(shape: Shape, x: Floats) -> tuple[Layer, ...]:
    """The layers again."""
    layers = []
    for start, inputs, outputs, padded in zip(
        shape.weights, shape.sizes[:-1], shape.sizes[1:], shape.padded[1:], strict=True
    ):
        middle = start + inputs * padded
        panels = x[start:middle].reshape(-1, inputs, shape.width)
        layers.append(Layer(from_panels(panels, outputs), x[middle : middle + outputs].copy()))
    return tuple(layers)


@compiled
def transpose(shape: Shape, layer: int, first: int, last: int, x: Floats, out: Floats) -> None:
    """Lay the columns ``first`` to ``last`` of a layer's Wᵀ out in panels."""
    width, inputs, outputs = shape.width, shape.sizes[layer], shape.sizes[layer + 1]
    begin, end = shape.weights[layer], shape.transposed[layer]
    lanes = width // TILE.vectors
    rows = outputs - outputs % lanes
    # Squares of whole vectors, and one by one what is beside them.
    i = first
    while i < last:
        is_square = i % lanes == 0 and i + lanes <= last
        columns = lanes if is_square else min(lanes - i % lanes, last - i)
        for j in range(0, rows if is_square else 0, lanes):
            transpose_square(
                x, begin + (j // width * inputs + i) * width + j % width, out,
                end + (i // width * outputs + j) * width + i % width, width,
            )  # fmt: skip
        for j in range(rows if is_square else 0, outputs):
            source = begin + (j // width * inputs + i) * width + j % width
            target = end + (i // width * outputs + j) * width + i % width
            for c in range(columns):
                out[target + c] = x[source + c * width]
        i += columns


@intrinsic
def transpose_square(typing: Any, source: Any, a: Any, target: Any, b: Any, step: Any) -> Any:
    """Transpose as many rows as a vector has numbers, of so many, ``step`` entries apart."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, a, target, b, step = arguments
        kind = signature.args[0].dtype
        lanes = TILE.size * 8 // kind.bitwidth
        vector = ir.VectorType(context.get_data_type(kind), lanes).as_pointer()

        def rows(array: Any, number: int, entry: Any) -> list[Any]:
            data = context.make_array(signature.args[number])(context, builder, array).data
            starts = [builder.add(entry, builder.mul(step, INDEX(r))) for r in range(lanes)]
            return [builder.bitcast(builder.gep(data, [start]), vector) for start in starts]

        size = kind.bitwidth // 8
        read = [builder.load(place, align=size) for place in rows(source, 0, a)]
        for value, place in zip(transposed(builder, read), rows(target, 2, b), strict=True):
            builder.store(value, place, align=size)
        return context.get_dummy_value()

    size = types.intp
    return types.void(source, size, target, size, size), generate


@intrinsic
def copy(typing: Any, x: Any, first: Any, out: Any, place: Any, count: Any) -> Any:
    """Copy neighbouring entries from one flat array to another, which share no memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, first, target, place, count = arguments
        kinds = signature.args
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(64)
        ends = [
            builder.bitcast(
                builder.gep(context.make_array(kind)(context, builder, array).data, [start]), byte
            )
            for kind, array, start in ((kinds[2], target, place), (kinds[0], source, first))
        ]
        size = builder.mul(count, number(kinds[0].dtype.bitwidth // 8))
        wanted = ir.FunctionType(ir.VoidType(), [byte, byte, number, ir.IntType(1)])
        run = cgutils.get_or_insert_function(builder.module, wanted, "llvm.memcpy.p0.p0.i64")
        builder.call(run, [*ends, size, ir.IntType(1)(0)])
        return context.get_dummy_value()

    return types.void(x, types.intp, out, types.intp, types.intp), generate


@compiled
def group(x: Floats, grouped: Floats, r: int, size: int) -> None:
    """Lay one of ``size`` rows out in groups, (groups, size, GROUP)."""
    whole = x.size - x.size % GROUP
    for first in range(0, whole, GROUP):
        copy(x, first, grouped, first * size + r * GROUP, GROUP)
    copy(x, whole, grouped, whole * size + r * GROUP, x.size - whole)
