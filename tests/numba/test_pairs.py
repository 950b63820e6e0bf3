"""Products of rows where they are with a few vectors, beside NumPy's in float64."""

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("d", [1, 7, 16, 64, 131])
@pytest.mark.parametrize("k", [1, 2, 5, 6, 13, 15, 27])
def test_products_of_some_rows(k, d, dtype):
    """Of one, of an odd number and of an even one, the same row among them more than once."""
    from accelml_numba.pairs import in_groups, products_in_place

    rng = np.random.default_rng(k * d)
    X, W = rng.standard_normal((9, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    origin = rng.standard_normal(d).astype(dtype)
    groups = in_groups(W)
    starts = np.full(-(-k // len(groups)) * len(groups), np.inf, dtype)
    starts[:k] = rng.standard_normal(k)
    for rows in ([3], [8, 0, 0], [1, 2, 7, 8]):
        rows = np.array(rows, np.int32)
        out, norms = np.full((len(starts), 5), -1, dtype), np.full(5, -1, dtype)
        products_in_place(groups, X, origin, rows, starts, out, norms)
        near = X[rows].astype("f8") - origin
        tolerance = 1e-4 if dtype == "f4" else 1e-12
        m = len(rows)
        np.testing.assert_allclose(
            out[:k, :m], (near @ W.T + starts[:k]).T, rtol=tolerance, atol=tolerance
        )
        np.testing.assert_allclose(norms[:m], (near**2).sum(axis=1), rtol=tolerance)
        assert np.isinf(out[k:, :m]).all()
        assert (out[:, m:] == -1).all()
        assert (norms[m:] == -1).all()


def test_nothing_is_read_beside_a_row():
    """A masked load at the end: NaN behind the last entry does not reach the sums."""
    from accelml_numba.pairs import in_groups, products_in_place

    d = 70
    X = np.full((4, d + 30), np.nan, np.float32)
    X[:, :d] = 1
    padded = np.full(d + 30, np.nan, np.float32)
    padded[:d] = 0
    out, norms = np.zeros((3, 4), np.float32), np.zeros(4, np.float32)
    products_in_place(
        in_groups(np.ones((3, d), np.float32)), X[:, :d], padded[:d], np.arange(4),
        np.zeros(3, np.float32), out, norms,
    )  # fmt: skip
    np.testing.assert_array_equal(out, d)
    np.testing.assert_array_equal(norms, d)


def test_registers_are_left_for_the_rows():
    from accelml_numba.pairs import most_for

    for features, registers in (({"avx512f", "avx2"}, 32), ({"avx2"}, 16), ({"neon"}, 32)):
        assert 2 * (most_for(features) + 1) + 3 <= registers


@pytest.mark.parametrize("layout", ["C", "F", "every second row", "every second column"])
def test_few_centers_wherever_the_rows_lie(layout):
    """Only rows whose entries are neighbours are multiplied where they are."""
    from accelml.cluster import KMeans

    X = np.random.default_rng(0).standard_normal((500, 80)).astype(np.float32)
    given = {
        "C": X,
        "F": np.asfortranarray(X),
        "every second row": np.repeat(X, 2, axis=0)[::2],
        "every second column": np.repeat(X, 2, axis=1)[:, ::2],
    }[layout]
    found = KMeans(7, init=X[:7], n_init=1, backend="numba").fit(given)
    expected = KMeans(7, init=X[:7], n_init=1, backend="numpy").fit(X)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_, atol=1e-5)
