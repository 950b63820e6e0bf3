"""Pixels become fractions, in the library and on the device where they are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import accelml
from accelml.preprocessing import PixelScaler


@pytest.mark.filterwarnings("ignore:SCIPY_ARRAY_API:UserWarning")
@parametrize_with_checks([PixelScaler()])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.uint8, np.float32),
        (np.int64, np.float32),
        (np.bool_, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
    ],
)
def test_whole_numbers_become_float32_and_others_stay(dtype, expected):
    X = np.array([[0, 1], [1, 1]], dtype=dtype)
    scaled = PixelScaler(maximum=2).fit_transform(X)
    assert scaled.dtype == expected
    np.testing.assert_array_equal(scaled, X / np.float64(2))


def test_bytes_do_not_wrap_around():
    scaled = PixelScaler().fit_transform(np.array([[0, 128, 255]], dtype=np.uint8))
    np.testing.assert_allclose(scaled, [[0, 128 / 255, 1]], rtol=1e-7)


@pytest.mark.skipif("jax" not in accelml.available_backends(), reason="JAX is not usable here")
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_jax_arrays_stay_on_their_device(dtype):
    backend = accelml.get_backend("jax")
    X = np.arange(12).reshape(3, 4).astype(dtype)
    with backend.context():
        on_device = backend.asarray(X)
    scaled = PixelScaler(11).fit_transform(on_device)
    assert type(scaled) is type(on_device)
    assert scaled.devices() == on_device.devices()
    expected = PixelScaler(11).fit_transform(X)
    assert scaled.dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(scaled), expected, rtol=1e-7)
    scaler = PixelScaler().fit(on_device)
    with pytest.raises(ValueError, match="2 features, but PixelScaler is expecting 4"):
        scaler.transform(on_device[:, :2])
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        scaler.fit(on_device[0])


def test_it_needs_no_fit_and_learns_nothing():
    dark, bright = np.array([[0, 1]]), np.array([[0, 200]])
    fitted = PixelScaler().fit(bright)
    np.testing.assert_array_equal(fitted.transform(dark), PixelScaler().transform(dark))


def test_names_of_columns_go_through():
    frame = pd.DataFrame({"left": [0, 4], "right": [2, 8]})
    scaler = PixelScaler(8).set_output(transform="pandas").fit(frame)
    assert list(scaler.get_feature_names_out()) == ["left", "right"]
    pd.testing.assert_frame_equal(
        scaler.transform(frame), (frame / 8).astype(np.float32), check_exact=True
    )


@pytest.mark.parametrize("maximum", [0, -1, "255", np.nan])
def test_the_maximum_must_be_positive(maximum):
    with pytest.raises(ValueError, match="maximum"):
        PixelScaler(maximum).fit([[1, 2]])


def test_missing_pixels_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        PixelScaler().fit([[1.0, np.nan]])
