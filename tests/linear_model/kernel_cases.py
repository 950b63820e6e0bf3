"""Awkward arguments for the kernels of linear models."""

from collections.abc import Callable, Iterator

import numpy as np

from accelml.objectives.linear_classifier import Linear
from tests.kernel_cases import Case, laid_out

# Rows, features and targets; the last is more than one block of rows on a CPU.
SHAPES = [(9, 3, 1), (1, 4, 2), (6, 1, 1), (3, 8, 2), (40_000, 5, 1)]


def rows_of(rng, n, d, t):
    weights = rng.random(n) + 0.1
    weights[1::3] = 0
    return rng.standard_normal((n, d)), rng.standard_normal((n, t)), weights


def float64_cases(make: Callable[..., Iterator[Case]]) -> Callable[[], Iterator[Case]]:
    """Each case in every layout with float32 and float64 ``X``; what is summed is float64."""
    laid = laid_out(make)

    def cases() -> Iterator[Case]:
        for label, (X, *rest) in laid():
            summed = [part.astype("f8") if isinstance(part, np.ndarray) else part for part in rest]
            # The label has no "float32": the sums are held to the roundings of float64.
            yield label.replace("float32", "single"), (X, *summed)

    return cases


@float64_cases
def sums_cases(rng):
    for n, d, t in SHAPES:
        for fit_intercept in (True, False):
            yield f"{n, d, t} {fit_intercept}", (*rows_of(rng, n, d, t), fit_intercept)
    X, targets, _ = rows_of(rng, 7, 3, 2)
    yield "equal weights", (X, targets, np.ones(7), True)
    yield "constant", (np.full((7, 3), 0.1), targets, np.ones(7), True)
    yield "long", (*rows_of(rng, 110_001, 20, 1), True)
    yield "far from the origin", (X + 1e4, targets, np.ones(7), True)


@float64_cases
def block_cases(rng):
    for n, d, t in SHAPES[:-1]:
        for fit_intercept in (True, False):
            origin, target_origin = rng.standard_normal(d), rng.standard_normal(t)
            rows = rows_of(rng, n, d, t)
            yield f"{n, d, t} {fit_intercept}", (*rows, origin, target_origin, fit_intercept)
    X, targets, weights = rows_of(rng, 7, 3, 2)
    yield "no weight", (X, targets, 0 * weights, np.zeros(3), np.zeros(2), True)
    yield "equal weights", (X, targets, np.ones(7), np.zeros(3), np.zeros(2), True)


def upper_cases():
    rng = np.random.default_rng(5)
    for n, p in [(7, 3), (3, 7), (4, 4), (1, 2), (500, 20)]:
        yield f"{n, p}", (rng.standard_normal((n, p)),)
        yield f"{n, p}, Fortran", (np.asfortranarray(rng.standard_normal((n, p))),)


@laid_out
def statistics_cases(rng):
    for n, d, t in [(7, 3, 1), (1, 3, 2), (7, 1, 1), (400, 30, 3), (4099, 17, 1), (70_001, 90, 1)]:
        X, targets, weights = rows_of(rng, n, d, t)
        params = Linear(rng.standard_normal((d, t)), rng.standard_normal(t))
        yield f"{n, d, t}", (params, X, targets, weights, rng.standard_normal(d))


@laid_out
def product_cases(rng):
    for n, d in [(1, 1), (1, 4), (7, 3), (1999, 2), (2000, 1), (2001, 5), (3456, 7)]:
        for shape in [(n,), (n, 1), (n, 3)]:
            yield f"{n, d} {shape}", (rng.standard_normal((n, d)), rng.standard_normal(shape))


KERNEL_CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "accelml.linear_model.least_squares_sums.moments": sums_cases,
    "accelml.linear_model.least_squares_sums.block_moments": block_cases,
    "accelml.linear_model.least_squares_sums.triangle": sums_cases,
    "accelml.linear_model.least_squares_sums.upper": upper_cases,
    "accelml.objectives.products.transposed_times": product_cases,
    "accelml.objectives.squared_error.statistics": statistics_cases,
}
