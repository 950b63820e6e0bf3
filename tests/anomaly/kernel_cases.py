"""Awkward arguments for the kernels of anomaly detection."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from accelml.anomaly.density import Gaussian
from tests.kernel_cases import Case, laid_out

TYPES = ("diag", "full")
# Rows and columns.
SHAPES = [(9, 3), (1, 4), (6, 1), (1, 1), (3, 20), (40, 17), (70_000, 3)]


@laid_out
def statistics_cases(rng):
    for covariance_type, (n, d) in itertools.product(TYPES, SHAPES):
        weights = rng.random(n) + 0.1
        weights[1::3] = 0
        yield f"{covariance_type} {n, d}", (covariance_type, rng.standard_normal((n, d)), weights)
    # More than one block of the generic body, the last of them not full.
    yield "diag, wide", ("diag", rng.standard_normal((3, 400_000)), np.ones(3))
    yield "full, long", ("full", rng.standard_normal((530_000, 2)), np.ones(530_000))
    for covariance_type in TYPES:
        X = rng.standard_normal((5, 2))
        yield f"{covariance_type}, no weight", (covariance_type, X, np.zeros(5))
        yield f"{covariance_type}, constant", (covariance_type, np.full((5, 2), 0.1), np.ones(5))
        # Whole blocks without weight, far from the rest.
        X, weights = rng.standard_normal((70_000, 2)), np.ones(70_000)
        X[:40_000], weights[:40_000] = 1e3, 0
        yield f"{covariance_type}, a late start", (covariance_type, X, weights)


def gaussian_of(rng, covariance_type, d):
    mean, remainder = rng.standard_normal(d), 1e-3 * rng.standard_normal(d)
    whitening = np.abs(rng.standard_normal(d)) + 0.1
    if covariance_type == "full":
        whitening = np.triu(rng.standard_normal((d, d)) / 4, 1) + np.diag(whitening)
    return Gaussian(mean, remainder, whitening, np.asarray(-3.0))


@laid_out
def log_density_cases(rng):
    for covariance_type, (n, d) in itertools.product(TYPES, SHAPES):
        gaussian = gaussian_of(rng, covariance_type, d)
        yield f"{covariance_type} {n, d}", (gaussian, rng.standard_normal((n, d)))


@laid_out
def margin_cases(rng):
    yield "some", (rng.standard_normal(7), np.asarray(0.1))
    yield "one", (np.array([2.0]), np.asarray(2.0))


KERNEL_CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "accelml.anomaly.moments.statistics": statistics_cases,
    "accelml.anomaly.density.log_density": log_density_cases,
    "accelml.anomaly.density.margin": margin_cases,
    "accelml.anomaly.density.sign": margin_cases,
}

# Roundings that one call may make: sums of half a million rows.
ROUNDINGS = {"accelml.anomaly.moments.statistics": 1000}
