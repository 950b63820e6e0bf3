"""The pieces of Lloyd's algorithm, and what its loop starts from and reports."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.cluster import lloyd
from accelml.cluster.distances import between, nearest, tie_margin
from accelml.cluster.lloyd import ClusterSums, State, moved, repair, sum_by_cluster
from accelml.cluster.rows import Points, centered
from accelml.tree import tree_map

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")
COLUMN = np.array([4096, 1, 1, 1], np.float32)  # whose squares are 2²⁴ + 3, lost in float32


def points_of(backend, X):
    return centered(backend, backend.asarray(X), backend.asarray(np.ones(len(X))))


@FAST
def test_sums_are_float64(backend):
    with backend.context():
        zero, label = np.zeros((1, 4), np.float32), np.zeros(1, np.int32)
        found = between(backend.xp, *map(backend.asarray, (COLUMN[None, :], zero, label)))
        assert found.dtype == backend.xp.float64
        assert float(found[0]) == 2.0**24 + 3
        X, labels = np.ones((4, 1), np.float32), np.zeros(4, np.int32)
        sums = sum_by_cluster(backend, 2, *map(backend.asarray, (X, COLUMN**2, labels)))
        assert sums.total.dtype == sums.weight.dtype == backend.xp.float64
        assert backend.to_numpy(sums.weight).tolist() == [2.0**24 + 3, 0]


@FAST
def test_two_close_centers_and_a_far_one(backend):
    """The expanded form leaves two in question; the second is nearer."""
    centers = np.array([[1000 + 2**-7], [1000 + 2**-9], [-900.0]], np.float32)
    X = np.array([[1000.0]], np.float32)
    with backend.context():
        found = nearest(backend, *map(backend.asarray, (X, X[0] ** 2, centers)))
        assert backend.to_numpy(found).tolist() == [1]


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_margin_of_a_tie(backend, dtype):
    """(8 ε / √d + 2 √d u) |x − c| scale^½: here |x − c|² is 9, the scale 16, and d four."""
    X, nine, scale = np.zeros((1, 4), dtype), np.array([9.0]), np.array([16.0], dtype)
    found = tie_margin(backend.xp, *map(backend.asarray, (X, nine, scale)))
    assert found.dtype == backend.xp.float64
    assert float(found[0]) == (4 * float(np.finfo(dtype).eps) + 4 * 2.0**-53) * 12


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("d", [160, 1000])
def test_rows_half_way_between_centers_go_to_the_lower_index(backend, d, dtype):
    """Also where the sum of many squares errs by more than rows and centers do."""
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((4, d)).astype(dtype)
    centers[3] = centers[1]
    pairs = rng.integers(4, size=(2, 500))
    X = (centers[pairs[0]] + centers[pairs[1]]) / 2
    with backend.context():
        points = points_of(backend, X).points
        X = points.X - points.origin
        found = nearest(
            backend, X, backend.xp.sum(X * X, axis=1), backend.asarray(centers) - points.origin
        )
        lower = np.minimum(*np.where(pairs == 3, 1, pairs))
        np.testing.assert_array_equal(backend.to_numpy(found), lower)


@FAST
def test_the_last_row_may_be_the_farthest(backend):
    """And what an empty cluster summed to, of rounding, is forgotten."""
    X = np.array([[0.0], [1.0], [2.0], [9.0]])
    points = Points(X, np.zeros(1), (X * X)[:, 0], np.ones(4))
    sums = ClusterSums(np.array([[12.0], [1e-3]]), np.array([4.0, 0.0]))
    labels, centers = np.zeros(4, np.int32), np.array([[0.0], [70.0]])
    with backend.context():
        place = backend.asarray
        found = repair(
            backend, tree_map(place, points), place(centers), place(labels), tree_map(place, sums)
        )
        assert backend.to_numpy(found.total).tolist() == [[3.0], [9.0]]
        assert backend.to_numpy(found.weight).tolist() == [3.0, 1.0]


def test_an_iteration_hands_on_what_it_made():
    labels = np.array([0, 1, 1, 0], np.int32)
    state = State(np.zeros((2, 1)), 1 - labels, np.asarray(1.0), np.asarray(False), np.asarray(4))
    is_same = np.asarray(False)
    found = moved(np, state, np.array([[3.0], [4.0]]), labels, is_same, np.asarray(24.9))
    np.testing.assert_array_equal(found.centers, [[3.0], [4.0]])
    assert found.labels is labels
    assert (float(found.shift), bool(found.converged), int(found.iteration)) == (25.0, False, 5)
    for same, tol in [(True, 0.0), (False, 25.0)]:
        same = np.asarray(same)
        found = moved(np, state, np.array([[3.0], [4.0]]), labels, same, np.asarray(tol))
        assert bool(found.converged) is True


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_loop_starts_from_arrays_of_its_types(monkeypatch, dtype):
    """A compiled loop refuses a state whose types change on the way."""
    backend = get_backend("numpy")
    seen = []

    def spy(backend, points, state, tol, limit):
        after = original(backend, points, state, tol, limit)
        seen.append((state, after, limit))
        return after

    original = lloyd.lloyd
    monkeypatch.setattr(lloyd, "lloyd", spy)
    X = np.arange(10.0)[:, None].astype(dtype)
    points = centered(backend, X, np.ones(10, dtype)).points
    lloyd.run(backend, points, X[:2] - 4, np.asarray(0.0), 50, lambda *_, **__: None)
    first = seen[0][0]
    assert set(np.ravel(first.labels)) == {-1}
    for before, after, limit in seen:
        assert limit.dtype == np.int32
        for state in (before, after):
            assert state.centers.dtype == dtype
            assert state.labels.shape == (10,)
            assert [part.dtype.name for part in state[1:5]] == ["int32", "float64", "bool", "int32"]
            assert all(part.shape == () for part in state[2:5])


def test_the_first_labels_are_new_whatever_they_are():
    """All rows are the second center's; the first is put on one of them, and it goes on."""
    backend = get_backend("numpy")
    data = points_of(backend, np.array([[0.0], [1.0], [10.0], [11.0]]))
    start = np.array([[100.0], [5.0]]) - data.points.origin
    ended = lloyd.run(backend, data.points, start, np.asarray(0.0), 50, lambda *_, **__: None)
    assert ended.converged is True
    assert ended.interrupted is False
    assert ended.n_iter > 1
    assert sorted((ended.centers + data.points.origin).ravel().tolist()) == [0.5, 10.5]


def slow_start(backend):
    """Eighteen rows of three features, and two centers that take a while."""
    X = np.random.default_rng(31).standard_normal((18, 3))
    data = points_of(backend, X)
    return data.points, backend.asarray(X[:2] - backend.to_numpy(data.points.origin))


@pytest.mark.parametrize(("patience", "chunk"), [(0.5, 1), (3.5, 3), (1e6, 100)])
def test_the_host_looks_after_so_much_work(monkeypatch, patience, chunk):
    """Eighteen rows, two centers, three features: 108 multiply-adds an iteration."""
    backend = get_backend("numpy")
    points, centers = slow_start(backend)
    monkeypatch.setattr(lloyd, "PATIENCE", 108 * patience)
    seen = []

    def monitor(iteration, shift):
        seen.append((iteration, shift))

    lloyd.run(backend, points, centers, np.asarray(0.0), 2, monitor)
    assert [iteration for iteration, _ in seen] == ([1, 2] if chunk == 1 else [2])
    assert all(type(shift) is float and shift > 0 for _, shift in seen)
    limits = []
    monkeypatch.setattr(
        lloyd, "lloyd",
        lambda backend, points, state, tol, limit: limits.append(int(limit))
        or state._replace(iteration=state.iteration + limit),
    )  # fmt: skip
    lloyd.run(backend, points, centers, np.asarray(0.0), 120, monitor)
    assert limits[0] == chunk
    assert sum(limits) == 120


def test_ctrl_c_between_two_looks(monkeypatch):
    backend = get_backend("numpy")
    points, centers = slow_start(backend)
    monkeypatch.setattr(lloyd, "PATIENCE", 1.0)

    def monitor(iteration, shift):
        if iteration == 2:
            raise KeyboardInterrupt

    ended = lloyd.run(backend, points, centers, np.asarray(0.0), 50, monitor)
    cut = lloyd.run(backend, points, centers, np.asarray(0.0), 2, lambda *_, **__: None)
    assert (ended.n_iter, ended.converged, ended.interrupted) == (2, False, True)
    assert (cut.n_iter, cut.converged, cut.interrupted) == (2, False, False)
    np.testing.assert_array_equal(ended.centers, cut.centers)
