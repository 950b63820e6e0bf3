"""Logistic regression's fused pass, against the generic body, over shapes that are awkward."""

import numpy as np
import pytest

from accelml.objectives.linear_classifier import Linear, statistics
from accelml.testing import distance
from tests.backends import CASES, problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=problem("numba"))

# Tiles are 4 rows by 2 classes, blocks 32 to 128 rows, some 2,048 rows are added up in float64, and
# rows that fill two vectors are not laid out by columns.
SHAPES = [
    (1, 1, 2), (3, 1, 3), (4, 2, 2), (5, 7, 3), (31, 8, 4), (32, 9, 5), (33, 16, 10), (64, 3, 31),
    (66, 5, 32), (40, 6, 33), (2048, 3, 3), (2081, 4, 2), (4100, 5, 7), (9001, 300, 3),
    (5, 40, 2), (6, 35, 3), (33, 64, 10), (129, 48, 31), (4100, 33, 7),
]  # fmt: skip


def problem_of(n, d, k, dtype, loss):
    rng = np.random.default_rng(n + d + k)
    params = Linear(rng.standard_normal((d, k)).astype(dtype), rng.standard_normal(k).astype(dtype))
    labels = rng.integers(0, 2 if loss == "logistic" else k, n).astype(np.int32)
    weights = (rng.random(n) * (rng.random(n) > 0.2)).astype(dtype)
    X, center = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal(d).astype(dtype)
    return loss, params, X, labels, weights, center


def compare(arguments, tolerance):
    backend = CASES["numba"].make()
    wide = [part.astype(np.float64) if is_floats(part) else part for part in arguments]
    wide[1] = Linear(*(part.astype(np.float64) for part in arguments[1]))
    found = statistics.overrides["numba"](backend, *arguments)
    expected = statistics.generic(backend, *wide)
    assert found.weights.dtype == found.bias.dtype == arguments[2].dtype
    assert found.loss.dtype == np.float64
    for ours, theirs in zip(found, expected, strict=True):
        assert distance("kernel", ours, theirs) < tolerance
    return found


def is_floats(part):
    return isinstance(part, np.ndarray) and part.dtype.kind == "f"


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 3e-5)])
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_softmax(n, d, k, dtype, tolerance):
    compare(problem_of(n, d, k, dtype, "softmax"), tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 3e-5)])
@pytest.mark.parametrize(("n", "d"), sorted({shape[:2] for shape in SHAPES}))
def test_logistic(n, d, dtype, tolerance):
    compare(problem_of(n, d, 1, dtype, "logistic"), tolerance)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::2], lambda x: x[:, ::-1]])
def test_other_layouts(layout):
    arguments = list(problem_of(200, 6, 4, "float64", "softmax"))
    arguments[2] = layout(arguments[2])
    arguments[3], arguments[4] = (part[: len(arguments[2])] for part in arguments[3:5])
    arguments[5] = arguments[5][: arguments[2].shape[1]]
    compare(arguments, 1e-12)


def test_scores_that_would_overflow():
    loss, params, X, labels, weights, center = problem_of(37, 3, 4, "float32", "softmax")
    big = params._replace(weights=1e4 * params.weights)
    found = compare((loss, big, X, labels, weights, center), 1e-4)
    assert np.isfinite(found.weights).all()


@pytest.mark.parametrize("threads", [2, 4])
def test_the_number_of_threads_changes_no_digit(monkeypatch, threads):
    from accelml_numba import threads as module

    arguments = problem_of(9001, 300, 3, "float32", "softmax")
    backend = CASES["numba"].make()
    results = []
    for count in (1, threads, threads):
        monkeypatch.setattr(module.numba, "get_num_threads", lambda count=count: count)
        results.append(statistics.overrides["numba"](backend, *arguments))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_few_features_are_shared_out(monkeypatch):
    """What is done with a score took longer than the products, and did not count: one thread."""
    from accelml_numba import linear_classifier as module

    parts, real = [], module.in_parts

    def counted(*arguments):
        parts.append(real(*arguments))
        return parts[-1]

    monkeypatch.setattr(module, "in_parts", counted)
    compare(problem_of(500_000, 2, 1, "float32", "logistic"), 3e-5)
    assert len(parts[0]) > 1
