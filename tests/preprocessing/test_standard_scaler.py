"""Standardising against scikit-learn's, and what goes wrong with the wrong statistics."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.preprocessing import StandardScaler
from tests.backends import problem
from tests.data import digits

OPTIONS = [
    {"with_mean": with_mean, "with_std": with_std}
    for with_mean in (True, False)
    for with_std in (True, False)
]
# A constant's variance comes out a little below zero there.
reference_warns = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning:sklearn")

ESTIMATORS = [StandardScaler(**options) for options in OPTIONS]
if not problem("numba"):
    ESTIMATORS.append(StandardScaler(backend="numba"))


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
@parametrize_with_checks([StandardScaler(backend="jax")])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_on_jax(estimator, check):
    check(estimator)


def rows(seed=0, n=200, missing=False):
    """Features of many scales, one constant, one far from the origin."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 5)) * [1, 1e-3, 1e6, 1, 1] + [0, 1, 0, 1e6, 0]
    X[:, 4] = 0.1
    return np.where(rng.random(X.shape) < 0.2, np.nan, X) if missing else X


def assert_same(model, reference, X, rtol=1e-12):
    for name in ("mean_", "scale_", "n_samples_seen_"):
        ours, theirs = getattr(model, name), getattr(reference, name)
        assert (ours is None) == (theirs is None), name
        if theirs is not None:
            assert np.shape(ours) == np.shape(theirs), name
            np.testing.assert_allclose(ours, theirs, rtol=rtol, err_msg=name)
    assert (model.var_ is None) == (reference.var_ is None)
    if model.var_ is not None:
        # What is left of a constant's variance is rounding.
        atol = 1e-20 * np.nanmax(np.abs(X)) ** 2
        np.testing.assert_allclose(model.var_, reference.var_, rtol=rtol, atol=atol)
    ours, theirs = model.transform(X), reference.transform(X)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        model.inverse_transform(X), reference.inverse_transform(X), rtol=rtol, atol=1e-12
    )


@reference_warns
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_scikit_learns(backend, options, missing, weighted):
    X = rows(missing=missing)
    weights = np.random.default_rng(1).random(len(X)) if weighted else None
    reference = Reference(**options).fit(X, sample_weight=weights)
    model = StandardScaler(**options, backend=backend).fit(X, sample_weight=weights)
    if weighted and not (options["with_mean"] or options["with_std"]):
        # There the reference counts rows, and its documentation says the sum of the weights.
        reference.n_samples_seen_ = weights @ ~np.isnan(X) if missing else weights.sum()
    assert_same(model, reference, X)
    assert model.backend_ == backend.name


@pytest.mark.backends("numpy", "numpy-generic", "numba")
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_split_into_batches_gives_the_moments_of_all_rows(backend, data):
    offset = data.draw(st.sampled_from([0.0, 1e4, -1e6]))
    n = data.draw(st.integers(1, 60))
    seed = data.draw(st.integers(0, 2**32 - 1))
    missing = data.draw(st.booleans())
    weighted = data.draw(st.booleans())
    cuts = sorted(data.draw(st.lists(st.integers(1, n), max_size=5)))
    rng = np.random.default_rng(seed)
    X = offset + rng.standard_normal((n, 3))
    if missing:
        X[rng.random(X.shape) < 0.3] = np.nan
    weights = rng.random(n) + 0.01 if weighted else None

    whole = StandardScaler(backend=backend).fit(X, sample_weight=weights)
    parts = StandardScaler(backend=backend)
    for index in np.split(np.arange(n), cuts):
        if len(index):
            parts.partial_fit(X[index], sample_weight=weights[index] if weighted else None)
    known = ~np.isnan(X)
    w = np.longdouble(1) * (np.ones(n) if weights is None else weights)[:, None] * known
    np.testing.assert_allclose(parts.n_samples_seen_ * np.ones(3), w.sum(axis=0).astype(float))
    exact = np.where(known, X, 0).astype(np.longdouble)
    with np.errstate(invalid="ignore"):
        mean = (w * exact).sum(axis=0) / w.sum(axis=0)
        variance = (w * (exact - mean) ** 2).sum(axis=0) / w.sum(axis=0)
    mean, variance = mean.astype(float), variance.astype(float)
    # Between two batches only the means, rounded to float64, are known.
    lost = np.finfo(float).eps * abs(offset)
    tiny = 1e-30 + (1e-17 * offset) ** 2  # the variance of one value, to the oracle
    bounds = [(whole, 1e-12, tiny), (parts, 1e-12 + 10 * lost, tiny + 10 * lost)]
    for model, rtol, atol in bounds:
        np.testing.assert_allclose(model.mean_, mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(model.var_, variance, rtol=rtol, atol=atol)


@reference_warns
def test_partial_fit_is_scikit_learns():
    X = rows()
    for options in OPTIONS:
        model, reference = StandardScaler(**options), Reference(**options)
        for batch in np.split(X, [1, 20, 90]):
            model.partial_fit(batch)
            reference.partial_fit(batch)
        # Of the feature at 1e6 both lose digits between batches, the reference more of them.
        assert_same(model, reference, X, rtol=1e-10)
        near = slice(0, 3)
        if options["with_std"]:
            np.testing.assert_allclose(model.var_[near], reference.var_[near], rtol=1e-12)


def test_fit_forgets_and_partial_fit_does_not():
    X = rows()
    once = StandardScaler().fit(X)
    again = StandardScaler().fit(1e3 + X[:20]).fit(X)
    np.testing.assert_array_equal(once.mean_, again.mean_)
    assert again.n_samples_seen_ == 200
    assert again.partial_fit(X[:7]).n_samples_seen_ == 207
    assert isinstance(again.n_samples_seen_, np.integer)


def test_a_row_and_a_shifted_test_set_meet_the_statistics_of_training(backend):
    """The teaching code standardises what it predicts by that batch's own mean and deviation."""
    rng = np.random.default_rng(3)
    X = rng.normal(5, 2, (200, 5))
    model = StandardScaler(backend=backend).fit(X)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    one = model.transform(X[:1])
    np.testing.assert_allclose(one, (X[:1] - mean) / deviation, rtol=1e-12)
    assert (np.abs(one) > 1e-3).all()  # its own mean would make it 0
    shifted = model.transform(X + 10 * deviation)
    np.testing.assert_allclose(shifted.mean(axis=0), 10, rtol=1e-12)  # and not 0
    np.testing.assert_allclose(shifted.std(axis=0), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.mean_, StandardScaler(backend=backend).fit(X).mean_)


@reference_warns
@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e-8, 1e-300, 123456.789, -1e15])
@pytest.mark.parametrize("n", [10, 100, 10_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.backends("numpy", "numpy-generic", "numba")
def test_a_constant_is_divided_by_one(backend, value, n, dtype):
    X = np.full((n, 2), value, dtype=dtype)
    weights = np.random.default_rng(0).random(n)
    for weight in (None, weights):
        model = StandardScaler(backend=backend).fit(X, sample_weight=weight)
        np.testing.assert_array_equal(model.scale_, 1)
        np.testing.assert_array_equal(Reference().fit(X, sample_weight=weight).scale_, 1)
        np.testing.assert_allclose(model.transform(X), 0, atol=1e-7 * abs(value))


def test_what_varies_by_rounding_alone_is_constant_too():
    """The rule is scikit-learn's, on its own side of the bound and on the other."""
    rng = np.random.default_rng(0)
    for spread, expected in [(1e-16, True), (1e-14, True), (1e-12, False)]:
        X = 1 + spread * rng.standard_normal((100, 1))
        model, reference = StandardScaler().fit(X), Reference().fit(X)
        assert (model.scale_ == 1) == expected == (reference.scale_ == 1)


def test_float32_far_from_the_origin_is_centred_as_float64_is(backend):
    rng = np.random.default_rng(2)
    X = (1e4 + rng.standard_normal((200, 5))).astype(np.float32)
    model = StandardScaler(backend=backend).fit(X)
    assert model.mean_.dtype == np.float64
    np.testing.assert_allclose(model.mean_, X.astype(np.float64).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(model.var_, X.astype(np.float64).var(axis=0), rtol=1e-10)
    Z = model.transform(X)
    assert Z.dtype == np.float32
    # A mean rounded to float32 would be off by up to 5e-4 here.
    assert np.abs(Z.mean(axis=0, dtype=np.float64)).max() < 1e-6
    exact = (X.astype(np.float64) - model.mean_) / model.scale_
    np.testing.assert_allclose(Z, exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(Z), X, rtol=2e-7)


def test_there_and_back(backend):
    X = rows()
    for options in OPTIONS:
        model = StandardScaler(**options, backend=backend).fit(X)
        np.testing.assert_allclose(
            model.inverse_transform(model.transform(X)), X, rtol=1e-12, atol=1e-9
        )


def test_missing_values_stay_and_a_feature_may_come_later():
    X = np.array([[1.0, np.nan], [3.0, np.nan]])
    model = StandardScaler().fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        reference = Reference().fit(X)
    for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(reference, name))
    np.testing.assert_array_equal(model.transform(X), [[-1, np.nan], [1, np.nan]])
    model.partial_fit([[np.nan, 4.0], [2.0, 8.0]])
    np.testing.assert_allclose(model.mean_, [2, 6])
    np.testing.assert_allclose(model.var_, [2 / 3, 4])
    assert model.n_samples_seen_.tolist() == [3, 2]


def test_rows_without_weight_are_as_if_absent():
    X = rows()
    weights = np.repeat([1.0, 0.0], 100)
    model = StandardScaler().fit(np.where(weights[:, None] > 0, X, 1e9), sample_weight=weights)
    np.testing.assert_allclose(model.mean_, StandardScaler().fit(X[:100]).mean_, rtol=1e-12)
    twice = StandardScaler().fit(X, sample_weight=2 * np.ones(200))
    np.testing.assert_allclose(twice.var_, StandardScaler().fit(X).var_, rtol=1e-12)
    assert twice.n_samples_seen_ == 400.0


def test_layouts_and_types_of_input():
    X = rows()
    expected = StandardScaler().fit(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    for name in ("numpy",) + ("numba",) * (not problem("numba")):
        for variant in (np.asfortranarray(X), X[::-1][::-1], frozen, X.tolist()):
            model = StandardScaler(backend=name, copy=False).fit(variant)
            np.testing.assert_allclose(model.var_, expected.var_, rtol=1e-12, atol=1e-30)
            np.testing.assert_allclose(
                model.transform(variant), expected.transform(X), rtol=1e-12, atol=1e-12
            )
            np.testing.assert_allclose(model.inverse_transform(variant)[0, 2], X[0, 2] * 1e6, 1)
    np.testing.assert_array_equal(frozen, X)
    whole = StandardScaler().fit_transform(np.array([[0], [2]], dtype=np.int16))
    assert whole.dtype == np.float64
    assert whole.tolist() == [[-1], [1]]


def test_the_result_is_never_the_input():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    kept = X.copy()
    model = StandardScaler(copy=False, with_mean=False, with_std=False).fit(X)
    for result in (model.transform(X, copy=False), model.inverse_transform(X, copy=False)):
        result += 1
        np.testing.assert_array_equal(X, kept)


BAD_INPUT = [
    ({}, [[np.inf], [1.0]], None, "infinity"),
    ({}, [1.0, 2.0], None, "Expected 2D array"),
    ({}, np.zeros((0, 2)), None, "0 sample"),
    ({}, sparse.csr_array(np.eye(3)), None, "[Ss]parse"),
    ({"with_mean": False}, sparse.csr_matrix(np.eye(3)), None, "[Ss]parse"),
    ({"with_mean": "yes"}, [[0.0]], None, "'with_mean' parameter"),
    ({"backend": "abacus"}, [[0.0]], None, "backend='abacus'"),
    ({}, [[0.0], [1.0]], [1.0], "sample_weight"),
    ({}, [[0.0], [1.0]], [1.0, -1.0], "sample_weight has negative"),
    ({}, [[0.0], [1.0]], [0.0, 0.0], "sample|weight"),
]


@pytest.mark.parametrize(("parameters", "X", "weights", "message"), BAD_INPUT)
def test_bad_input_is_refused_and_changes_nothing(parameters, X, weights, message):
    model = StandardScaler().fit(rows())
    before = {name: value for name, value in vars(model).items() if name.endswith("_")}
    model.set_params(**parameters)
    for learn in (model.fit, StandardScaler(**parameters).partial_fit):
        with pytest.raises((ValueError, TypeError), match=message):
            learn(X, sample_weight=weights)
    assert {name: value for name, value in vars(model).items() if name.endswith("_")} == before


def test_other_columns_are_refused():
    model = StandardScaler().fit(rows())
    for method in (model.transform, model.inverse_transform, model.partial_fit):
        for width in (1, 4):  # one column would broadcast
            message = f"X has {width} features, but StandardScaler is expecting 5"
            with pytest.raises(ValueError, match=message):
                method(np.zeros((3, width)))


def test_options_may_be_switched_off_but_not_on_after_fit():
    X = rows()
    model = StandardScaler().fit(X).set_params(with_mean=False)
    np.testing.assert_allclose(model.transform(X), X / model.scale_)
    model = StandardScaler(with_std=False).fit(X).set_params(with_std=True)
    for method in (model.transform, model.partial_fit):
        with pytest.raises(ValueError, match="switched on after fit"):
            method(X)


def test_frames_names_and_pickles():
    import pandas as pd

    frame = pd.DataFrame(rows(), columns=list("abcde"), index=np.arange(200) + 7)
    model = StandardScaler().set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert out.columns.tolist() == list("abcde") == model.get_feature_names_out().tolist()
    assert out.index.equals(frame.index)
    np.testing.assert_allclose(model.inverse_transform(out), frame, rtol=1e-12, atol=1e-9)
    model.inverse_transform(out.to_numpy())  # no names, and no warning of it
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[list("bacde")])
    restored = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(restored.transform(frame), out)


@pytest.mark.backends("jax", "jax-second-device", "jax-gpu", "cupy")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_device_arrays_stay_where_they_are(backend, dtype):
    X = rows(missing=True).astype(dtype)
    with backend.context():
        on_device = backend.asarray(X)
        whole = backend.asarray(np.arange(12).reshape(3, 4))
        infinite = backend.asarray(np.full((2, 5), np.inf))
    model, expected = StandardScaler().fit(on_device), StandardScaler().fit(X)
    assert model.backend_ == backend.name
    assert isinstance(model.mean_, np.ndarray)
    np.testing.assert_allclose(model.var_, expected.var_, rtol=1e-10, atol=1e-20)
    Z = model.transform(on_device)
    assert type(Z) is type(on_device)
    assert backend.device_of(Z) == backend.device_of(on_device)
    assert backend.to_numpy(Z).dtype == dtype
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(backend.to_numpy(Z), expected.transform(X), atol=tolerance)
    assert type(model.inverse_transform(Z)) is type(on_device)
    assert backend.to_numpy(StandardScaler().fit_transform(whole)).dtype == np.float64
    with pytest.raises(ValueError, match=r"X has 4 features"):
        model.transform(whole)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(infinite)
    np.testing.assert_allclose(model.mean_, expected.mean_, rtol=1e-10)
    frame = StandardScaler().set_output(transform="pandas").fit_transform(on_device)
    assert frame.shape == (200, 5)


def test_real_images_are_standardised_as_scikit_learn_does(backend):
    X, _ = digits("float32")
    model, reference = StandardScaler(backend=backend).fit(X), Reference().fit(X)
    np.testing.assert_allclose(model.scale_, reference.scale_, rtol=1e-12)
    np.testing.assert_allclose(model.transform(X), reference.transform(X), rtol=1e-5, atol=1e-6)
