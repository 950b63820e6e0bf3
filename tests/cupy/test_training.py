"""Whole epochs through the plug-in's launches, on the CPU, against NumPy's.

Where the plug-in captures a CUDA graph, the emulation notes the launches and makes them again.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelml.neural_network.training import (
    Batches,
    Learner,
    epoch_batches,
    initial_parameters,
    train_epoch,
)
from accelml.objectives.activations import ACTIVATIONS
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings
from accelml.optimize.sgd import SGDSettings
from accelml.tree import leaves, tree_map
from accelml_cupy import training
from tests.cupy import cases
from tests.kernel_cases import KERNEL_CASES

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
def test_two_epochs_launch_by_launch(
    monkeypatch, emulate, reference, rule, settings, output, dtype
):
    monkeypatch.setattr(training, "SMALL_STEP", 0)
    backend = check_two_epochs(emulate(), reference, rule, settings, output, dtype)
    # Eight batches of: three layers, their loss, two layers back, one step.
    assert len(backend.launches) == 8 * (3 + 1 + 2 + 1)


@pytest.mark.parametrize(("rule", "settings"), RULES, ids=["adam", "sgd", "nesterov"])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_epochs(emulate, reference, rule, settings, output, dtype):
    backend = check_two_epochs(emulate(), reference, rule, settings, output, dtype)
    # Eight batches of: their rows, three layers, their loss, three gradients, two layers back, one
    # step; and a last look at the loss of both epochs.
    assert len(backend.launches) == 8 * (1 + 3 + 1 + 3 + 2 + 1) + 2


def check_two_epochs(backend, reference, rule, settings, output, dtype):
    losses, learner = train(backend, rule, settings, output, dtype)
    expected_losses, expected = train(reference, rule, settings, output, dtype)
    rtol = 1e-10 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for a, b in zip(leaves(learner.params), leaves(expected.params), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    return backend


KEY = "accelml.neural_network.training.train_epoch"


def test_the_common_cases(emulate, reference):
    for label, arguments in KERNEL_CASES[KEY]():
        backend = emulate()
        arguments = cases.read_only(arguments)
        actual = train_epoch(backend, *arguments)
        expected = train_epoch.generic(reference, *arguments)
        # Adam magnifies the rounding of a gradient that is close to zero.
        rtol = 2e-3 if "float32" in label else 1e-10
        cases.assert_trees_equal(actual, expected, rtol, rtol)
        is_replayed = any(launch.startswith("next_batch") for launch in backend.launches)
        in_order = arguments[3].X.flags.c_contiguous
        assert is_replayed == (label.startswith(("batches", "wide")) and in_order), label


sizes = st.one_of(st.sampled_from([1, 31, 32, 33, 65]), st.integers(1, 12))


@st.composite
def epochs(draw):
    """A network, and batches of rows some of which have no weight, or are in none."""
    dtype, output = draw(cases.dtypes), draw(st.sampled_from(["softmax", "logistic", "identity"]))
    random = np.random.default_rng(draw(cases.seeds))
    shape = draw(st.lists(sizes, min_size=2, max_size=4))
    rows, steps, size = draw(sizes), draw(st.integers(1, 5)), draw(sizes)
    several = output != "softmax" and (shape[-1] > 1 or draw(st.booleans()))
    labels = random.integers(0, shape[-1] if output == "softmax" else 2, (rows, shape[-1]))
    labels = labels if several else labels[:, 0]
    kind = dtype if output == "identity" else draw(st.sampled_from([np.int32, np.int64]))
    weights = random.uniform(0.2, 2, rows) * (random.random(rows) > draw(st.sampled_from([0, 0.3])))
    data = Batch(random.standard_normal((rows, shape[0])).astype(dtype), labels.astype(kind),
                 weights.astype(dtype))  # fmt: skip
    counts = random.random((steps, size)) > draw(st.sampled_from([0, 0.3]))
    if draw(st.booleans()):
        counts[steps // 2] = False  # a batch that has a loss by L2 alone, and so none
    counts[0, 0] = True
    index = random.integers(0, rows, (steps, size)).astype(np.int32)
    data.weights[index[0, 0]] = 1
    params = initial_parameters(shape, "tanh", random)
    params = tree_map(lambda x: x.astype(dtype), params)
    rule, settings = draw(st.sampled_from(RULES))
    model = MultilayerPerceptron(draw(st.sampled_from(list(ACTIVATIONS))), output)
    scalars = tree_map(np.asarray, (draw(st.sampled_from([0.0, 0.5])), settings))
    learner = Learner(params, rule.start(np, params))
    return model, rule, learner, data, Batches(index, counts), *scalars


@given(epochs())
@cases.FEW
def test_an_epoch(emulate, reference, arguments):
    """Twice, so that what the optimiser remembers is handed on."""
    backend, dtype = emulate(), arguments[3].X.dtype
    actual = expected = arguments[2]
    for _ in range(2):
        rest = cases.read_only(arguments[3:])
        ours, loss = train_epoch(backend, *arguments[:2], cases.read_only(actual), *rest)
        theirs, known = train_epoch.generic(reference, *arguments[:2], expected, *rest)
        rtol = 1e-10 if dtype == np.float64 else 2e-3
        np.testing.assert_allclose(loss, known, rtol=rtol, atol=rtol)
        assert loss.dtype == np.float64
        cases.assert_trees_equal(ours, theirs, rtol, rtol)
        assert type(ours.memory) is type(theirs.memory)
        actual, expected = ours, theirs
    backend.xp.check()


def test_a_loss_that_is_not_finite_shows(emulate):
    arguments = next(a for label, a in KERNEL_CASES[KEY]() if label.startswith("batches"))
    model, rule, learner, data, *rest = arguments
    data = data._replace(X=np.where(data.X > 1, np.inf, data.X))
    with np.errstate(all="ignore"):
        _, loss = train_epoch(emulate(), model, rule, learner, data, *rest)
    assert not np.isfinite(loss)


CHANGES = {
    "labels of one byte": lambda a: (*a[:3], a[3]._replace(labels=a[3].labels.astype(np.uint8)),
                                     *a[4:]),
    "weights of another type": lambda a: (*a[:3], a[3]._replace(weights=a[3].weights.astype("f4")),
                                          *a[4:]),
    "settings of another type": lambda a: (*a[:-1], tree_map(lambda x: x.astype("f4"), a[-1])),
    "columns": lambda a: (*a[:3], a[3]._replace(X=np.asfortranarray(a[3].X)), *a[4:]),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_kernels_do_not_take_is_trained_step_by_step(emulate, reference, change):
    backend = emulate()
    arguments = next(
        a for label, a in KERNEL_CASES[KEY]() if "batches" in label and "float64, plain" in label
    )
    train_epoch(backend, *arguments)
    assert any(launch.startswith("next_batch") for launch in backend.launches)
    backend.launches.clear()
    arguments = change(arguments)
    actual = train_epoch(backend, *arguments)
    assert not any(launch.startswith("next_batch") for launch in backend.launches)
    cases.assert_trees_equal(actual, train_epoch.generic(reference, *arguments), 1e-6, 1e-6)
