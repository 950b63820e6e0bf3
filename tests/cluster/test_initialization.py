"""Where the centers start, against the textbook's recipe on the same draws."""

import numpy as np
import pytest

from accelml import get_backend
from accelml.cluster import KMeans, rows
from accelml.cluster.initialization import (
    draw_plus_plus,
    initial_centers,
    plus_plus,
    random_rows,
)
from accelml.cluster.rows import centered
from accelml_numpy import seeding
from tests.cluster.starts import raw

FAST = pytest.mark.backends("numpy", "numpy-generic", "array-api-strict", "numba")


def inverse_distribution(weights, draw):
    """The first row whose cumulative weight passes this share of the whole."""
    share, total = 0.0, sum(weights)
    for row, weight in enumerate(weights):
        share += weight
        if share > draw * total:
            return row
    raise AssertionError("a draw is below one")


def greedy_rows(X, weights, first, draws):
    """Arthur and Vassilvitskii's seeding, the best of several draws, row by row."""
    chosen = [first]
    closest = ((X - X[first]) ** 2).sum(axis=1)
    for trials in draws:
        mass = weights * closest
        mass = mass if mass.any() else weights
        rows = [inverse_distribution(mass, draw) for draw in trials]
        left = [np.minimum(closest, ((X - X[row]) ** 2).sum(axis=1)) for row in rows]
        best = int(np.argmin([weights @ distances for distances in left]))
        chosen.append(rows[best])
        closest = left[best]
    return chosen


@pytest.mark.parametrize("weights", [[0, 3, 5, 0, 2, 0], [1, 0, 0, 7], [0.1, 0.2, 0.4]])
@pytest.mark.parametrize(("k", "trials"), [(1, 2), (2, 2), (3, 3), (8, 4)])
def test_what_chance_decides(weights, k, trials):
    weights = np.array(weights, np.float64)
    for seed in range(20):
        first, draws = draw_plus_plus(weights, k, np.random.default_rng(seed))
        generator = np.random.default_rng(seed)
        assert first.tolist() == [inverse_distribution(weights, generator.random())]
        assert first.dtype == np.int32
        np.testing.assert_array_equal(draws, generator.random((k - 1, trials)))


@FAST
@pytest.mark.parametrize("scale", [1.0, 1e-3])
@pytest.mark.parametrize("size", [12, 5])
def test_greedy_seeding(backend, monkeypatch, size, scale):
    """In one block, and in blocks of which the last two have rows in common."""
    monkeypatch.setattr(rows, "block_size", lambda shape, k: size)
    monkeypatch.setattr(seeding, "CHUNK", size)
    if size == 5:  # and with no room for the distances of all candidates
        for name, value in (("CACHED", 5 * (2 + 3)), ("FEW", 0), ("PART", 1000)):
            monkeypatch.setattr(seeding, name, value)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, weights = scale * rng.standard_normal((12, 2)), rng.random(12)
        weights[rng.integers(12)] = 0
        first, draws = rng.integers(12), rng.random((4, 3))
        with backend.context():
            data = centered(backend, backend.asarray(X), backend.asarray(weights))
            found = plus_plus(
                backend, data.points, backend.asarray(np.array([first], np.int32)),
                backend.asarray(draws),
            )  # fmt: skip
            assert found.dtype == backend.xp.int32
            assert backend.to_numpy(found).tolist() == greedy_rows(X, weights, first, draws)


def test_random_rows_are_different_and_as_likely_as_they_weigh():
    weights = np.array([0, 1, 0, 3, 0, 0, 6], np.float64)
    counts = np.zeros(7)
    for seed in range(400):
        everything = random_rows(weights, 3, np.random.default_rng(seed))
        assert sorted(everything) == [1, 3, 6]
        assert everything.dtype == np.int32
        counts[random_rows(weights, 1, np.random.default_rng(seed))] += 1
    np.testing.assert_allclose(counts / 400, weights / 10, atol=0.07)
    with pytest.raises(ValueError, match=r"n_clusters=4 different rows.*positive for 3 only"):
        random_rows(weights, 4, np.random.default_rng(0))


def starts_of(init, k, dtype="f8", seed=0, weights=None):
    """The points and the centers of ``initial_centers`` on NumPy."""
    backend = get_backend("numpy")
    X = (10 + np.random.default_rng(1).standard_normal((9, 2))).astype(dtype)
    weights = np.ones(9) if weights is None else weights
    data = centered(backend, X, weights.astype(dtype))
    centers = initial_centers(
        backend,
        init,
        data.points,
        data.points.origin,
        weights,
        k,
        np.random.default_rng(seed),
        lambda: X,
    )
    return X, data.points.origin, centers


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("seed", range(5))
def test_random_centers_are_rows(seed, dtype):
    weights = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0], np.float64)
    X, origin, centers = starts_of("random", 4, dtype, seed, weights)
    rows = random_rows(weights, 4, np.random.default_rng(seed))
    np.testing.assert_array_equal(centers, X[rows] - origin)
    assert centers.dtype == X.dtype


def test_a_fit_from_random_rows():
    X = raw("iris")
    fits = [KMeans(3, init="random", n_init=4, random_state=seed).fit(X) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(fits[0].cluster_centers_, fits[1].cluster_centers_)
    for model in fits:
        assert model.inertia_ == pytest.approx(78.85, abs=0.01)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_callable_is_given_the_rows_the_count_and_a_seeded_generator(dtype):
    seen = []

    def init(rows, count, random_state):
        assert isinstance(random_state, np.random.RandomState)
        seen.append((rows, count, random_state.random_sample(3).tolist()))
        return rows[:count]

    for seed in (0, 0, 1):
        X, origin, centers = starts_of(init, 4, dtype, seed)
        np.testing.assert_array_equal(seen[-1][0], X)
        assert seen[-1][1] == 4
        np.testing.assert_allclose(centers, X[:4] - origin, rtol=1e-6)
        assert centers.dtype == X.dtype
    assert seen[0][2] == seen[1][2] != seen[2][2]
