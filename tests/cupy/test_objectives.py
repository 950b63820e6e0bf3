"""The CUDA kernels of the objectives, run on the CPU, against their generic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelml.kernel import REGISTRY
from accelml.objectives.activations import ACTIVATIONS
from accelml.objectives.cross_entropy import logistic_cross_entropy, softmax_cross_entropy
from accelml.objectives.linear_classifier import Linear, statistics
from accelml.objectives.multilayer_perceptron import Layer, dense, dense_backward
from accelml.testing.kernel_cases import KERNEL_CASES
from tests.cupy import cases


def cross_entropy_case(n, k, dtype, label_dtype, layout, seed, *, questions=None):
    """Scores large enough to overflow an unshifted exp, some weights zero."""
    random = np.random.default_rng(seed)
    scores = cases.arrange((50 * random.standard_normal((n, k))).astype(dtype), layout)
    shape = (n,) if questions is None or k == 1 else (n, k)
    labels = random.integers(0, k if questions is None else 2, shape).astype(label_dtype)
    weights = cases.arrange(random.uniform(0, 2, n).round(1).astype(dtype), layout)
    return cases.read_only((scores, labels, weights))


def compare(kernel, backend, reference, arguments, launched):
    scores = arguments[0]
    actual = kernel(backend, *arguments)
    expected = kernel.generic(reference, *arguments)
    assert backend.launches == launched
    assert actual.total.dtype == np.float64
    assert actual.total.shape == ()
    # A loss is a difference of scores, some of them over 100, and can itself be close to 0.
    rounding = 800 * scores.size * float(np.finfo(scores.dtype).eps)
    np.testing.assert_allclose(
        actual.total, expected.total, rtol=cases.tolerance(scores.dtype), atol=rounding
    )
    cases.assert_trees_equal(
        actual.delta, expected.delta, cases.tolerance(scores.dtype), cases.tolerance(scores.dtype)
    )


@given(cases.rows, cases.columns, cases.dtypes, cases.label_dtypes, cases.layouts, cases.seeds)
@example(3, 1000, np.float32, np.int32, "C", 0)
@cases.SETTINGS
def test_softmax_cross_entropy(emulate, reference, n, k, dtype, label_dtype, layout, seed):
    arguments = cross_entropy_case(n, k, dtype, label_dtype, layout, seed)
    real = {np.float32: "float", np.float64: "double"}[dtype]
    label = "int" if label_dtype == np.int32 else "long long"
    launched = [f"softmax_cross_entropy<{real}, {label}>"]
    compare(softmax_cross_entropy, emulate(), reference, arguments, launched)


@given(cases.rows, cases.columns, cases.dtypes, cases.label_dtypes, cases.layouts, cases.seeds)
@example(3, 1000, np.float64, np.int64, "C", 0)
@cases.SETTINGS
def test_logistic_cross_entropy(emulate, reference, n, k, dtype, label_dtype, layout, seed):
    arguments = cross_entropy_case(n, k, dtype, label_dtype, layout, seed, questions=2)
    real = {np.float32: "float", np.float64: "double"}[dtype]
    label = "int" if label_dtype == np.int32 else "long long"
    launched = [f"logistic_cross_entropy<{real}, {label}>"]
    compare(logistic_cross_entropy, emulate(), reference, arguments, launched)


@pytest.mark.parametrize("kernel", [softmax_cross_entropy, logistic_cross_entropy])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_show_in_the_loss(emulate, reference, kernel, bad):
    scores = np.zeros((4, 3))
    scores[1, 2] = bad
    labels = np.zeros((4,) if kernel is softmax_cross_entropy else (4, 3), dtype=np.int32)
    arguments = scores, labels, np.ones(4)
    with reference.context():
        total, delta = kernel(emulate(), *arguments)
        expected = kernel.generic(reference, *arguments)
    assert not np.isfinite(total)
    assert not np.isfinite(expected.total)
    np.testing.assert_allclose(delta, expected.delta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_small_logistic_loss_keeps_its_digits(emulate, dtype):
    scores = np.array([[20.0], [-25.0]], dtype=dtype)
    labels = np.array([1, 0], dtype=np.int32)
    total, _ = logistic_cross_entropy(emulate(), scores, labels, np.ones(2, dtype))
    np.testing.assert_allclose(total, np.exp(-20.0) + np.exp(-25.0), rtol=1e-6)


def test_labels_out_of_range_read_nothing_out_of_bounds(emulate, reference):
    backend = emulate()
    scores = backend.asarray(np.eye(3, dtype=np.float32))
    labels = backend.asarray(np.array([-1, 7, 2**31 - 1], dtype=np.int32))
    weights = backend.asarray(np.ones(3, dtype=np.float32))
    actual = softmax_cross_entropy(backend, scores, labels, weights)
    expected = softmax_cross_entropy.generic(reference, scores, labels, weights)
    np.testing.assert_allclose(actual.delta, expected.delta, rtol=1e-6)


def test_other_types_and_empty_batches_take_the_generic_body(emulate, reference):
    backend = emulate()
    labels = np.zeros(3, dtype=np.int32)
    mixed = np.ones((3, 2), dtype=np.float32), labels, np.ones(3)
    empty = np.ones((0, 2)), labels[:0], np.ones(0)
    for arguments in (mixed, empty):
        actual = softmax_cross_entropy(backend, *arguments)
        expected = softmax_cross_entropy.generic(reference, *arguments)
        cases.assert_trees_equal(actual, expected, rtol=0)
    assert backend.launches == []


@pytest.mark.parametrize("key", ["accelml.objectives.linear_classifier.statistics"])
def test_sums_of_a_linear_classifier(emulate, reference, key):
    for label, arguments in KERNEL_CASES[key]():
        backend = emulate()
        actual = REGISTRY[key](backend, *cases.read_only(arguments))
        expected = REGISTRY[key].generic(reference, *arguments)
        assert len(backend.launches) == 1, label
        rtol = cases.tolerance(expected.weights.dtype, 512)
        cases.assert_trees_equal(actual, expected, rtol, rtol * np.abs(expected.weights).max())


def test_sums_of_mixed_types_are_the_generic_ones(emulate, reference):
    random = np.random.default_rng(0)
    X, labels = random.standard_normal((6, 3)), np.array([0, 1, 2, 0, 1, 2], np.int32)
    params = Linear(random.standard_normal((3, 3)), random.standard_normal(3))
    arguments = ("softmax", params, X, labels, np.ones(6, np.float32), np.zeros(3))
    backend = emulate()
    actual = statistics(backend, *arguments)
    assert backend.launches == []
    cases.assert_trees_equal(actual, statistics.generic(reference, *arguments), rtol=1e-12)


def layer_case(n, inputs, outputs, dtype, layout, seed):
    random = np.random.default_rng(seed)

    def draw(*shape):
        return cases.arrange(random.standard_normal(shape).astype(dtype), layout)

    return cases.read_only((draw(n, inputs), Layer(draw(inputs, outputs), draw(outputs)),
                            draw(n, outputs)))  # fmt: skip


activations = st.sampled_from(list(ACTIVATIONS))


@given(activations, cases.rows, cases.columns, cases.columns, cases.dtypes, cases.layouts,
       cases.seeds)  # fmt: skip
@cases.SETTINGS
def test_dense(emulate, reference, activation, n, inputs, outputs, dtype, layout, seed):
    backend = emulate()
    a, layer, _ = layer_case(n, inputs, outputs, dtype, layout, seed)
    actual = dense(backend, activation, layer, a)
    expected = dense.generic(reference, activation, layer, a)
    assert len(backend.launches) == 1
    cases.assert_trees_equal(actual, expected, cases.tolerance(dtype), cases.tolerance(dtype, 512))


@given(activations, cases.rows, cases.columns, cases.columns, cases.dtypes, cases.layouts,
       cases.seeds)  # fmt: skip
@cases.SETTINGS
def test_dense_backward(emulate, reference, activation, n, inputs, outputs, dtype, layout, seed):
    backend = emulate()
    a, layer, delta = layer_case(n, inputs, outputs, dtype, layout, seed)
    actual = dense_backward(backend, activation, layer, a, delta)
    expected = dense_backward.generic(reference, activation, layer, a, delta)
    assert len(backend.launches) == (activation != "identity")
    cases.assert_trees_equal(actual, expected, cases.tolerance(dtype), cases.tolerance(dtype, 4096))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_not_a_number_stays_so(emulate, reference, activation):
    layer = Layer(np.eye(2), np.array([0.0, np.nan]))
    actual = dense(emulate(), activation, layer, np.array([[-1.0, 1.0]]))
    assert np.isnan(actual).tolist() == [[False, True]]


def test_a_bias_of_another_width_is_broadcast_as_in_the_generic_body(emulate, reference):
    layer = Layer(np.ones((2, 3)), np.ones(1))
    actual = dense(emulate(), "relu", layer, np.ones((4, 2)))
    np.testing.assert_array_equal(actual, np.full((4, 3), 3.0))
