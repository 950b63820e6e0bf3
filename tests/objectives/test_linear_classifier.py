"""The objective of logistic regression, against its formula written out in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_expit, log_softmax, softmax

from accelml.objectives.linear_classifier import Linear, LinearClassifier, Rows, statistics
from accelml.tree import tree_map

LOSSES = {"softmax": 3, "logistic": 1}
ROWS = 12


def table(loss, dtype=np.float64):
    """Arguments of ``statistics``, on the host."""
    rng = np.random.default_rng(7)
    k = LOSSES[loss]
    labels = rng.integers(0, max(k, 2), ROWS).astype(np.int32)
    X = rng.standard_normal((ROWS, 5)) * [1, 10, 0.1, 1, 1] + [0, 3, 0, -2, 0]
    weights = rng.random(ROWS) * (np.arange(ROWS) != 4)
    params = Linear(rng.standard_normal((5, k)), rng.standard_normal(k))
    center = rng.standard_normal(5)
    arrays = tree_map(lambda a: a.astype(dtype), (params, X, weights, center))
    params, X, weights, center = arrays
    return params, X, labels, weights, center


def oracle(loss, params, X, labels, weights, center):
    """The sums over rows, from centred features."""
    centred = X - center
    scores = centred @ params.weights + params.bias
    if loss == "softmax":
        losses = -log_softmax(scores, axis=1)[np.arange(len(X)), labels]
        error = softmax(scores, axis=1) - np.eye(scores.shape[1])[labels]
    else:
        sign = np.where(labels == 1, 1, -1)
        losses = -log_expit(sign * scores[:, 0])
        error = expit(scores) - labels[:, None]
    delta = weights[:, None] * error
    return np.sum(weights * losses), centred.T @ delta, delta.sum(axis=0)


def sums(backend, loss, arguments):
    with backend.context():
        found = statistics(backend, loss, *tree_map(backend.asarray, arguments))
        return tree_map(backend.to_numpy, found)


def assert_close(found, expected, tolerance=1e-12):
    for ours, theirs in zip(found, expected, strict=True):
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("loss", LOSSES)
def test_statistics(backend, loss):
    arguments = table(loss)
    assert_close(sums(backend, loss, arguments), oracle(loss, *arguments))


@pytest.mark.parametrize("loss", LOSSES)
def test_statistics_keep_float32(backend, loss):
    found = sums(backend, loss, table(loss, np.float32))
    assert (found.loss.dtype, found.weights.dtype, found.bias.dtype) == (
        np.float64,
        np.float32,
        np.float32,
    )
    assert_close(found, oracle(loss, *table(loss)), 3e-6)


@pytest.mark.parametrize("cuts", [(6,), (1,), (4, 8), (11,)], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_statistics_of_blocks_add_up(backend, loss, cuts):
    params, X, labels, weights, center = table(loss)
    blocks = [
        sums(backend, loss, (params, *block, center))
        for block in zip(*(np.split(a, cuts) for a in (X, labels, weights)), strict=True)
    ]
    total = tree_map(lambda *parts: sum(parts), *blocks)
    assert_close(total, sums(backend, loss, (params, X, labels, weights, center)), 1e-13)


@pytest.mark.backends("numpy", "numpy-readonly", "numpy-generic", "array-api-strict", "numba")
@pytest.mark.parametrize("loss", LOSSES)
def test_statistics_of_any_blocks_add_up(backend, loss):
    """Blocks without rows among them."""
    params, X, labels, weights, center = table(loss)
    whole = sums(backend, loss, (params, X, labels, weights, center))

    @settings(deadline=None, max_examples=25)
    @given(st.lists(st.integers(0, ROWS), max_size=5).map(sorted))
    def run(cuts):
        blocks = [
            sums(backend, loss, (params, *block, center))
            for block in zip(*(np.split(a, cuts) for a in (X, labels, weights)), strict=True)
        ]
        assert_close(tree_map(lambda *parts: sum(parts), *blocks), whole, 1e-13)

    run()


@pytest.mark.parametrize("loss", LOSSES)
def test_center_is_as_if_it_were_subtracted(backend, loss):
    params, X, labels, weights, center = table(loss)
    found = sums(backend, loss, (params, X, labels, weights, center))
    expected = sums(backend, loss, (params, X - center, labels, weights, np.zeros_like(center)))
    assert_close(found, expected)


def evaluate(backend, objective, *, penalty=0.3, total_weight=None, factor=1.0, bias=None):
    """The objective on the table, with some of it changed."""
    params, X, labels, weights, center = table(objective.loss)
    if bias is not None:
        params = params._replace(bias=np.full_like(params.bias, bias))
    weights = weights * factor
    total_weight = weights.sum() if total_weight is None else total_weight
    rows = Rows(X, labels, weights, center, np.asarray(penalty), np.asarray(total_weight))
    with backend.context():
        params, rows = tree_map(backend.asarray, (params, rows))
        value, gradient = objective(backend, params, rows)
        return float(value), tree_map(backend.to_numpy, gradient)


@pytest.mark.parametrize("loss", LOSSES)
def test_objective(backend, loss):
    params, X, labels, weights, center = table(loss)
    value, gradient = evaluate(backend, LinearClassifier(loss))
    total, by_weights, by_bias = oracle(loss, params, X, labels, weights, center)
    expected = total / weights.sum() + 0.15 * np.sum(params.weights**2)
    assert value == pytest.approx(expected, rel=1e-13)
    by_weights = by_weights / weights.sum() + 0.3 * params.weights
    assert_close(gradient, Linear(by_weights, by_bias / weights.sum()))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_bias_is_never_penalized(backend, loss):
    params = table(loss)[0]
    free_value, free = evaluate(backend, LinearClassifier(loss), penalty=0.0)
    value, gradient = evaluate(backend, LinearClassifier(loss), penalty=1e6)
    np.testing.assert_array_equal(gradient.bias, free.bias)
    assert value - free_value == pytest.approx(5e5 * np.sum(params.weights**2), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_without_an_intercept_the_bias_counts_as_zero(backend, loss):
    without = LinearClassifier(loss, fit_intercept=False)
    value, gradient = evaluate(backend, without)
    np.testing.assert_array_equal(gradient.bias, 0)
    other_value, other = evaluate(backend, without, bias=100.0)
    assert value == other_value
    np.testing.assert_array_equal(gradient.weights, other.weights)
    expected, _ = evaluate(backend, LinearClassifier(loss), bias=0.0)
    assert value == expected


@pytest.mark.parametrize("loss", LOSSES)
def test_only_the_ratios_of_weights_matter(backend, loss):
    value, gradient = evaluate(backend, LinearClassifier(loss))
    scaled_value, scaled = evaluate(backend, LinearClassifier(loss), factor=1000.0)
    assert scaled_value == pytest.approx(value, rel=1e-13)
    assert_close(scaled, gradient)


@pytest.mark.parametrize("loss", LOSSES)
def test_total_weight_divides_the_loss_alone(backend, loss):
    """Over row blocks it is the weight of all rows, not of those at hand."""
    total = table(loss)[3].sum()
    value, gradient = evaluate(backend, LinearClassifier(loss), penalty=0.0)
    half_value, half = evaluate(
        backend, LinearClassifier(loss), penalty=0.0, total_weight=2 * total
    )
    assert half_value == pytest.approx(value / 2, rel=1e-14)
    assert_close(half, tree_map(lambda g: g / 2, gradient))
