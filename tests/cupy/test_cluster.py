"""The CUDA kernels of k-means, run on the CPU, against their generic bodies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelml.cluster import KMeans
from accelml.cluster.distances import nearest
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.cluster.rows import labels_of
from accelml.kernel import REGISTRY
from accelml.tree import leaves, names
from accelml_cupy import cluster
from tests.cluster.kernel_cases import KERNEL_CASES
from tests.cupy import cases

OVERRIDDEN = [key for key in KERNEL_CASES if "cupy" in REGISTRY[key].overrides]
# Centers that fill no tile, one, and more than one, of each width.
counts = st.one_of(st.sampled_from([1, 2, 15, 16, 17, 63, 64, 65, 129]), st.integers(1, 40))
features = st.one_of(st.sampled_from([1, 2, 15, 16, 17, 32, 33, 50]), st.integers(1, 40))
few_rows = st.one_of(st.sampled_from([1, 2, 31, 32, 33, 63, 65, 129]), st.integers(1, 40))


@pytest.fixture
def through_products(monkeypatch):
    """The way of large problems, in blocks of a few rows."""
    monkeypatch.setattr(cluster, "LONG", 1)
    monkeypatch.setattr(cluster, "MANY", 1)
    monkeypatch.setattr(cluster, "PRODUCTS", 100)


def test_which_kernels_have_cases():
    assert [key.rpartition(".")[2] for key in OVERRIDDEN] == [
        "nearest", "sum_by_cluster",
    ]  # fmt: skip


@pytest.mark.parametrize("key", [*OVERRIDDEN, "accelml.cluster.lloyd.statistics",
                                 "accelml.cluster.rows.labels_of"])  # fmt: skip
def test_the_common_cases(emulate, reference, key):
    check_common_cases(emulate(), reference, key)


@pytest.mark.parametrize("key", ["accelml.cluster.distances.nearest",
                                 "accelml.cluster.rows.labels_of"])  # fmt: skip
def test_the_common_cases_through_products(through_products, emulate, reference, key):
    check_common_cases(emulate(), reference, key)


def check_common_cases(backend, reference, key):
    target = REGISTRY[key]
    for label, arguments in KERNEL_CASES[key]():
        actual = target(backend, *cases.read_only(arguments))
        expected = target.generic(reference, *arguments)
        eps = np.finfo(np.float32 if "float32" in label else np.float64).eps
        for name, ours, theirs in zip(names(actual), leaves(actual), leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype, f"{label}: {name}"
            if theirs.dtype.kind != "f":
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{label}: {name}")
                continue
            scale = max(1.0, np.nanmax(np.abs(theirs), initial=0.0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=64 * eps * scale, err_msg=label)
    assert backend.launches


def points(n, d, k, dtype, layout, seed):
    random = np.random.default_rng(seed)
    X, centers = random.standard_normal((n, d)), random.standard_normal((k, d))
    X, centers = (cases.arrange(x.astype(dtype), layout) for x in (X, centers))
    return cases.read_only((X, (X * X).sum(axis=1), centers))


@given(few_rows, features, counts, cases.dtypes, cases.layouts, cases.seeds)
@example(130, 300, 130, np.float32, "C", 0)
@example(70, 40, 200, np.float64, "C", 0)
@cases.FEW
def test_nearest(emulate, reference, n, d, k, dtype, layout, seed):
    backend = emulate()
    arguments = points(n, d, k, dtype, layout, seed)
    actual = nearest(backend, *map(backend.asarray, arguments))
    assert actual.dtype == np.int32
    np.testing.assert_array_equal(actual, nearest.generic(reference, *arguments))
    assert len(backend.launches) == 1


@given(few_rows, features, counts, cases.dtypes, cases.layouts, cases.seeds)
@cases.FEW
def test_nearest_through_products(
    through_products, emulate, reference, n, d, k, dtype, layout, seed
):
    backend = emulate()
    arguments = points(n, d, k, dtype, layout, seed)
    actual = nearest(backend, *map(backend.asarray, arguments))
    np.testing.assert_array_equal(actual, nearest.generic(reference, *arguments))
    assert len(backend.launches) == -(-n // max(1, 100 // k))


@pytest.mark.parametrize("way", ["tiles", "products"])
@pytest.mark.parametrize(("dtype", "offset"), [("f8", 0), ("f8", 1e6), ("f4", 0), ("f4", 1e4)])
def test_ties_go_to_the_lowest_index(request, emulate, way, dtype, offset):
    """Whole numbers, many half-way between centers, some of which are equal."""
    if way == "products":
        request.getfixturevalue("through_products")
    backend, random = emulate(), np.random.default_rng(0)
    for d, k in [(1, 5), (2, 30), (3, 140)]:
        X, centers = random.integers(-4, 5, (100, d)), random.integers(-4, 5, (k, d))
        gap = X[:, None, :] - centers[None, :, :]
        expected = np.argmin((gap**2).sum(axis=2), axis=1)
        actual = labels_of(backend, *((x + offset).astype(dtype) for x in (X, centers)))
        np.testing.assert_array_equal(actual, expected)


def sums_case(n, d, k, dtype, layout, seed):
    random = np.random.default_rng(seed)
    X = cases.arrange(random.standard_normal((n, d)).astype(dtype), layout)
    weights = cases.arrange(random.uniform(0, 2, n).round(1).astype(dtype), layout)
    return cases.read_only((X, weights, random.integers(0, k, n).astype(np.int32)))


def exact_sums(k, X, weights, labels):
    total, weight = np.zeros((k, X.shape[1])), np.zeros(k)
    np.add.at(total, labels, weights[:, None].astype(float) * X)
    np.add.at(weight, labels, weights.astype(float))
    return ClusterSums(total, weight)


@given(cases.rows, cases.columns, counts, cases.dtypes, cases.layouts, cases.seeds,
       st.sampled_from([1, 2, 7, 8192]))  # fmt: skip
@example(1000, 3, 1, np.float32, "C", 0, 8192)
@example(1000, 3, 700, np.float32, "C", 0, 8192)
@cases.FEW
def test_sums(emulate, n, d, k, dtype, layout, seed, most):
    backend = emulate()
    X, weights, labels = sums_case(n, d, k, dtype, layout, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "MOST_PIECES", most)
        patch.setattr(cluster, "PIECE", 8)
        actual = sum_by_cluster(backend, k, X, weights, labels)
    cases.assert_trees_equal(actual, exact_sums(k, X, weights, labels), rtol=1e-11, atol=1e-11)
    assert backend.launches == [f"sum_pieces<{'float' if dtype == np.float32 else 'double'}>",
                                "sum_parts"]  # fmt: skip


def test_sums_leave_out_what_belongs_to_no_cluster(emulate, reference):
    X, weights, _ = sums_case(100, 3, 1, np.float64, "C", 0)
    labels = np.random.default_rng(0).integers(-5, 9, 100).astype(np.int32)
    actual = sum_by_cluster(emulate(), 4, X, weights, labels)
    expected = sum_by_cluster.generic(reference, 4, X, weights, labels)
    cases.assert_trees_equal(actual, expected, rtol=1e-12, atol=1e-12)


def test_other_types_and_nothing_at_all_take_the_generic_bodies(emulate, reference):
    backend = emulate()
    X, norms, centers = points(5, 3, 2, np.float64, "C", 0)
    labels, weights = np.zeros(5, np.int32), np.ones(5, np.float32)
    np.testing.assert_array_equal(
        nearest(backend, X, norms, centers.astype(np.float32)),
        nearest.generic(reference, X, norms, centers),
    )
    sums = sum_by_cluster(backend, 2, X, weights, labels)
    empty = sum_by_cluster(backend, 2, X[:0], norms[:0], labels[:0])
    assert sums.weight.tolist() == [5, 0]
    assert empty.weight.tolist() == [0, 0]
    assert backend.launches == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit(emulate, reference, dtype):
    """Among it a cluster that is empty at first."""
    random = np.random.default_rng(0)
    X = np.concatenate([random.normal(center, 1, (60, 5)) for center in (0, 10, 20)]).astype(dtype)
    start = np.concatenate([X[[0, 70]], np.full((1, 5), 1e3, dtype)])
    backend = emulate()
    models = [KMeans(3, init=start, backend=b, n_init=1).fit(X) for b in (backend, reference)]
    assert {"nearest_center", "sum_pieces", "sum_parts"} == {
        launch.partition("<")[0] for launch in backend.launches
    }
    np.testing.assert_array_equal(models[0].labels_, models[1].labels_)
    np.testing.assert_allclose(models[0].cluster_centers_, models[1].cluster_centers_, atol=1e-5)
    assert models[0].inertia_ == pytest.approx(models[1].inertia_)
    assert models[0].n_iter_ == models[1].n_iter_
