"""Panels of rows beside NumPy in float64: laid out, multiplied, and looked through."""

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))


def panel(X, rows, origin):
    """Some rows as columns, and |x|²."""
    from accelml_numba.assignment import WIDTH
    from accelml_numba.panels import fill_panel, padded

    width = WIDTH // X.itemsize
    near, norms = np.full((padded(X), width), -1, X.dtype), np.full(width, -1, X.dtype)
    fill_panel(X, origin, np.array(rows, np.int32), near, norms)
    return near, norms


@pytest.mark.parametrize("layout", ["C", "F", "every second row", "every second column"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("d", [1, 7, 16, 37])
def test_rows_become_columns(d, dtype, layout):
    """The last one fills up; nothing is read beside the rows."""
    rng = np.random.default_rng(d)
    base, origin = rng.standard_normal((9, d)).astype(dtype), rng.standard_normal(d).astype(dtype)
    padded = np.full((18, 2 * d), np.nan, dtype)
    padded[::2, :d] = base
    beside = np.full((9, 2 * d), np.nan, dtype)
    beside[:, ::2] = base
    X = {
        "C": base, "F": np.asfortranarray(base), "every second row": padded[::2, :d],
        "every second column": beside[:, ::2],
    }[layout]  # fmt: skip
    for rows in ([4], [8, 0, 0, 3]):
        near, norms = panel(X, rows, origin)
        expected = (base[rows] - origin).T
        np.testing.assert_array_equal(near[:d, : len(rows)], expected)
        np.testing.assert_array_equal(near[:d, len(rows) :], np.broadcast_to(
            expected[:, -1:], (d, near.shape[1] - len(rows))
        ))  # fmt: skip
        np.testing.assert_allclose(norms[: len(rows)], (expected**2).sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("k", [1, 2, 11, 12, 13, 30])
@pytest.mark.parametrize("d", [1, 5, 130, 300])
def test_products_of_a_panel(d, k, dtype):
    from accelml_numba.panels import in_tiles, products_of_panel

    rng = np.random.default_rng(d * k)
    X, W = rng.standard_normal((20, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    starts = rng.standard_normal(k).astype(dtype)
    near, _ = panel(X, range(7), np.zeros(d, dtype))
    out = np.full((k, near.shape[1]), -1, dtype)
    products_of_panel(in_tiles(W), near, starts, out)
    expected = starts[:, None] + W.astype("f8") @ X[:7].T
    tolerance = 1e-4 if dtype == "f4" else 1e-12
    np.testing.assert_allclose(out[:, :7], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("k", [1, 2, 9])
def test_the_two_lowest_of_each_column(k, dtype):
    """Of equal ones the first, and the other is as low; of one there is no second."""
    from accelml_numba.assignment import WIDTH
    from accelml_numba.compilation import compiled
    from accelml_numba.panels import two_lowest

    @compiled
    def look(distances, best, second, label):
        two_lowest(distances, best, second, label)

    width = WIDTH // np.dtype(dtype).itemsize
    distances = np.random.default_rng(k).integers(0, 5, (k, width)).astype(dtype)
    best, second = np.empty(width, dtype), np.empty(width, dtype)
    label = np.empty(width, np.int32)
    look(distances, best, second, label)
    np.testing.assert_array_equal(label, distances.argmin(axis=0))
    np.testing.assert_array_equal(best, distances.min(axis=0))
    others = np.sort(np.vstack([distances, np.full(width, np.inf)]), axis=0)[1]
    np.testing.assert_array_equal(second, others)


@pytest.mark.parametrize("k", [1, 2, 10, 33])
@pytest.mark.parametrize("d", [3, 64, 200])
def test_nothing_is_read_where_no_row_is_in_question(d, k):
    """Rows with slack keep their labels, whatever lies in front of the first."""
    from accelml_numba.assignment import assign, prepared

    X = np.random.default_rng(0).standard_normal((40, d)).astype(np.float32)
    labels, slack = np.zeros(40, np.int32), np.ones(40, np.float32)
    centers, nothing = np.ones((k, d), np.float32), np.empty(0, np.int32)
    search = prepared(X, np.zeros(d, np.float32), centers, np.zeros(k, np.float32))
    no_bounds = np.empty((0, k), np.float32)
    assert assign(X, *search, 0, 40, labels, slack, None, no_bounds, slack, nothing, nothing) == 0
    assert not labels.any()


def test_bounds_leave_only_rows_that_may_change():
    """Of all rows, those whose center is the nearest by their bounds stay, and only those."""
    from accelml_numba.elkan import keep_centers

    rng = np.random.default_rng(0)
    n, d, k = 200, 70, 37
    X, centers = rng.standard_normal((n, d)).astype("f4"), rng.standard_normal((k, d)).astype("f4")
    origin = rng.standard_normal(d).astype("f4")
    distances = np.sqrt(((X[:, None].astype("f8") - origin - centers) ** 2).sum(axis=2))
    labels = distances.argmin(axis=1).astype(np.int32)
    labels[::3] = 5  # mostly not the nearest
    drift = rng.random(k)
    bounds = (distances + drift).astype("f4") * np.float32(1 - 1e-6)
    own = distances[np.arange(n), labels]
    # The first half knows how far off its center is, the second only that it is not farther.
    reaches = np.where(np.arange(n) < n // 2, own * (1 + 1e-6), 1e3).astype("f4") - drift[labels]
    reaches, slack = reaches.astype("f4"), np.zeros(n, np.float32)
    active = np.arange(n, dtype=np.int32)
    largest = np.float32((centers**2).sum(axis=1).max())
    held = keep_centers(
        X, origin, centers, largest, np.float32(1e-6), drift, labels, slack, bounds, reaches, active
    )
    others = distances.copy()
    others[np.arange(n), labels] = np.inf
    gap = others.min(axis=1) - own
    clear = np.abs(gap) > 1e-3  # else rounding may decide
    assert clear.mean() > 0.9
    left = np.isin(np.arange(n), active[:held])
    np.testing.assert_array_equal(left[clear], gap[clear] < 0)
    kept = ~left
    assert (slack[kept] <= gap[kept] + 1e-6).all()
    np.testing.assert_allclose(slack[kept], gap[kept], atol=5e-4)
