"""The arithmetic of one mini-batch step, in numbers small enough to follow."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.cluster.lloyd import ClusterSums
from accelml.cluster.minibatch_step import (
    Averages,
    Settling,
    Stepper,
    average,
    descend,
    minibatch_step,
    reassign,
)
from accelml.tree import tree_map

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


def on_host(backend, function, *arguments):
    with backend.context():
        found = function(backend.xp, *tree_map(backend.asarray, arguments))
        return tree_map(backend.to_numpy, found)


@FAST
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_running_means_by_weight(backend, dtype):
    """Light rows count too; a center without rows stays where it is."""
    sums = ClusterSums(np.array([[0.5], [0.0], [8.0]]), np.array([0.25, 0.0, 2.0]))
    averages = Averages(np.array([[7.0], [5.0], [1.0]], dtype), np.array([0.0, 0.25, 6.0]))
    found = on_host(backend, average, sums, averages)
    np.testing.assert_array_equal(found.centers, [[2.0], [5.0], [1.75]])
    np.testing.assert_array_equal(found.counts, [0.25, 0.25, 8.0])
    assert (found.centers.dtype, found.counts.dtype) == (dtype, "f8")


@FAST
def test_the_lightest_are_put_on_picked_rows(backend):
    """Below half of the heaviest, the lightest first, each on a row of its own, in order."""
    batch = 100.0 + np.arange(6.0)[:, None]
    averages = Averages(np.arange(5.0)[:, None], np.array([4.0, 100.0, 1.0, 50.0, 3.0]))
    ratio = np.asarray(0.5)
    for picks, centers, counts in [
        ([4, 2, 0], [104, 1, 102, 3, 100], [50, 100, 50, 50, 50]),
        ([5, 1], [0, 1, 105, 3, 101], [4, 100, 4, 50, 4]),
        ([5, 1, 3, 0], [105, 1, 101, 3, 103], [50, 100, 50, 50, 50]),
    ]:
        found = on_host(backend, reassign, averages, batch, np.array(picks, np.int32), ratio)
        assert found.centers.ravel().tolist() == centers
        assert found.counts.tolist() == counts
    found = on_host(backend, reassign, averages, batch, np.array([1], np.int32), np.asarray(0.0))
    np.testing.assert_array_equal(found.centers, averages.centers)
    np.testing.assert_array_equal(found.counts, averages.counts)


@FAST
def test_of_equally_light_centers_the_first_are_moved(backend):
    counts = np.where(np.arange(200) == 57, 1000.0, 1.0 + np.arange(200) % 2)
    averages = Averages(np.zeros((200, 1)), counts)
    batch = np.ones((80, 1))
    picks = np.arange(40, dtype=np.int32)
    found = on_host(backend, reassign, averages, batch, picks, np.asarray(0.5))
    assert np.flatnonzero(found.centers).tolist() == list(range(0, 80, 2))


def test_the_estimate_is_of_what_has_been_seen():
    settling = Settling(tol=0.0, patience=None, share=0.5)
    seen = []
    for inertia in (8.0, 4.0, 6.0):
        settling.is_over(inertia, 1.0)
        seen.append(settling.estimate())
    assert seen == [8.0, 4.0, 5.0]
    large = Settling(tol=0.0, patience=None, share=3.0)  # batches larger than the data
    for inertia in (8.0, 4.0, 6.0):
        large.is_over(inertia, 1.0)
    assert large.estimate() == 6.0


def test_an_inertia_that_stays_is_no_progress():
    settling = Settling(tol=0.0, patience=2, share=0.5)
    assert [settling.is_over(1.0, 1.0) for _ in range(4)] == [False, False, False, True]


def test_rows_since_the_last_reassignment():
    backend = get_backend("numpy")
    averages = Averages(np.array([[0.0], [1.0]]), np.ones(2))
    stepper = Stepper(2, 0.01, np.random.default_rng(0))
    since = []
    for _ in range(4):
        averages = stepper.step(backend, np.ones((19, 1)), np.ones(19), averages).averages
        since.append(stepper.since)
    assert since == [19, 0, 19, 0]


@pytest.mark.parametrize("row", [0, 2, 4])
def test_rows_are_drawn_by_weight_alone(row):
    """One row has all the weight: every batch is of it, and its inertia is what is reported."""
    backend = get_backend("numpy")
    X = np.arange(5.0)[:, None] ** 2
    weights, seen = np.zeros(5), []
    weights[row] = 3.0

    def update(step, inertia):
        seen.append((step, inertia))

    ended = descend(
        backend, X, weights, np.array([1.0]), np.array([[-2.0], [50.0]]),
        Stepper(2, 0.0, np.random.default_rng(0)), Settling(0.0, None, 0.5),
        size=4, limit=3, update=update,
    )  # fmt: skip
    place = X[row, 0] - 1
    assert ended.averages.centers.tolist() == [[place], [50.0]]
    assert ended.averages.counts.tolist() == [12.0, 0.0]
    assert (ended.steps, ended.interrupted) == (3, False)
    assert seen == [(1, (place + 2) ** 2), (2, 0.0), (3, 0.0)]


def test_rows_are_drawn_as_often_as_they_weigh():
    """Each where the cumulative weight passes the draw; one center is then the mean of a batch."""
    backend = get_backend("numpy")
    X, weights = 4.0 ** np.arange(5)[:, None], np.array([1.0, 0.0, 2.0, 0.0, 5.0])
    draws = np.random.default_rng(3).random(50) * 8
    drawn = [4.0 ** next(row for row in range(5) if weights[: row + 1].sum() > d) for d in draws]
    assert len(set(drawn)) == 3
    ended = descend(
        backend, X, weights, np.zeros(1), np.array([[9.0]]),
        Stepper(1, 0.0, np.random.default_rng(3)), Settling(0.0, None, 0.5),
        size=50, limit=1, update=lambda *_, **__: None,
    )  # fmt: skip
    assert ended.averages.centers[0, 0] == pytest.approx(np.mean(drawn))


@FAST
def test_a_batch_of_one_row_has_no_row_to_spare(backend):
    averages = Averages(np.array([[0.0], [8.0]]), np.array([1.0, 100.0]))
    batch, weights, picks = np.array([[2.0]]), np.ones(1), np.zeros(0, np.int32)
    with backend.context():
        arguments = (batch, weights, averages, picks, np.asarray(0.5))
        found = minibatch_step(backend, *tree_map(backend.asarray, arguments))
        found = tree_map(backend.to_numpy, found)
    assert found.averages.centers.tolist() == [[1.0], [8.0]]
    assert found.averages.counts.tolist() == [2.0, 100.0]
