"""The pieces of training: first weights, batches, and scores on rows held out."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, r2_score

from accelml.neural_network.training import (
    Learner,
    epoch_batches,
    evaluate,
    initial_parameters,
    train_epoch,
)
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import SGD
from accelml.optimize.sgd import SGDSettings
from accelml.tree import leaves, tree_map

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


@pytest.mark.parametrize(("activation", "factor"), [("relu", 6), ("tanh", 6), ("logistic", 2)])
def test_the_first_weights_are_those_of_glorot_and_bengio(activation, factor):
    sizes = [4, 30, 2, 1]
    found = initial_parameters(sizes, activation, np.random.default_rng(5))
    generator = np.random.default_rng(5)
    for layer, inputs, outputs in zip(found, sizes[:-1], sizes[1:], strict=True):
        bound = np.sqrt(factor / (inputs + outputs))
        for part, shape in zip(layer, [(inputs, outputs), (outputs,)], strict=True):
            expected = bound * (2 * generator.random(shape) - 1)
            np.testing.assert_allclose(part, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_is_in_one_batch(shuffle):
    rows = np.array([7, 3, 9, 1, 4, 0, 8])
    batches = epoch_batches(rows, 3, shuffle=shuffle, generator=np.random.default_rng(5))
    assert batches.index.shape == batches.counts.shape == (3, 3)
    assert (batches.index.dtype, batches.counts.dtype) == (np.int32, bool)
    expected = np.random.default_rng(5).permutation(rows) if shuffle else rows
    assert shuffle == (expected.tolist() != rows.tolist())
    assert batches.index.ravel().tolist() == [*expected, 0, 0]
    assert batches.counts.ravel().tolist() == [True] * 7 + [False] * 2


def judged(backend, output, scores, labels, weights, dtype="f8"):
    """What ``evaluate`` says of a network whose output is its input."""
    k = scores.shape[1]
    params = (Layer(np.eye(k, dtype=dtype), np.zeros(k, dtype)),)
    data = Batch(scores.astype(dtype), labels, weights.astype(dtype))
    with backend.context():
        model = MultilayerPerceptron("identity", output)
        found = evaluate(backend, model, *tree_map(backend.asarray, (params, data)))
        assert found.loss.dtype == backend.xp.float64
        assert bool(found.finite)
        return tree_map(backend.to_numpy, found)


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_accuracy_is_scikit_learns(backend, dtype):
    rng = np.random.default_rng(6)
    scores, weights = rng.standard_normal((40, 3)), rng.random(40)
    labels = np.where(rng.random(40) < 0.7, scores.argmax(axis=1), 1).astype(np.int32)
    found = judged(backend, "softmax", scores, labels, weights, dtype)
    expected = accuracy_score(labels, scores.argmax(axis=1), sample_weight=weights)
    assert 0.5 < expected < 0.9
    assert found.score.dtype == dtype
    assert float(found.score) == pytest.approx(expected, rel=1e-6)
    losses = -log_softmax(scores, axis=1)[np.arange(40), labels]
    assert float(found.loss) == pytest.approx(np.average(losses, weights=weights), rel=1e-6)


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("k", [1, 3])
def test_all_questions_of_a_row_must_be_right(backend, k, dtype):
    """scikit-learn's accuracy of several labels; a probability of a half is a no."""
    rng = np.random.default_rng(7)
    scores, weights = 0.7 * rng.standard_normal((40, k)), rng.random(40)
    scores[3] = 0.0
    labels = ((scores > 0) ^ (rng.random((40, k)) < 0.2)).astype(np.int32)
    labels[3] = 0
    found = judged(backend, "logistic", scores, labels, weights, dtype)
    expected = accuracy_score(labels, scores > 0, sample_weight=weights)
    assert 0.3 < expected < 0.95
    assert found.score.dtype == dtype
    assert float(found.score) == pytest.approx(expected, rel=1e-6)


@FAST
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_r_squared_is_scikit_learns(backend, k, scale):
    rng = np.random.default_rng(8)
    targets, weights = scale * rng.standard_normal((40, k)) + np.arange(k), rng.random(40)
    scores = targets + scale * rng.standard_normal((40, k)) * np.arange(1, k + 1)
    found = judged(backend, "identity", scores, targets, weights)
    expected = r2_score(targets, scores, sample_weight=weights)
    assert float(found.score) == pytest.approx(expected, rel=1e-9)


@FAST
def test_r_squared_of_a_constant_is_zero(backend):
    targets = np.stack([np.arange(5.0), np.full(5, 3.0)], axis=1)
    found = judged(backend, "identity", targets + np.array([0, 1]), targets, np.ones(5))
    assert float(found.score) == 0.5


@FAST
def test_weights_are_summed_in_float64(backend):
    """2²⁴ + 3 is no number of float32; every row has the same loss, so that it is the mean."""
    weights = np.array([2.0**24, 1, 1, 1])
    found = judged(backend, "softmax", np.zeros((4, 2)), np.zeros(4, np.int32), weights, "f4")
    assert float(found.loss) == pytest.approx(np.log(2), rel=2e-8)


@FAST
def test_an_epochs_loss_is_the_mean_by_weight_in_float64(backend):
    """Two batches of nearly the same weight: 2²⁴ + 3, of losses 2 and 0, and 2²⁴ of losses 0."""
    weights = np.array([2.0**24, 1, 1, 1, 2.0**24, 0, 0, 0]).astype("f4")
    params = (Layer(np.zeros((2, 1), "f4"), np.zeros(1, "f4")),)
    targets = np.array([2, 2, 2, 2, 0, 0, 0, 0], "f4")[:, None]
    data = Batch(np.zeros((8, 2), "f4"), targets, weights)
    batches = epoch_batches(np.arange(8), 4, shuffle=False, generator=np.random.default_rng(0))
    with backend.context():
        data, start, batches = tree_map(backend.asarray, (data, params, batches))
        rate, momentum, alpha = (backend.asarray(np.asarray(x)) for x in (0.0, 0.0, 0.0))
        rule = SGD()
        learner, loss = train_epoch(
            backend, MultilayerPerceptron("relu", "identity"), rule,
            Learner(start, rule.start(backend.xp, start)), data, batches, alpha,
            SGDSettings(rate, momentum),
        )  # fmt: skip
        assert loss.dtype == backend.xp.float64
        assert float(loss) == pytest.approx(2 * (2**24 + 3) / (2**25 + 3), rel=1e-12)
        assert all(leaf.dtype == backend.xp.float32 for leaf in leaves(learner))
