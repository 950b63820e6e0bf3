"""NaN and infinity in a large X, which is added up by several threads before it is searched."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.cluster import KMeans
from accelml.validation import check_X, has_finite_sum


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr("accelml.validation.LARGE", 1)


def checked(X):
    return check_X(KMeans(), X, backend=get_backend("numpy"), owned=None, reset=True)


@pytest.mark.parametrize(
    "layout", [np.asarray, np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2]]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (700, 1), (1406, 2)])
def test_what_is_not_finite_is_refused(place, bad, layout):
    """In the first or the last of the long rows that are summed, or in what they leave."""
    X = np.ones((1407, 3), np.float32)
    assert checked(layout(X)) is not None
    X[place] = bad
    message = "Input X contains NaN" if np.isnan(bad) else "Input X contains infinity"
    with pytest.raises(ValueError, match=message):
        checked(layout(X))


def test_both_infinities_are_refused():
    X = np.array([[np.inf], [-np.inf], [1.0]])
    with pytest.raises(ValueError, match="infinity"):
        checked(X)


def test_numbers_whose_sum_overflows_are_not_refused():
    X = np.full((9, 2), 3e38, np.float32)
    assert not has_finite_sum(X)
    np.testing.assert_array_equal(checked(X), X)


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf]], ids=str)
def test_what_is_not_finite_is_refused_on_every_device(backend, values):
    X = np.ones((1000, 3), np.float32)
    X[700 : 700 + len(values), 1] = values
    with backend.context(), pytest.raises(ValueError, match="Input X contains"):
        check_X(KMeans(), backend.asarray(X), backend=backend, owned=backend, reset=True)


def test_numbers_whose_sum_overflows_are_refused_on_no_device(backend):
    X = np.full((9, 2), 3e38, np.float32)
    with backend.context():
        found = check_X(KMeans(), backend.asarray(X), backend=backend, owned=backend, reset=True)
        np.testing.assert_array_equal(backend.to_numpy(found), X)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 1), (1000, 3)])
def test_fewer_rows_than_threads(shape):
    assert has_finite_sum(np.ones(shape))
    assert not has_finite_sum(np.full(shape, np.nan))


@pytest.mark.backends("numpy", "numba", "jax")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 700])
def test_k_means_looks_at_its_origin(backend, bad, row):
    """Which is not finite then, wherever among the rows the number is."""
    X = np.random.default_rng(0).standard_normal((1000, 3))
    X[row, 1] = bad
    model = KMeans(3, backend=backend.name)
    with pytest.raises(ValueError, match="Input X contains"):
        model.fit(X)
    assert not hasattr(model, "cluster_centers_")
