"""Products made in parts on NumPy: those of the whole, with either kind of library beneath."""

import numpy as np
import pytest

from accelml_numpy import products
from accelml_numpy.products import FEATURES, FEW, is_few, part_of, sum_rows, times_rows

GENERATOR = np.random.default_rng(0)
EPSILONS = 8


@pytest.fixture(autouse=True, params=[True, False], ids=["small-kernels", "none"])
def processor(request, monkeypatch):
    monkeypatch.setattr(products, "has_small_kernels", lambda: request.param)
    return request.param


def layouts(X):
    wide = np.zeros((2 * len(X), X.shape[1] + 3), X.dtype)
    wide[::2, 3:] = X
    return {"C": X, "F": np.asfortranarray(X), "apart": wide[::2, 3:]}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["C", "F", "apart"])
@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 999])
@pytest.mark.parametrize(("count", "features"), [(1, 40), (2, 32), (7, 33), (20, 784), (21, 50)])
def test_parts_make_the_whole(count, features, rows, layout, dtype):
    X = layouts(GENERATOR.normal(size=(rows, features)).astype(dtype))[layout]
    vectors = GENERATOR.normal(size=(count, features)).astype(dtype)
    shares = np.asfortranarray(GENERATOR.normal(size=(count, rows)).astype(dtype))
    out = np.full((count, rows + 5), np.nan, dtype)[:, 2 : rows + 2]

    assert times_rows(vectors, X, out) is out
    limit = EPSILONS * np.finfo(dtype).eps
    for found, left, right in (
        (out, vectors, X.T),
        (times_rows(vectors, X), vectors, X.T),
        (sum_rows(shares, X), shares, X),
    ):
        assert found.dtype == dtype
        exact = left.astype(np.longdouble) @ right.astype(np.longdouble)
        bound = np.abs(left).astype(np.float64) @ np.abs(right).astype(np.float64)
        assert np.all(np.abs(found - exact) <= limit * bound)


def test_only_few_vectors_of_many_features_are_multiplied_in_parts(processor):
    assert is_few(10, 784) == is_few(2, FEATURES) == is_few(FEW, 784) == processor
    assert not is_few(1, 784)
    assert not is_few(FEW + 1, 784)
    assert not is_few(10, FEATURES - 1)
    assert not is_few(10, 100_000)  # not even a few rows would be a small product


@pytest.mark.parametrize("count", range(2, FEW + 1))
def test_a_part_is_what_the_library_calls_small(count):
    for features in (32, 100, 784):
        rows = part_of(count, features)
        assert rows * count <= products.ENTRIES
        assert rows * count * features <= products.MULTIPLICATIONS
