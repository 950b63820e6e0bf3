"""Parameters and states as small trees: arrays inside tuples and ``NamedTuple``s."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from accelml._typing import Array, Tree


def tree_map(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply ``function`` to the arrays at the same place of each tree."""
    if not isinstance(tree, tuple):
        return function(tree, *others)
    parts = [tree_map(function, *branches) for branches in zip(tree, *others, strict=True)]
    return like(tree, parts)


def leaves(tree: Tree) -> Iterator[Array]:
    """The arrays of a tree, in order."""
    if isinstance(tree, tuple):
        for branch in tree:
            yield from leaves(branch)
    else:
        yield tree


def like_leaves(tree: Tree, parts: Iterable[Array]) -> Tree:
    """A tree of the same form as ``tree``, of other arrays."""
    rest = iter(parts)
    return tree_map(lambda _: next(rest), tree)


def names(tree: Tree, prefix: str = "") -> Iterator[str]:
    """What each array of a tree is called, e.g. ``layers[0].weights``."""
    if not isinstance(tree, tuple):
        yield prefix
        return
    fields = getattr(tree, "_fields", None)
    for position, branch in enumerate(tree):
        if fields is None:
            yield from names(branch, f"{prefix}[{position}]")
        else:
            yield from names(branch, f"{prefix}.{fields[position]}" if prefix else fields[position])


def like(tree: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """A tuple of the same kind as ``tree``, of other parts."""
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)


@dataclass(frozen=True)
class Layout:
    """Where each array of a tree lies in one flat vector.

    Solvers that need a single vector (L-BFGS, conjugate gradient) ravel the parameters when they
    start and unravel them wherever the objective wants its own names back. A layout holds shapes
    alone, so it is hashable and static under ``jit``.
    """

    skeleton: Tree
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, tree: Tree) -> Layout:
        """The layout of a tree of arrays."""
        counter = itertools.count()
        skeleton = tree_map(lambda _: next(counter), tree)
        return cls(skeleton, tuple(tuple(leaf.shape) for leaf in leaves(tree)))

    @property
    def size(self) -> int:
        """The number of scalars in the tree."""
        return sum(math.prod(shape) for shape in self.shapes)

    def ravel(self, xp: Any, tree: Tree) -> Array:
        """The arrays of a tree, one after another in one vector of shape ``(size,)``."""
        return xp.concat([xp.reshape(leaf, (-1,)) for leaf in leaves(tree)])

    def unravel(self, xp: Any, vector: Array) -> Tree:
        """The tree again: views of the vector where the library has views."""
        ends = list(itertools.accumulate(math.prod(shape) for shape in self.shapes))
        parts = [
            xp.reshape(vector[end - math.prod(shape) : end], shape)
            for end, shape in zip(ends, self.shapes, strict=True)
        ]
        return tree_map(lambda position: parts[position], self.skeleton)
