"""Whole epochs through the plug-in's launches, on the CPU, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from accelml.neural_network.training import (
    Learner,
    epoch_batches,
    initial_parameters,
    train_epoch,
)
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings
from accelml.optimize.sgd import SGDSettings
from accelml.tree import leaves, tree_map

RULES = [
    (Adam(), AdamSettings(1e-2, 0.9, 0.999, 1e-8)),
    (SGD(), SGDSettings(0.1, 0.9)),
    (SGD(nesterov=True), SGDSettings(0.1, 0.9)),
]


def train(backend, rule, settings, output, dtype):
    random = np.random.default_rng(0)
    X = random.standard_normal((50, 6))
    labels = (X[:, 0] > 0).astype(np.int32) + (X[:, 1] > 0) * (output == "softmax")
    outputs = 3 if output == "softmax" else 1
    params = initial_parameters((6, 8, 5, outputs), "tanh", random)
    params = tree_map(lambda x: backend.asarray(x, dtype), params)
    learner = Learner(params, rule.start(backend.xp, params))
    data = Batch(
        backend.asarray(X, dtype),
        backend.asarray(labels.astype(np.int32)),
        backend.asarray(np.ones(50), dtype),
    )
    scalar = lambda value: backend.asarray(value, np.float64)  # noqa: E731
    losses = []
    for _ in range(2):
        batches = epoch_batches(np.arange(50), 16, shuffle=True, generator=random)
        learner, loss = train_epoch(
            backend, MultilayerPerceptron("tanh", output), rule, learner, data,
            tree_map(backend.asarray, batches), scalar(1e-3), tree_map(scalar, settings),
        )  # fmt: skip
        losses.append(float(loss))
    return losses, learner


@pytest.mark.parametrize(("rule", "settings"), RULES, ids=["adam", "sgd", "nesterov"])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_epochs(emulate, reference, rule, settings, output, dtype):
    backend = emulate()
    losses, learner = train(backend, rule, settings, output, dtype)
    expected_losses, expected = train(reference, rule, settings, output, dtype)
    rtol = 1e-10 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for a, b in zip(leaves(learner.params), leaves(expected.params), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    # Eight batches of: three layers, their loss, two layers back, one step.
    assert len(backend.launches) == 8 * (3 + 1 + 2 + 1)
