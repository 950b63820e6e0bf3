"""Trees of arrays, and their place in one flat vector."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelml.objectives.linear_classifier import Linear
from accelml.objectives.multilayer_perceptron import Layer
from accelml.optimize.adam import Moments
from accelml.tree import Layout, leaves, like, names, tree_map

arrays = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    elements=st.floats(-1e100, 1e100),
)
trees = st.recursive(
    arrays,
    lambda branches: st.one_of(
        st.lists(branches, min_size=1, max_size=4).map(tuple),
        st.builds(Layer, branches, branches),
        st.builds(Moments, branches, branches, branches),
    ),
    max_leaves=8,
)
drawn = settings(deadline=None, max_examples=100)


def assert_same(found, expected):
    """The same kinds of tuples, and equal arrays."""
    assert type(found) is type(expected)
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            assert_same(ours, theirs)
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)


@drawn
@given(trees)
def test_unravel_undoes_ravel(tree):
    layout = Layout.of(tree)
    vector = layout.ravel(np, tree)
    assert vector.shape == (layout.size,)
    assert layout.size == sum(leaf.size for leaf in leaves(tree))
    assert_same(layout.unravel(np, vector), tree)


@drawn
@given(trees)
def test_ravel_puts_leaves_one_after_another(tree):
    expected = [x for leaf in leaves(tree) for x in leaf.ravel().tolist()]
    np.testing.assert_array_equal(Layout.of(tree).ravel(np, tree), expected)


@drawn
@given(trees)
def test_ravel_of_the_standard_alone(tree):
    strict = tree_map(array_api_strict.asarray, tree)
    layout = Layout.of(strict)
    assert layout == Layout.of(tree)
    again = layout.unravel(array_api_strict, layout.ravel(array_api_strict, strict))
    assert_same(tree_map(lambda leaf: np.from_dlpack(leaf), again), tree)


@drawn
@given(trees)
def test_names_lead_to_the_leaves(tree):
    """Each name, read as Python, is where the leaf is."""
    found = list(names(tree))
    expected = list(leaves(tree))
    assert len(found) == len(expected) == len(set(found))
    for name, leaf in zip(found, expected, strict=True):
        path = name if name.startswith("[") or not name else f".{name}"
        assert eval(f"tree{path}", {"tree": tree}) is leaf


def test_names():
    layer = Layer(np.ones((2, 1)), np.ones(1))
    assert list(names((layer, layer))) == [
        "[0].weights",
        "[0].bias",
        "[1].weights",
        "[1].bias",
    ]
    assert list(names(layer)) == ["weights", "bias"]
    assert list(names(Moments((layer,), layer, np.ones(())))) == [
        "mean[0].weights",
        "mean[0].bias",
        "square.weights",
        "square.bias",
        "steps",
    ]
    assert list(names(np.ones(3))) == [""]
    assert list(names(layer, "layers[0]")) == ["layers[0].weights", "layers[0].bias"]


@drawn
@given(trees)
def test_tree_map_keeps_the_kinds_of_tuples(tree):
    assert_same(tree_map(lambda leaf: leaf, tree), tree)
    doubled = tree_map(lambda leaf, other: leaf + other, tree, tree)
    for ours, theirs in zip(leaves(doubled), leaves(tree), strict=True):
        np.testing.assert_array_equal(ours, 2 * theirs)


def test_tree_map_calls_in_order_of_the_leaves():
    tree = (Layer(1, 2), (3, (4,)))
    seen = []
    assert tree_map(lambda x, y: seen.append((x, y)) or x * y, tree, tree) == (
        Layer(1, 4),
        (9, (16,)),
    )
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_trees_of_other_shapes_do_not_match():
    with pytest.raises(ValueError, match="zip"):
        tree_map(lambda x, y: x, (1, 2), (1, 2, 3))


def test_an_empty_tree_stays_empty():
    assert tree_map(lambda x: x, ()) == ()
    assert list(leaves(())) == list(names(())) == []


def test_like_is_of_the_same_kind():
    assert type(like(Linear(1, 2), [3, 4])) is Linear
    assert like(Linear(1, 2), [3, 4]) == Linear(3, 4)
    assert like((1, 2), [3, 4]) == (3, 4)


@drawn
@given(trees)
def test_layouts_hash_by_shape_alone(tree):
    layout = Layout.of(tree)
    same = Layout.of(tree_map(lambda leaf: leaf + 1, tree))
    assert layout == same
    assert hash(layout) == hash(same)
    longer = Layout.of(tree_map(lambda leaf: np.ones((*leaf.shape, 2)), tree))
    assert layout != longer


def test_unravel_gives_views():
    """What is written into the vector is seen in the tree."""
    tree = (Layer(np.zeros((2, 3)), np.zeros(3)), np.zeros(()))
    layout = Layout.of(tree)
    vector = layout.ravel(np, tree)
    layer, scalar = layout.unravel(np, vector)
    assert all(np.shares_memory(view, vector) for view in (layer.weights, layer.bias, scalar))
