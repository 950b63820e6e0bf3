"""SGD and Adam against scikit-learn's own optimisers, in float64."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from accelml.objectives.multilayer_perceptron import Layer
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings
from accelml.optimize.sgd import SGDSettings
from accelml.tree import leaves, tree_map

STEPS = 50
# In float32 the roundings of fifty steps add up.
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
DTYPES = list(TOLERANCE)


def start():
    """Parameters of two layers, and a gradient for each step, some of its entries zero."""
    rng = np.random.default_rng(11)
    params = (
        Layer(rng.standard_normal((3, 4)), rng.standard_normal(4)),
        Layer(rng.standard_normal((4, 1)), rng.standard_normal(1)),
    )
    gradients = [
        tree_map(
            lambda leaf: rng.standard_normal(leaf.shape) * (rng.random(leaf.shape) > 0.3), params
        )
        for _ in range(STEPS)
    ]
    return params, gradients


def on_device(backend, tree, dtype):
    dtype = getattr(backend.xp, np.dtype(dtype).name)
    return tree_map(lambda leaf: backend.asarray(np.asarray(leaf), dtype), tree)


def follow(backend, rule, settings, dtype):
    """The parameters and the memory after all steps, on the host."""
    params, gradients = start()
    with backend.context():

        def bring(tree):
            return on_device(backend, tree, dtype)

        params = bring(params)
        settings = on_device(backend, settings, np.float64)
        memory = rule.start(backend.xp, params)
        for gradient in gradients:
            params, memory = rule.step(backend, params, bring(gradient), memory, settings)
        return tree_map(backend.to_numpy, (params, memory))


def scikit(make):
    """The same steps, by scikit-learn."""
    params, gradients = start()
    arrays = [leaf.copy() for leaf in leaves(params)]
    optimizer = make(arrays)
    for gradient in gradients:
        optimizer.update_params(arrays, list(leaves(gradient)))
    return arrays, optimizer


def assert_equal(found, expected, dtype):
    for ours, theirs in zip(leaves(found), expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(backend, nesterov, momentum, dtype):
    params, velocity = follow(backend, SGD(nesterov), SGDSettings(0.01, momentum), dtype)
    expected, optimizer = scikit(
        lambda arrays: SGDOptimizer(arrays, 0.01, momentum=momentum, nesterov=nesterov)
    )
    assert_equal(params, expected, dtype)
    assert_equal(velocity, optimizer.velocities, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "settings",
    [AdamSettings(0.001, 0.9, 0.999, 1e-8), AdamSettings(0.1, 0.0, 0.5, 1e-3)],
    ids=["default", "forgetful"],
)
def test_adam(backend, settings, dtype):
    params, moments = follow(backend, Adam(), settings, dtype)
    expected, optimizer = scikit(lambda arrays: AdamOptimizer(arrays, *settings))
    assert_equal(params, expected, dtype)
    assert_equal(moments.mean, optimizer.ms, dtype)
    assert_equal(moments.square, optimizer.vs, dtype)
    assert float(moments.steps) == STEPS
    assert moments.steps.dtype == np.float64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        (SGD(), SGDSettings(0.1, 0.9)),
        (SGD(nesterov=True), SGDSettings(0.1, 0.9)),
        (Adam(), AdamSettings(0.1, 0.9, 0.999, 1e-8)),
    ],
    ids=["sgd", "nesterov", "adam"],
)
def test_a_step_leaves_its_arguments_alone(backend, rule, settings, dtype):
    params, (gradient, *_) = start()
    with backend.context():
        params, gradient = on_device(backend, (params, gradient), dtype)
        settings = on_device(backend, settings, np.float64)
        # A memory that is not zero, so that a change of it would show.
        _, memory = rule.step(backend, params, gradient, rule.start(backend.xp, params), settings)
        before = [np.array(backend.to_numpy(leaf)) for leaf in leaves((params, gradient, memory))]
        moved, later = rule.step(backend, params, gradient, memory, settings)
        after = list(map(backend.to_numpy, leaves((params, gradient, memory))))
        moved = list(map(backend.to_numpy, leaves(moved)))
        later = list(map(backend.to_numpy, leaves(later)))
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, old)
    assert any(np.any(new != old) for old, new in zip(before, [*moved, *later], strict=False))


def test_a_zero_gradient_without_momentum_moves_nothing(backend):
    params, (gradient, *_) = start()
    with backend.context():
        first = on_device(backend, params, np.float64)
        nothing = tree_map(backend.xp.zeros_like, on_device(backend, gradient, np.float64))
        for rule, settings in (
            (SGD(nesterov=True), SGDSettings(0.1, 0.9)),
            (Adam(), AdamSettings(0.1, 0.9, 0.999, 1e-8)),
        ):
            settings = on_device(backend, settings, np.float64)
            memory = rule.start(backend.xp, first)
            moved, _ = rule.step(backend, first, nothing, memory, settings)
            for ours, theirs in zip(leaves(moved), leaves(params), strict=True):
                np.testing.assert_array_equal(backend.to_numpy(ours), theirs)
