"""Cross-entropies against SciPy's logarithms of probabilities, in float64."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, log_expit, log_softmax
from scipy.special import softmax as scipy_softmax

from accelml.objectives.cross_entropy import (
    CROSS_ENTROPY,
    logistic_cross_entropy,
    softmax,
    softmax_cross_entropy,
)

# Few shapes, so that what compiles does not compile again for each example.
SHAPES = [(1, 1), (1, 2), (6, 2), (5, 10), (3, 300)]
DTYPES = [np.float32, np.float64]

drawn = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def softmax_oracle(scores, labels, weights):
    """The loss and its gradient, row by row, in float64."""
    scores, weights = scores.astype(np.float64), weights.astype(np.float64)
    target = np.eye(scores.shape[1])[labels]
    total = -np.sum(weights * log_softmax(scores, axis=1)[np.arange(len(labels)), labels])
    return total, weights[:, None] * (scipy_softmax(scores, axis=1) - target)


def logistic_oracle(scores, labels, weights):
    scores, weights = scores.astype(np.float64), weights.astype(np.float64)
    labels = labels.reshape(scores.shape)
    rows = np.sum(np.where(labels == 1, log_expit(scores), log_expit(-scores)), axis=1)
    return -np.sum(weights * rows), weights[:, None] * (expit(scores) - labels)


def rounding(scores, weights, total):
    """How far the total and the gradient may be off: a few roundings of what goes into each."""
    n, k = scores.shape
    epsilon = float(np.finfo(scores.dtype).eps)
    heaviest = float(weights.max(initial=0.0))
    largest = float(np.abs(scores).max(initial=1.0))
    differences = 4 * epsilon * n * heaviest * largest
    return differences + (16 + n * k) * epsilon * total, (16 + k) * epsilon * heaviest


def check(backend, kernel, oracle, scores, labels, weights):
    with backend.context():
        found = kernel(backend, *map(backend.asarray, (scores, labels, weights)))
        assert found.total.dtype == backend.xp.float64
        total, delta = map(backend.to_numpy, found)
    expected_total, expected_delta = oracle(scores, labels, weights)
    total_error, delta_error = rounding(scores, weights, expected_total)
    assert total.shape == ()
    assert delta.shape == scores.shape
    assert delta.dtype == scores.dtype
    np.testing.assert_allclose(total, expected_total, rtol=0, atol=total_error)
    np.testing.assert_allclose(delta, expected_delta, rtol=0, atol=delta_error)


def scores_of(shape, dtype):
    width = 8 * np.dtype(dtype).itemsize
    return hnp.arrays(dtype, shape, elements=st.floats(-1e4, 1e4, width=width))


def weights_of(n, dtype):
    # Zero, or nothing near underflow, where XLA rounds to zero and NumPy does not.
    elements = st.just(0.0) | st.floats(0.125, 100.0, width=32)
    return hnp.arrays(dtype, (n,), elements=elements)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_cross_entropy(backend, shape, dtype):
    n, k = shape

    @drawn
    @given(scores_of(shape, dtype), hnp.arrays(np.int32, n, elements=st.integers(0, k - 1)),
           weights_of(n, dtype))  # fmt: skip
    def run(scores, labels, weights):
        check(backend, softmax_cross_entropy, softmax_oracle, scores, labels, weights)

    run()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_logistic_cross_entropy(backend, shape, dtype):
    @drawn
    @given(scores_of(shape, dtype), hnp.arrays(np.int32, shape, elements=st.integers(0, 1)),
           weights_of(shape[0], dtype))  # fmt: skip
    def run(scores, labels, weights):
        check(backend, logistic_cross_entropy, logistic_oracle, scores, labels, weights)

    run()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax(backend, shape, dtype):
    @drawn
    @given(scores_of(shape, dtype))
    def run(scores):
        with backend.context():
            found = backend.to_numpy(softmax(backend, backend.asarray(scores)))
        epsilon = (16 + shape[1]) * np.finfo(dtype).eps
        assert found.dtype == dtype
        assert np.all((found >= 0) & (found <= 1))
        np.testing.assert_allclose(found.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=epsilon)
        expected = scipy_softmax(scores.astype(np.float64), axis=1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=epsilon)

    run()


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropy_of_huge_scores(backend, dtype):
    """A sure answer costs nothing where it is right, and the whole margin where it is wrong."""
    scores = np.array([[1e4, -1e4], [1e4, -1e4], [-1e4, -1e4], [1e4, 1e4]], dtype)
    labels = np.array([0, 1, 0, 1], np.int32)
    with backend.context():
        one_by_one = [
            softmax_cross_entropy(
                backend, backend.asarray(scores), backend.asarray(labels), backend.asarray(weights)
            )
            for weights in np.eye(4, dtype=dtype)
        ]
        totals = [float(found.total) for found in one_by_one]
        deltas = [backend.to_numpy(found.delta)[i] for i, found in enumerate(one_by_one)]
    np.testing.assert_allclose(totals, [0, 2e4, np.log(2), np.log(2)], rtol=2e-7, atol=0)
    np.testing.assert_allclose(deltas, [[0, 0], [1, -1], [-0.5, 0.5], [0.5, -0.5]], atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logistic_cross_entropy_of_huge_scores(backend, dtype):
    scores = np.array([[1e4], [1e4], [-1e4], [-1e4], [0.0]], dtype)
    labels = np.array([1, 0, 0, 1, 1], np.int32)
    with backend.context():
        one_by_one = [
            logistic_cross_entropy(
                backend, backend.asarray(scores), backend.asarray(labels), backend.asarray(weights)
            )
            for weights in np.eye(5, dtype=dtype)
        ]
        totals = [float(found.total) for found in one_by_one]
        deltas = [float(backend.to_numpy(found.delta)[i, 0]) for i, found in enumerate(one_by_one)]
    np.testing.assert_allclose(totals, [0, 1e4, 0, 1e4, np.log(2)], rtol=2e-7, atol=0)
    np.testing.assert_allclose(deltas, [0, 1, 0, -1, -0.5], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_small_loss_keeps_its_digits(backend, dtype):
    """Both log(1 + e) and softplus(s) - s would round to zero here."""
    scores = np.array([[-40.0], [40.0]], dtype)
    with backend.context():
        found = logistic_cross_entropy(
            backend,
            backend.asarray(scores),
            backend.asarray(np.array([0, 1], np.int32)),
            backend.asarray(np.ones(2, dtype)),
        )
        total, delta = map(backend.to_numpy, found)
    np.testing.assert_allclose(total, 2 * np.exp(-40.0), rtol=1e-5)
    np.testing.assert_allclose(delta[0], np.exp(-40.0), rtol=1e-5)


@pytest.mark.parametrize("label_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_the_integer_type_of_labels_does_not_matter(backend, name, label_dtype):
    rng = np.random.default_rng(3)
    k = 4 if name == "softmax" else 1
    oracle = softmax_oracle if name == "softmax" else logistic_oracle
    labels = rng.integers(0, 2, 7).astype(label_dtype)
    check(backend, CROSS_ENTROPY[name], oracle, rng.standard_normal((7, k)), labels, rng.random(7))


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_rows_without_weight_count_for_nothing(backend, name):
    rng = np.random.default_rng(4)
    k = 3 if name == "softmax" else 1
    scores = rng.standard_normal((6, k))
    labels = rng.integers(0, 2, 6).astype(np.int32)
    weights = np.array([0.0, 1.0, 0.0, 0.5, 2.0, 0.0])
    kept = weights > 0
    with backend.context():
        whole, part, none = (
            CROSS_ENTROPY[name](backend, *map(backend.asarray, arguments))
            for arguments in (
                (scores, labels, weights),
                (scores[kept], labels[kept], weights[kept]),
                (scores, labels, np.zeros(6)),
            )
        )
        np.testing.assert_allclose(float(whole.total), float(part.total), rtol=1e-14)
        delta = backend.to_numpy(whole.delta)
        np.testing.assert_allclose(delta[kept], backend.to_numpy(part.delta), rtol=1e-14)
        np.testing.assert_array_equal(delta[~kept], 0)
        assert float(none.total) == 0
        np.testing.assert_array_equal(backend.to_numpy(none.delta), 0)


def test_a_single_class_is_certain(backend):
    scores, labels = np.array([[3.0], [-1e4]]), np.zeros(2, np.int32)
    with backend.context():
        arguments = map(backend.asarray, (scores, labels, np.ones(2)))
        total, delta = softmax_cross_entropy(backend, *arguments)
        assert float(total) == 0
        np.testing.assert_array_equal(backend.to_numpy(delta), 0)
        np.testing.assert_array_equal(
            backend.to_numpy(softmax(backend, backend.asarray(scores))), 1
        )
