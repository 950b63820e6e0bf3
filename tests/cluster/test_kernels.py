"""Every override of k-means equals its generic body, and the bodies are right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from accelml.cluster import rows
from accelml.cluster.distances import nearest, squared_distances
from accelml.cluster.initialization import plus_plus
from accelml.cluster.lloyd import ClusterSums, repair, statistics, update
from accelml.cluster.rows import (
    Points,
    centered,
    distances_to,
    inertia_of,
    labels_of,
    scan_blocks,
)
from accelml.kernel import REGISTRY
from accelml.tree import leaves, names, tree_map
from accelml_numpy import seeding
from tests.backends import CASES
from tests.cluster.kernel_cases import KERNEL_CASES, without_norms


def bring(backend, arguments):
    return tree_map(
        lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, arguments
    )


@pytest.mark.parametrize("key", KERNEL_CASES, ids=lambda key: key.rpartition(".")[2])
@pytest.mark.backends("numpy", "numpy-readonly", "array-api-strict", "numba", "cupy")
def test_every_body_equals_the_generic_one(backend, key):
    target, plain = REGISTRY[key], CASES["numpy-generic"].make()
    for label, arguments in KERNEL_CASES[key]():
        before = tree_map(lambda leaf: np.array(leaf, copy=True), arguments)
        with backend.context():
            found = tree_map(backend.to_numpy, target(backend, *bring(backend, arguments)))
        for then, now in zip(leaves(before), leaves(arguments), strict=True):
            np.testing.assert_array_equal(now, then, err_msg=f"{label}: an argument changed")
        with plain.context():
            expected = without_norms(target.generic(plain, *arguments), found)
        eps = np.finfo(np.float32 if "float32" in label else np.float64).eps
        for name, ours, theirs in zip(names(found), leaves(found), leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype, f"{label}: {name}"
            if theirs.dtype.kind != "f":
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{label}: {name}")
                continue
            scale = max(1.0, np.nanmax(np.abs(theirs), initial=0.0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=64 * eps * scale, err_msg=label)


def exact_labels(X, centers):
    """The lowest index of the nearest centers, for whole numbers, without any rounding."""
    gap = X[:, None, :].astype(object) - centers[None, :, :].astype(object)
    return np.argmin((gap**2).sum(axis=2).astype(np.int64), axis=1)


whole = st.integers(-20, 20).map(float)


@given(st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.backends("numpy", "numpy-generic", "numba")
def test_ties_go_to_the_lowest_index(backend, data):
    """Whole numbers far from the origin: every tie is exact, and there are many."""
    d = data.draw(st.integers(1, 3))
    X = data.draw(arrays(np.float64, (data.draw(st.integers(1, 12)), d), elements=whole))
    centers = data.draw(arrays(np.float64, (data.draw(st.integers(1, 6)), d), elements=whole))
    expected = exact_labels(X, centers)
    for dtype, offset in [("f8", 0), ("f8", 1e6), ("f4", 0), ("f4", 1e4)]:
        with backend.context():
            found = labels_of(
                backend,
                backend.asarray((X + offset).astype(dtype)),
                backend.asarray((centers + offset).astype(dtype)),
            )
            np.testing.assert_array_equal(backend.to_numpy(found), expected)


def test_ties_go_to_the_lowest_index_on_every_backend(backend):
    """A grid, whose points lie half-way between others; equal centers; not its mean at zero."""
    grid = np.stack(np.meshgrid(np.arange(7.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    centers = grid[[0, 6, 35, 41, 20, 20, 0, 3]]
    for dtype, offset in [("f8", 0.1), ("f4", 0.0), ("f4", 1e4)]:
        with backend.context():
            X = backend.asarray((grid + offset).astype(dtype))
            found = labels_of(backend, X, backend.asarray((centers + offset).astype(dtype)))
            np.testing.assert_array_equal(backend.to_numpy(found), exact_labels(grid, centers))
            assert backend.to_numpy(found).dtype == np.int32


def test_where_all_is_at_the_origin_the_first_center_is_the_nearest(backend):
    """Distances have no digits there that rounding could take."""
    with backend.context():
        X, norms = backend.asarray(np.zeros((5, 2))), backend.asarray(np.zeros(5))
        labels = nearest(backend, X, norms, backend.asarray(np.zeros((3, 2))))
        assert backend.to_numpy(labels).tolist() == [0] * 5


def test_centers_that_the_expanded_form_cannot_tell_apart(backend):
    """In float32, |x|² is 1e6 here and one rounding of it 0.06; the distances are below 1e-4."""
    fine = np.arange(8, dtype=np.float32)[:, None] * np.float32(2**-10)
    X = np.concatenate([1000 + fine, fine - 1000])
    norms = (X * X).sum(axis=1)
    beside = X + np.float32(2**-12)
    with backend.context():
        on_device = [backend.asarray(x) for x in (X, norms, X)]
        near = backend.to_numpy(
            nearest(backend, backend.asarray(beside), on_device[1], on_device[0])
        )
        labels = backend.to_numpy(nearest(backend, *on_device))
        distances = backend.to_numpy(squared_distances(backend, *on_device))
    assert labels.tolist() == near.tolist() == list(range(16))
    expected = (X - X.T).astype(np.float64) ** 2
    np.testing.assert_allclose(distances, expected, rtol=1e-3)


def test_distances_are_those_of_long_double(backend):
    rng = np.random.default_rng(0)
    X = 1e4 + rng.standard_normal((50, 6))
    centers = np.concatenate([X[:3], 1e4 + rng.standard_normal((4, 6))])
    labels = rng.integers(0, 7, 50).astype(np.int32)
    for dtype, rtol in [("f8", 1e-9), ("f4", 1e-2)]:
        A, C = X.astype(dtype), centers.astype(dtype)
        gap = A[:, None].astype(np.longdouble) - C[None].astype(np.longdouble)
        expected = np.sqrt((gap**2).sum(axis=2)).astype(float)
        with backend.context():
            on_device = backend.asarray(A), backend.asarray(C)
            found = backend.to_numpy(distances_to(backend, *on_device))
            inertia = inertia_of(
                backend, on_device[0], backend.asarray(np.ones(50, dtype)), on_device[1],
                backend.asarray(labels),
            )  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
        assert (found[[0, 1, 2], [0, 1, 2]] == 0).all()
        exact = (expected[np.arange(50), labels] ** 2).sum()
        assert float(inertia) == pytest.approx(exact, rel=1e-6 if dtype == "f4" else 1e-13)


@pytest.mark.parametrize("size", [23, 8, 5, 1])
def test_blocks_add_up_to_the_whole(backend, monkeypatch, size):
    """The last block begins within the one before, and counts no row twice."""
    monkeypatch.setattr(rows, "block_size", lambda shape, k: size)
    rng = np.random.default_rng(1)
    X, weights = rng.standard_normal((23, 3)), rng.random(23)
    centers, labels = rng.standard_normal((4, 3)), rng.integers(0, 4, 23).astype(np.int32)
    with backend.context():
        xp = backend.xp
        data = centered.generic(backend, backend.asarray(X), backend.asarray(weights))
        near = backend.asarray(centers) - data.points.origin

        def add(sums, block):
            more, found = statistics(backend, *block[:3], near)
            return ClusterSums(sums.total + more.total, sums.weight + more.weight), xp.stack(
                [xp.astype(part, xp.float64) for part in (found, block.labels, block.weights)],
                axis=1,
            )

        nothing = ClusterSums(xp.zeros_like(near), xp.zeros_like(near[:, 0]))
        sums, values = scan_blocks(backend, data.points, backend.asarray(labels), 4, add, nothing)
        sums, values = tree_map(backend.to_numpy, sums), backend.to_numpy(values)
        norms, variance = backend.to_numpy(data.points.norms), float(data.variance)
    nearest = exact_nearest(X, centers)
    np.testing.assert_array_equal(values[:, :2], np.stack([nearest, labels], axis=1))
    total = np.stack([np.bincount(nearest, weights * x, 4) for x in (X - X.mean(axis=0)).T], axis=1)
    np.testing.assert_allclose(sums.total, total, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(sums.weight, np.bincount(nearest, weights, 4), rtol=1e-12)
    np.testing.assert_allclose(norms, ((X - X.mean(axis=0)) ** 2).sum(axis=1), rtol=1e-12)
    assert variance == pytest.approx(X.var(axis=0).mean(), rel=1e-12)


def exact_nearest(X, centers):
    return ((X[:, None] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)


def repaired(backend, X, weights, centers, labels):
    """Sums after the repair, on the host."""
    k = len(centers)
    member = weights[:, None] * (labels[:, None] == np.arange(k))
    sums = ClusterSums(member.T @ X, member.sum(axis=0))
    points = Points(X, np.zeros(X.shape[1]), (X * X).sum(axis=1), weights)
    with backend.context():
        found = repair(
            backend, bring(backend, points), backend.asarray(centers),
            backend.asarray(labels.astype(np.int32)), bring(backend, sums),
        )  # fmt: skip
        after = update(backend.xp, found, backend.asarray(centers))
        return tree_map(backend.to_numpy, found), backend.to_numpy(after)


def test_an_empty_cluster_gets_the_farthest_row(backend):
    """As scikit-learn: the row leaves its cluster, with its weight, and becomes a center."""
    X = np.array([[0.0], [1.0], [2.0], [10.0], [5.0], [6.0], [7.0]])
    weights = np.array([1.0, 2.0, 1.0, 0.5, 0.0, 0.0, 0.0])
    centers, labels = np.array([[1.0], [-70.0], [90.0]]), np.zeros(7, dtype=int)
    sums, after = repaired(backend, X, weights, centers, labels)
    # 10 is farthest; 7, 6 and 5 have no weight; of 0 and 2, equally far, the first row.
    np.testing.assert_allclose(sums.weight, [3.0, 0.5, 1.0])
    np.testing.assert_allclose(sums.total[:, 0], [4.0, 5.0, 0.0])
    np.testing.assert_allclose(after[:, 0], [4 / 3, 10.0, 0.0])


def test_nothing_moves_where_every_row_lies_on_its_center(backend):
    X = np.array([[3.0], [3.0], [3.0], [3.0], [3.0]])
    centers = np.array([[3.0], [4.0], [5.0]])
    sums, after = repaired(backend, X, np.ones(5), centers, np.zeros(5, dtype=int))
    np.testing.assert_array_equal(sums.weight, [5, 0, 0])
    np.testing.assert_array_equal(after, centers)


@pytest.mark.parametrize("chunk", [2, 4])
def test_a_row_that_lies_on_a_center_is_not_drawn(backend, monkeypatch, chunk):
    """Not even by a draw of zero; but any row will do where all lie on centers."""
    monkeypatch.setattr(seeding, "CHUNK", chunk)
    X = np.array([[0.0], [0.0], [1.0], [5.0]])
    first, draws = np.array([0], np.int32), np.array([[0.0, 0.0], [0.0, 0.0]])
    for points, weights, expected in [
        (X, np.ones(4), [0, 2, 3]),
        (X, np.array([1.0, 1, 0, 1]), [0, 3, 0]),
    ]:
        with backend.context():
            data = centered(backend, backend.asarray(points), backend.asarray(weights))
            found = plus_plus(backend, data.points, *map(backend.asarray, (first, draws)))
            assert backend.to_numpy(found).tolist() == expected
