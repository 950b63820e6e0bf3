"""The monomials of some degrees, each the product of an earlier one and a feature.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


class Level(NamedTuple):
    """How the terms of one degree come from those of one degree less.

    Attributes
    ----------
    starts : tuple of int
        Feature ``f`` multiplies the terms from ``starts[f]`` on.
    size : int
        The number of terms of one degree less.
    """

    starts: tuple[int, ...]
    size: int


@functools.lru_cache(maxsize=64)
def levels(n_features: int, max_degree: int, interaction_only: bool) -> tuple[Level, ...]:
    """The levels of degree 2 to ``max_degree``.

    The terms of a degree are sorted by their first feature. The next degree has, for each feature
    in turn, its products with all terms whose first feature is no earlier than it (or, with
    ``interaction_only``, is later), so that each product is made once, and they are sorted again.
    """
    found: list[Level] = []
    first, size = list(range(n_features + 1)), n_features  # where the terms led by f begin
    for _ in range(2, max_degree + 1):
        starts = first[interaction_only:][:n_features]
        found.append(Level(tuple(starts), size))
        first = list(itertools.accumulate((size - start for start in starts), initial=0))
        size = first[-1]
    return tuple(found)


def count_terms(n_features: int, degree: int, interaction_only: bool) -> int:
    """How many terms have degree 1 to ``degree``."""
    if interaction_only:
        return sum(math.comb(n_features, k) for k in range(1, degree + 1))
    return math.comb(n_features + degree, degree) - 1


@kernel(static=("min_degree", "max_degree", "interaction_only", "include_bias", "order"))
def polynomial_basis(
    backend: Backend,
    X: Array,
    min_degree: int,
    max_degree: int,
    interaction_only: bool,
    include_bias: bool,
    order: str,
) -> Array:
    """Every product of features whose degree lies in a range.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
    min_degree, max_degree : int
        The range; the constant term is there by ``include_bias`` alone.
    interaction_only : bool
        Whether to leave out products that have a feature twice.
    include_bias : bool
        Whether the first column is the constant 1.
    order : {"C", "F"}
        How the result is best laid out, where the library leaves a choice.

    Returns
    -------
    array of shape (n, n_terms)
        Sorted by degree, then by the features in them.
    """
    xp = backend.xp
    columns = [xp.ones((X.shape[0], 1), dtype=X.dtype)] if include_bias else []
    level = X
    steps = levels(X.shape[1], max_degree, interaction_only)
    for degree in range(1, max_degree + 1):
        if degree > 1:
            starts, size = steps[degree - 2]
            widths = [size - start for start in starts]
            features = np.repeat(np.arange(X.shape[1]), widths)
            terms = np.concatenate([np.arange(start, size) for start in starts])
            level = xp.take(X, xp.asarray(features), axis=1) * xp.take(
                level, xp.asarray(terms), axis=1
            )
        if degree >= min_degree:
            columns.append(level)
    return xp.concat(columns, axis=1)
