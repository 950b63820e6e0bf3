"""Sines of multiples, as the teaching project makes them, and what is beyond them."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.preprocessing import SinusoidFeatures

ESTIMATORS = [
    SinusoidFeatures(),
    SinusoidFeatures(3, include_cosine=True, include_input=True),
]


@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


X = np.random.default_rng(0).normal(0, 3, (9, 4))


def test_it_is_sin_of_j_x_by_j_then_by_feature(backend):
    found = SinusoidFeatures(4, backend=backend).fit_transform(X)
    expected = np.hstack([np.sin(j * X) for j in (1, 2, 3, 4)])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_cosines_follow_their_sines_and_the_input_comes_first(backend):
    model = SinusoidFeatures(2, include_cosine=True, include_input=True, backend=backend)
    found = model.fit_transform(X)
    expected = np.hstack([X, np.sin(X), np.cos(X), np.sin(2 * X), np.cos(2 * X)])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert model.n_output_features_ == found.shape[1] == 20


def test_names():
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "b {}": [3.0, 5.0]})
    model = SinusoidFeatures(2).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    assert out.columns.tolist() == ["sin(a)", "sin(b {})", "sin(2 a)", "sin(2 b {})"]
    np.testing.assert_allclose(out["sin(2 a)"], np.sin([2.0, 4.0]))
    model = SinusoidFeatures(2, include_cosine=True, include_input=True).fit([[0.0]])
    expected = ["x0", "sin(x0)", "cos(x0)", "sin(2 x0)", "cos(2 x0)"]
    assert model.get_feature_names_out().tolist() == expected
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.transform([[1.0]]), model.transform([[1.0]]))


def test_a_fourier_series_is_a_combination():
    t = np.linspace(-3, 3, 100)[:, None]
    waves = SinusoidFeatures(3, include_cosine=True).fit_transform(t)
    y = np.sin(t[:, 0] + 0.3) - 2 * np.cos(3 * t[:, 0] - 1)
    left = y - waves @ np.linalg.lstsq(waves, y)[0]
    assert np.abs(left).max() < 1e-12


def test_dtype_and_layouts():
    for dtype, expected in [("float32", "float32"), ("float64", "float64"), ("int32", "float64")]:
        assert SinusoidFeatures(2).fit_transform(X.astype(dtype)).dtype == expected
    frozen = X.copy()
    frozen.flags.writeable = False
    for variant in (np.asfortranarray(X), X[::-1][::-1], frozen, X.tolist()):
        np.testing.assert_array_equal(SinusoidFeatures().fit_transform(variant), np.sin(X))


@pytest.mark.parametrize("bad", [0, -1, 1.5, "1", None, (1, 2)], ids=str)
def test_a_wrong_degree_is_refused(bad):
    with pytest.raises(ValueError, match="'degree' parameter"):
        SinusoidFeatures(bad).fit(X)


@pytest.mark.parametrize("bad", [[[np.nan]], [[np.inf]], sparse.csr_array(np.eye(1))])
def test_missing_infinite_and_sparse_input_is_refused(bad):
    model = SinusoidFeatures().fit([[0.0]])
    for method in (model.fit, model.transform):
        with pytest.raises((ValueError, TypeError), match=r"NaN|infinity|[Ss]parse"):
            method(bad)


def test_other_columns_are_refused_and_there_is_no_inverse():
    model = SinusoidFeatures().fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but SinusoidFeatures is expecting 4"):
        model.transform(X[:, :3])
    assert not hasattr(model, "inverse_transform")


@pytest.mark.backends("jax", "jax-second-device", "jax-gpu", "cupy")
def test_device_arrays_stay_where_they_are(backend):
    with backend.context():
        on_device = backend.asarray(X.astype(np.float32))
    waves = SinusoidFeatures(4).fit_transform(on_device)
    assert type(waves) is type(on_device)
    assert backend.device_of(waves) == backend.device_of(on_device)
    found = backend.to_numpy(waves)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SinusoidFeatures(4).fit_transform(X), atol=1e-5)
