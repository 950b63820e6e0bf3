"""Fused twins of ``accelml/optimize``: one launch for all arrays of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array, Tree
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.optimize.sgd import SGDSettings, sgd_step
from accelml.tree import leaves, tree_map
from accelml_cupy.launch import Source, blocks_for, common_float, contiguous, cpp

OPTIMIZE = Source(
    "optimize.cu",
    (
        *(f"adam_step<{real}>" for real in ("float", "double")),
        *(
            f"sgd_step<{flag}, {real}>"
            for flag in ("false", "true")
            for real in ("float", "double")
        ),
    ),
)
THREADS = 256
MOST_BLOCKS = 2048  # for one array: a few rounds on the largest GPU, and the start-up is repaid
LEAVES_PER_LAUNCH = 32  # as in optimize.cu


@adam_step.register("cupy")
def fused_adam_step(
    backend: Any, params: Tree, gradient: Tree, memory: Moments, settings: AdamSettings
) -> tuple[Tree, Moments]:
    """Parameters, both moments and the number of steps from one launch."""
    trees = (params, gradient, memory.mean, memory.square)
    real = common_type(trees, (*settings, memory.steps))
    if not real:
        return adam_step.generic(backend, params, gradient, memory, settings)
    steps = backend.xp.empty((), dtype=backend.xp.float64)
    scalars = (*settings, memory.steps, steps)
    x, mean, square = step_leaves(backend, f"adam_step<{real}>", trees, 3, scalars)
    return x, Moments(mean, square, steps)


@sgd_step.register("cupy")
def fused_sgd_step(
    backend: Any, nesterov: bool, params: Tree, gradient: Tree, velocity: Tree,
    settings: SGDSettings,
) -> tuple[Tree, Tree]:  # fmt: skip
    """Parameters and velocities from one launch."""
    trees = (params, gradient, velocity)
    real = common_type(trees, settings)
    if not real:
        return sgd_step.generic(backend, nesterov, params, gradient, velocity, settings)
    kernel = f"sgd_step<{'true' if nesterov else 'false'}, {real}>"
    x, velocity = step_leaves(backend, kernel, trees, 2, tuple(settings))
    return x, velocity


def common_type(trees: tuple[Tree, ...], scalars: tuple[Any, ...]) -> str:
    """The type of all leaves, as C++ calls it; empty where a kernel would not fit.

    It fits trees of the same shapes, and scalars that are float64 arrays on the device.
    """
    shapes = {tuple(leaf.shape for leaf in leaves(tree)) for tree in trees}
    are_scalars = all(getattr(x, "shape", None) == () and cpp(x) == "double" for x in scalars)
    return common_float(*leaves(trees)) if len(shapes) == 1 and are_scalars else ""


def step_leaves(
    backend: Any, kernel: str, trees: tuple[Tree, ...], outputs: int, scalars: tuple[Array, ...]
) -> list[Tree]:
    """Launch a step over every leaf of ``trees``, and give back ``outputs`` new trees."""
    xp = backend.xp
    columns = [[contiguous(xp, leaf) for leaf in leaves(tree)] for tree in trees]
    columns += [[xp.empty(x.shape, dtype=x.dtype) for x in columns[0]] for _ in range(outputs)]
    rows = list(zip(*columns, strict=True))
    for start in range(0, len(rows), LEAVES_PER_LAUNCH):
        chunk = rows[start : start + LEAVES_PER_LAUNCH]
        largest = max(row[0].size for row in chunk)
        backend.launch(
            OPTIMIZE,
            kernel,
            (max(1, blocks_for(largest, THREADS, limit=MOST_BLOCKS)), len(chunk)),
            (THREADS,),
            (table(backend, chunk), *scalars),
        )
    return [rebuild(trees[0], column) for column in columns[-outputs:]]


def table(backend: Any, rows: list[tuple[Array, ...]]) -> np.ndarray[Any, Any]:
    """The addresses and the size of every leaf, as the structs of ``optimize.cu`` hold them."""
    entries = np.zeros((LEAVES_PER_LAUNCH, len(rows[0]) + 1), dtype=np.int64)
    for position, row in enumerate(rows):
        entries[position] = [*map(backend.address, row), row[0].size]
    # CuPy passes by value only what has one element, so the table becomes one element of bytes.
    return entries.reshape(-1).view(np.dtype((np.void, entries.nbytes)))


def rebuild(tree: Tree, parts: list[Array]) -> Tree:
    """The parts, in the shape of the tree."""
    remaining = iter(parts)
    return tree_map(lambda _: next(remaining), tree)
