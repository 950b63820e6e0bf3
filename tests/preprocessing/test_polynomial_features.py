"""The polynomial basis against scikit-learn's, its count and its rank."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import PolynomialFeatures as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.preprocessing import PolynomialFeatures
from tests.backends import problem

ESTIMATORS = [
    PolynomialFeatures(),
    PolynomialFeatures((2, 3), interaction_only=True, include_bias=False, order="F"),
]
if not problem("numba"):
    ESTIMATORS.append(PolynomialFeatures(3, backend="numba"))


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def assert_same(options, X, backend, order="C"):
    reference = Reference(**options, order=order).fit(X)
    model = PolynomialFeatures(**options, order=order, backend=backend).fit(X)
    ours, theirs = model.transform(X), reference.transform(X)
    assert ours.dtype == theirs.dtype
    assert ours.flags[f"{order}_CONTIGUOUS"]
    # The same products in the same order: equal to the last digit.
    np.testing.assert_array_equal(ours, theirs)
    assert model.n_output_features_ == reference.n_output_features_ == ours.shape[1]
    if ours.shape[1]:  # scikit-learn's powers_ fails where there is no output
        np.testing.assert_array_equal(model.powers_, reference.powers_)
    assert model.powers_.shape == (ours.shape[1], X.shape[1])
    if ours.shape[1]:
        expected = reference.get_feature_names_out().tolist()
        assert model.get_feature_names_out().tolist() == expected


@pytest.mark.parametrize("degree", [1, 2, 3, (2, 3), (0, 2), [3, 3]], ids=str)
def test_it_is_scikit_learns(backend, degree):
    X = np.random.default_rng(0).standard_normal((9, 4))
    for interaction_only, include_bias in [(False, True), (True, False)]:
        options = {"degree": degree, "interaction_only": interaction_only}
        assert_same({**options, "include_bias": include_bias}, X, backend)


@pytest.mark.backends("numpy", "numpy-generic", "numba")
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_scikit_learns_with_any_options(backend, data):
    low = data.draw(st.integers(0, 4))
    high = data.draw(st.integers(max(low, 1), 5))
    n, d = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 5))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int64]))
    options = {
        "degree": data.draw(st.sampled_from([high, (low, high)])),
        "interaction_only": data.draw(st.booleans()),
        "include_bias": data.draw(st.booleans()),
    }
    X = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-3, 4, (n, d)).astype(dtype)
    assert_same(options, X, backend, order=data.draw(st.sampled_from("CF")))


@pytest.mark.backends("numpy", "numba")
def test_more_than_a_block_of_rows(backend):
    X = np.random.default_rng(0).standard_normal((6000, 6))
    for degree, order in itertools.product([4, (3, 4)], "CF"):
        assert_same({"degree": degree}, X, backend, order)


@pytest.mark.parametrize(("columns", "degree"), [(1, 4), (3, 3), (5, 3)])
def test_the_basis_is_full(backend, columns, degree):
    """The teaching code splits the columns in halves; odd counts lose and repeat terms there."""
    X = np.random.default_rng(0).uniform(-1, 1, (200, columns))
    terms = PolynomialFeatures(degree, backend=backend).fit_transform(X)
    assert terms.shape == (200, math.comb(columns + degree, degree))
    assert terms.shape[1] == {(1, 4): 5, (3, 3): 20, (5, 3): 56}[columns, degree]
    assert np.linalg.matrix_rank(terms) == terms.shape[1]


def test_any_polynomial_of_the_degree_is_a_combination():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 3))
    terms = PolynomialFeatures(4).fit_transform(X)
    y = (1 + X @ [2, -1, 0.5]) ** 4
    left = y - terms @ np.linalg.lstsq(terms, y)[0]
    assert np.abs(left).max() < 1e-10


def test_each_term_is_what_its_powers_say():
    X = np.random.default_rng(0).standard_normal((20, 4))
    model = PolynomialFeatures((2, 4), interaction_only=False).fit(X)
    expected = np.prod(X[:, None, :] ** model.powers_, axis=2)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-12)


def test_the_constant_alone():
    assert PolynomialFeatures(0).fit_transform([[7.0], [8.0]]).tolist() == [[1], [1]]


def test_names():
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    model = PolynomialFeatures(3, include_bias=False).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert out.columns.tolist() == ["a", "b", "a^2", "a b", "b^2", "a^3", "a^2 b", "a b^2", "b^3"]
    assert out["a b^2"].tolist() == [9, 50]
    with pytest.raises(ValueError, match="input_features"):
        model.get_feature_names_out(["b", "a"])
    plain = PolynomialFeatures(2).fit(np.ones((1, 2)))
    assert plain.get_feature_names_out(["u", "v"]).tolist() == ["1", "u", "v", "u^2", "u v", "v^2"]
    restored = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(restored.transform(frame), out)


BAD_DEGREES = [-1, 1.5, "two", (1,), (1, 2, 3), (2, 1), (-1, 2), (0, 1.5), None]


@pytest.mark.parametrize("degree", BAD_DEGREES, ids=str)
def test_a_wrong_degree_is_refused_as_scikit_learn_does(degree):
    for made in (Reference(degree), PolynomialFeatures(degree)):
        with pytest.raises(ValueError, match="degree"):
            made.fit(np.ones((2, 2)))


def test_an_empty_or_endless_output_is_refused():
    for degree in (0, (0, 0)):
        with pytest.raises(ValueError, match="empty output array"):
            PolynomialFeatures(degree, include_bias=False).fit(np.ones((2, 2)))
    with pytest.raises(ValueError, match="too large to be indexed"):
        PolynomialFeatures(80).fit(np.ones((2, 60)))


@pytest.mark.parametrize("X", [[[np.nan, 1.0]], [[np.inf, 1.0]], sparse.csr_array(np.eye(2))])
def test_missing_infinite_and_sparse_input_is_refused(X):
    model = PolynomialFeatures().fit(np.ones((2, 2)))
    for method in (model.fit, model.transform):
        with pytest.raises((ValueError, TypeError), match=r"NaN|infinity|[Ss]parse"):
            method(X)
    assert model.transform([[2.0, 3.0]]).tolist() == [[1, 2, 3, 4, 6, 9]]


def test_other_columns_are_refused_and_there_is_no_inverse():
    model = PolynomialFeatures().fit(np.ones((2, 2)))
    with pytest.raises(ValueError, match="X has 3 features, but PolynomialFeatures is expecting 2"):
        model.transform(np.ones((2, 3)))
    assert not hasattr(model, "inverse_transform")


def test_layouts_of_input():
    X = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    expected = Reference(3).fit_transform(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    for name in ("numpy",) + ("numba",) * (not problem("numba")):
        for variant in (np.asfortranarray(X), X[::-1][::-1], frozen, X[:, ::-1][:, ::-1]):
            found = PolynomialFeatures(3, backend=name).fit_transform(variant)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)


@pytest.mark.backends("jax", "jax-second-device", "jax-gpu", "cupy")
def test_device_arrays_stay_where_they_are(backend):
    X = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    with backend.context():
        on_device = backend.asarray(X)
    for order in "CF":
        terms = PolynomialFeatures(3, order=order).fit_transform(on_device)
        assert type(terms) is type(on_device)
        assert backend.device_of(terms) == backend.device_of(on_device)
        np.testing.assert_array_equal(backend.to_numpy(terms), Reference(3).fit_transform(X))
