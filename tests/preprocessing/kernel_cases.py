"""Awkward arguments for the kernels of preprocessing."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from accelml.preprocessing.standardisation import Standard
from tests.kernel_cases import Case, laid_out

# Rows and columns; the last two are more than one block of rows.
SHAPES = [(9, 3), (1, 4), (6, 1), (20_000, 20), (40_000, 3)]


@laid_out
def statistics_cases(rng):
    for n, d in SHAPES:
        X = rng.standard_normal((n, d))
        weights = rng.random(n) + 0.1
        weights[1::3] = 0
        yield f"{n, d}", (X, weights)
        X = np.where(rng.random((n, d)) < 0.2, np.nan, X)
        X[: n // 2, 0] = np.nan
        yield f"{n, d}, some missing", (X, weights)
    yield "all missing", (np.full((4, 2), np.nan), np.ones(4))
    yield "no weight", (rng.standard_normal((4, 2)), np.zeros(4))
    yield "constant", (np.full((5, 2), 0.1), np.ones(5))
    # Two blocks, the first without weight, the second with a feature that begins there.
    X, weights = rng.standard_normal((40_000, 20)), np.ones(40_000)
    X[:30_000, 1] = np.nan
    weights[:25_000] = 0
    yield "late start", (X, weights)
    yield "long", (rng.standard_normal((110_001, 20)) + 5, rng.random(110_001))


def standard_of(rng, d):
    near, rest, scale = rng.standard_normal((3, d))
    return Standard(near, 1e-3 * rest, np.abs(scale) + 0.1)


@laid_out
def standardise_cases(rng):
    for n, d in SHAPES:
        yield f"{n, d}", (rng.standard_normal((n, d)), standard_of(rng, d))
    X, standard = rng.standard_normal((4, 2)), standard_of(rng, 2)
    yield "nothing rounded", (X, standard._replace(rest=np.zeros(2)))
    yield "missing", (np.where(X > 0, X, np.nan), standard)


@laid_out
def polynomial_basis_cases(rng):
    kinds = itertools.product((False, True), (False, True), ("C", "F"))
    for interaction_only, include_bias, order in kinds:
        for low, high in [(0, 3), (2, 3), (1, 1), (4, 4)]:
            options = (low, high, interaction_only, include_bias, order)
            yield f"{options}", (rng.standard_normal((7, 3)), *options)
    for n, d in SHAPES:
        yield f"{n, d}", (rng.standard_normal((n, d)), 0, 2, False, True, "C")
        yield f"{n, d}, by columns", (rng.standard_normal((n, d)), 2, 2, False, True, "F")
    yield "constant alone", (rng.standard_normal((3, 2)), 0, 0, False, True, "C")


@laid_out
def sinusoids_cases(rng):
    for degree, cosine, include in itertools.product((1, 4), (False, True), (False, True)):
        yield f"{degree, cosine, include}", (rng.standard_normal((6, 3)), degree, cosine, include)


KERNEL_CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "accelml.preprocessing.moments.statistics": statistics_cases,
    "accelml.preprocessing.standardisation.standardise": standardise_cases,
    "accelml.preprocessing.standardisation.unstandardise": standardise_cases,
    "accelml.preprocessing.polynomial_basis.polynomial_basis": polynomial_basis_cases,
    "accelml.preprocessing.sinusoid_features.sinusoids": sinusoids_cases,
}
