"""Lloyd's loops in place, against the generic body, over shapes that are awkward."""

import numpy as np
import pytest

from accelml.cluster import lloyd
from accelml.cluster.lloyd import State
from accelml.cluster.rows import centered, inertia_of, labels_of
from accelml.testing import distance
from tests.backends import CASES

# Tiles are 12 centers by 32 or 16 rows with AVX-512, 6 by 16 or 8 with AVX2; rows of 128 columns
# and more are multiplied in place by few centers; with 64 columns and 32 centers and more,
# distances have bounds.
SHAPES = [
    (1, 1, 1), (3, 1, 2), (4, 3, 4), (5, 70, 3), (31, 64, 7), (32, 63, 33), (33, 64, 33),
    (65, 90, 10), (40, 266, 40), (2000, 16, 64), (3000, 5, 9), (1500, 300, 2), (1000, 300, 40),
    (130, 70, 16), (600, 64, 15), (300, 900, 35),
]  # fmt: skip
DTYPES = [("float64", 1e-12), ("float32", 2e-6)]
LAYOUTS = [np.asfortranarray, lambda x: x[::2], lambda x: x[:, ::-1]]


pytestmark = pytest.mark.backends("numpy", "numba")


@pytest.fixture(autouse=True, params=["few", "many"])
def loops(request, backend, monkeypatch):
    """On NumPy the loops of few rows and of many; on Numba few parts and many."""
    if backend.name == "numpy":
        for name in ("WHOLE", "WHOLE_LONG"):
            most = {"few": 2**15, "many": 0}[request.param]
            monkeypatch.setattr(f"accelml_numpy.lloyd.{name}", most)
    elif request.param == "many":
        monkeypatch.setattr("accelml_numba.lloyd.PART", 1)
        monkeypatch.setattr("accelml_numba.lloyd.ROWS", 2)


def rows_and_centers(n, d, k, dtype, offset=0.0):
    rng = np.random.default_rng(n + d + k)
    X = rng.standard_normal((n, d))
    centers = X[rng.permutation(n)[:k]] + 0.1 * rng.standard_normal((min(n, k), d))
    # Not where a cluster has one row: with no weight it is empty, and rounding says who fills it.
    weights = rng.random(n) * (rng.random(n) > 0.2) if n > 4 * k else np.ones(n)
    return (X + offset).astype(dtype), (centers + offset).astype(dtype), weights.astype(dtype)


def run(backend, X, centers, weights, iterations, chunk):
    """The states after every chunk of iterations."""
    points = centered.generic(backend, X, weights).points
    state = State(
        centers - points.origin, np.full(len(X), -1, np.int32), np.zeros(()), np.asarray(False),
        np.zeros((), np.int32),
    )  # fmt: skip
    for _ in range(0, iterations, chunk):
        state = lloyd.lloyd(backend, points, state, np.asarray(-1.0), np.asarray(chunk))
        yield state


def check(backend, X, centers, weights, tolerance, iterations=8):
    """Every iteration of the loop is that of the generic body, in float64."""
    wide = [np.ascontiguousarray(part, np.float64) for part in (X, centers, weights)]
    plain = CASES["numpy-generic"].make()
    pairs = zip(
        run(backend, X, centers, weights, iterations, 1),
        run(plain, *wide, iterations, 1),
        strict=True,
    )
    for found, expected in pairs:
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.labels.dtype == np.int32
        assert found.centers.dtype == X.dtype
        assert distance("kernel", found.centers, expected.centers) < tolerance
        assert bool(found.converged) == bool(expected.converged)
        assert int(found.iteration) == int(expected.iteration)
    return found


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_every_iteration(backend, n, d, k, dtype, tolerance):
    X, centers, weights = rows_and_centers(n, d, k, dtype)
    # float32 rounds its centers at every step, and after a few the labels are not those of float64.
    check(backend, X, centers, weights, tolerance, 8 if dtype == "float64" else 2)


@pytest.mark.parametrize(("n", "d", "k"), [(2000, 16, 64), (1000, 300, 40), (1500, 300, 2)])
def test_what_is_kept_never_hides_a_nearer_center(backend, n, d, k):
    """Until nothing changes, and with weights of one; the sums are renewed on the way."""
    X, centers, _ = rows_and_centers(n, d, k, "float64")
    check(backend, X, centers, np.broadcast_to(np.float64(1), n), 1e-11, 45)


@pytest.mark.parametrize(("n", "d", "k"), [(3000, 5, 9), (1000, 300, 40)])
def test_chunks_make_no_difference(backend, n, d, k):
    data = rows_and_centers(n, d, k, "float32")
    *_, whole = run(backend, *data, 12, 12)
    *_, parts = run(backend, *data, 12, 4)
    for part, other in zip(whole[:5], parts[:5], strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("d", [12, 70])
def test_other_layouts(backend, layout, d):
    X, centers, weights = rows_and_centers(90, d, 4, "float64")
    X = layout(X)
    check(backend, X, layout(centers), weights[: len(X)], 1e-12)


def test_ties_go_to_the_lowest_index_and_an_empty_cluster_gets_a_row(backend):
    X = np.tile([[0.0, 0.0], [4.0, 0.0], [2.0, 0.0]], (50, 1))
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 0.0], [9.0, 9.0]])
    found = check(backend, X, centers, np.ones(len(X)), 1e-12, 1)
    assert found.labels[:3].tolist() == [0, 1, 0]
    check(backend, X, centers, np.ones(len(X)), 1e-12, 4)


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_what_has_ended_stays_as_it_is(backend, limit):
    X, centers, weights = rows_and_centers(200, 5, 3, "float64")
    *_, state = run(backend, X, centers, weights, 60, 60)
    assert state.converged
    assert int(state.iteration) < 60
    points = centered.generic(backend, X, weights).points
    again = lloyd.lloyd(backend, points, state, np.asarray(-1.0), np.asarray(limit))
    assert int(again.iteration) == int(state.iteration)
    np.testing.assert_array_equal(again.centers, state.centers)


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_that_empty_on_the_way(backend, weighted):
    """Two centers at one place lose all rows to the lower index, iteration after iteration."""
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(place, 0.3, (100, 3)) for place in (0, 5, 20)])
    centers = np.array([[0.0] * 3, [0.1] * 3, [0.1] * 3, [30.0] * 3, [30.0] * 3])
    weights = rng.random(300) + 0.1 if weighted else np.broadcast_to(np.float64(1), 300)
    check(backend, X, centers, weights, 1e-11, 12)
    *_, whole = run(backend, X, centers, weights, 12, 12)
    *_, parts = run(backend, X, centers, weights, 12, 1)
    for part, other in zip(whole[:5], parts[:5], strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize("d", [3, 80])
def test_what_a_far_row_leaves_is_forgotten(backend, d):
    """Rows of 1e9 leave their cluster; their rounding is gone once the sums are made anew."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, d))
    X[:3] += 1e9
    centers = np.concatenate([X[3:6], np.full((1, d), 1e8)])
    check(backend, X, centers, np.ones(400), 1e-9, 40)


# The square of the origin is so many times the mean square from it: 0, 1, 3.6, 9 and 10⁴.
@pytest.mark.parametrize("offset", [0, 1, 1.9, 3, 100])
@pytest.mark.parametrize(("n", "d", "k"), [(3000, 40, 2), (1000, 300, 40), (2000, 70, 10)])
def test_wherever_the_rows_lie(backend, offset, n, d, k):
    data = rows_and_centers(n, d, k, "float64", offset)
    check(backend, *data, 1e-11, 12)


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "k", "offset", "is_near"), [
    (16, 5, 0, False), (32, 5, 0, True), (784, 10, 1.9, True), (784, 40, 1.9, True),
    (100, 33, 2.2, False), (100, 1, 1, True), (784, 32, 1.9, True),
])  # fmt: skip
def test_no_row_is_believed_safer_than_it_is(dtype, d, k, offset, is_near):
    """Where slack is left, the label is right and no more is left than there is, in float64."""
    from accelml_numpy import lloyd as in_place

    backend = CASES["numpy"].make()
    X, centers, weights = rows_and_centers(2000, d, k, dtype, offset)
    points = centered.generic(backend, X, weights).points
    centers = centers - points.origin
    kept = in_place.begin(len(X), centers.shape)
    for iteration in range(2):
        kept.iterations = iteration
        kept.slack[:] = -1
        in_place.assign_by_products(backend, points, centers, kept)
    assert (in_place.search_for(points, centers, kept).far >= 0) == is_near
    wide = X.astype(np.float64) - points.origin
    distances = np.sqrt(((wide[:, None, :] - centers[None].astype(np.float64)) ** 2).sum(axis=2))
    lowest = np.sort(np.concatenate([distances, np.full((len(X), 1), np.inf)], axis=1), axis=1)
    sure = kept.slack > 0
    assert sure.mean() > 0.95
    np.testing.assert_array_equal(kept.labels[sure], distances.argmin(axis=1)[sure])
    gap = (lowest[:, 1] - lowest[:, 0])[sure]
    assert (kept.slack[sure] * in_place.SHRINK <= gap).all()  # as the next iteration reads it
    assert k == 1 or (kept.slack[sure] >= 0.99 * gap - 0.05).all()


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(("n", "d", "k"), [(20000, 20, 30), (20000, 70, 35)])
def test_threads_make_no_difference(backend, n, d, k, threads):
    data = rows_and_centers(n, d, k, "float32")
    *_, expected = run(backend, *data, 4, 4)
    if backend.name == "numba":
        import numba

        before = numba.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        *_, found = run(backend, *data, 4, 4)
        numba.set_num_threads(before)
    else:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(threads, user_api="blas"):
            *_, found = run(backend, *data, 4, 4)
    for part, other in zip(expected[:5], found[:5], strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_labels_and_inertia_of_all_rows(backend, n, d, k, dtype, tolerance):
    """Far from zero: the origin is found from the centers, and within the pass."""
    X, centers, weights = rows_and_centers(n, d, k, dtype, 100.0)
    plain = CASES["numpy-generic"].make()
    labels = labels_of(backend, X, centers)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, labels_of(plain, X.astype("f8"), centers.astype("f8")))
    found = inertia_of(backend, X, weights, centers, labels)
    wide = [part.astype(np.float64) for part in (X, weights, centers)]
    expected = inertia_of.generic(plain, *wide, labels)
    assert float(found) == pytest.approx(float(expected), rel=tolerance, abs=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_layouts_are_labelled(backend, layout):
    X, centers, _ = rows_and_centers(90, 12, 4, "float64")
    X, centers = layout(X), layout(centers)
    plain = CASES["numpy-generic"].make()
    np.testing.assert_array_equal(labels_of(backend, X, centers), labels_of(plain, X, centers))
