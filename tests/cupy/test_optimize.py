"""The CUDA kernels of the optimisers, run on the CPU, against their generic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelml.objectives.multilayer_perceptron import Layer
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.optimize.sgd import SGDSettings, sgd_step
from accelml.tree import leaves, tree_map
from accelml_cupy.optimize import LEAVES_PER_LAUNCH
from tests.cupy import cases

# Some leaves have no elements, and some trees need several launches.
shapes = st.one_of(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=5),
    st.just([(3, 2)] * (LEAVES_PER_LAUNCH // 2)),
    st.just([(3, 2)] * (LEAVES_PER_LAUNCH // 2 + 1)),
)


def draw(shapes, dtype, layout, seed, *, positive=False):
    """A tree of layers."""
    random = np.random.default_rng(seed)

    def leaf(*shape):
        x = random.standard_normal(shape).astype(dtype)
        return cases.arrange(np.abs(x) if positive else x, layout)

    return cases.read_only(tuple(Layer(leaf(*shape), leaf(shape[1])) for shape in shapes))


def scalars(kind, *values):
    return kind(*(np.asarray(value, dtype=np.float64) for value in values))


@given(shapes, cases.dtypes, cases.layouts, cases.seeds, st.integers(0, 10_000))
@example([(700, 800)], np.float32, "C", 0, 1)  # more than one round of the largest grid
@cases.SETTINGS
def test_adam_step(emulate, reference, shapes, dtype, layout, seed, steps):
    backend = emulate()
    x, g, m = (draw(shapes, dtype, layout, seed + i) for i in range(3))
    v = draw(shapes, dtype, layout, seed + 3, positive=True)
    memory = Moments(m, v, np.asarray(float(steps)))
    settings = scalars(AdamSettings, 1e-2, 0.9, 0.999, 1e-8)
    actual = adam_step(backend, x, g, memory, settings)
    expected = adam_step.generic(reference, x, g, memory, settings)
    launches = -(-2 * len(shapes) // LEAVES_PER_LAUNCH)
    assert len(backend.launches) == launches
    tolerance = cases.tolerance(dtype)
    cases.assert_trees_equal(actual[0], expected[0], tolerance, tolerance)
    cases.assert_trees_equal(actual[1].mean, expected[1].mean, tolerance, tolerance)
    cases.assert_trees_equal(actual[1].square, expected[1].square, tolerance)
    assert actual[1].steps == steps + 1
    assert actual[1].steps.dtype == np.float64


@given(st.booleans(), shapes, cases.dtypes, cases.layouts, cases.seeds)
@cases.SETTINGS
def test_sgd_step(emulate, reference, nesterov, shapes, dtype, layout, seed):
    backend = emulate()
    x, g, v = (draw(shapes, dtype, layout, seed + i) for i in range(3))
    settings = scalars(SGDSettings, 0.1, 0.9)
    actual = sgd_step(backend, nesterov, x, g, v, settings)
    expected = sgd_step.generic(reference, nesterov, x, g, v, settings)
    assert backend.launches
    cases.assert_trees_equal(actual, expected, cases.tolerance(dtype), cases.tolerance(dtype))


def test_the_kind_of_tree_is_kept(emulate):
    x = draw([(3, 2)], np.float32, "C", 0)
    new, _ = sgd_step(emulate(), False, x, x, x, scalars(SGDSettings, 0.1, 0.9))
    assert type(new) is tuple
    assert type(new[0]) is Layer


def test_a_parameter_without_dimensions(emulate, reference):
    x = (np.asarray(2.0), np.ones(3))
    settings = scalars(SGDSettings, 0.1, 0.9)
    actual = sgd_step(emulate(), True, x, x, x, settings)
    expected = sgd_step.generic(reference, True, x, x, x, settings)
    cases.assert_trees_equal(actual, tree_map(np.asarray, expected), rtol=1e-12)


@pytest.mark.parametrize("other", [np.float32, np.float16])
def test_other_types_take_the_generic_body(emulate, reference, other):
    backend = emulate()
    x = draw([(3, 2)], np.float64, "C", 0)
    g = tree_map(lambda leaf: leaf.astype(other), x)
    settings = scalars(SGDSettings, 0.1, 0.9)
    actual = sgd_step(backend, False, x, g, x, settings)
    expected = sgd_step.generic(reference, False, x, g, x, settings)
    assert not backend.launches
    cases.assert_trees_equal(actual, expected, rtol=0)


def test_guards_hold_around_the_leaves(emulate):
    backend = emulate()
    x = tree_map(backend.asarray, draw([(5, 7), (7, 3)], np.float32, "C", 0))
    new, velocity = sgd_step(backend, True, x, x, x, scalars(SGDSettings, 0.1, 0.9))
    backend.xp.check()
    assert all(np.isfinite(leaf).all() for leaf in leaves((new, velocity)))
