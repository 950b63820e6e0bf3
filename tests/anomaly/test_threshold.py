"""The threshold is the best of all that there are, and its curves are scikit-learn's."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from accelml.anomaly.threshold import (
    BUCKETS,
    best_threshold,
    share_below,
    sums_below,
    threshold_curve,
)


def f1_of(is_anomaly, called, weights):
    """The definition, a harmonic mean."""
    found = weights[called & is_anomaly].sum()
    if found == 0:
        return 0.0
    precision, recall = found / weights[called].sum(), found / weights[is_anomaly].sum()
    return 2 / (1 / precision + 1 / recall)


def brute_force(scores, is_anomaly, weights):
    """The best F1 of any threshold: one at each score, and one above all."""
    candidates = [*np.unique(scores), np.inf]
    return max(f1_of(is_anomaly, scores < threshold, weights) for threshold in candidates)


def judge(scores, is_anomaly, weights=None):
    scores, is_anomaly = np.asarray(scores, float), np.asarray(is_anomaly, bool)
    weights = np.ones(len(scores)) if weights is None else np.asarray(weights, float)
    return threshold_curve(scores, is_anomaly, weights)


labelled = st.lists(
    st.tuples(st.integers(-4, 4), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40
)


@given(labelled, st.sampled_from([1.0, 1e-3, 1e9, -1e-300]))
@settings(deadline=None, max_examples=300)
def test_no_threshold_is_better(rows, unit):
    """Scores with many ties; weights with zeros."""
    scores, is_anomaly, weights = (np.array(column) for column in zip(*rows, strict=True))
    scores = scores * unit
    for given_weights in (np.ones(len(rows)), weights.astype(float)):
        if not given_weights.any():
            continue
        curve = threshold_curve(scores, is_anomaly, given_weights)
        threshold = curve.thresholds[curve.best]
        called = scores < threshold
        reached = f1_of(is_anomaly, called, given_weights)
        assert reached == pytest.approx(brute_force(scores, is_anomaly, given_weights), abs=1e-12)
        assert curve.f1[curve.best] == pytest.approx(reached, abs=1e-12)


SHAPES = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "ties": lambda rng, n: np.round(rng.standard_normal(n), 1),
    "two values": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "one value": lambda rng, n: np.full(n, 3.5),
    "one far away": lambda rng, n: np.append(-1e30, rng.standard_normal(n - 1)),
    "none is finite": lambda rng, n: np.append(-np.inf, rng.standard_normal(n - 1)),
    "a span that overflows": lambda rng, n: np.r_[-3e38, 3e38, rng.standard_normal(n - 2)],
    "neighbours": lambda rng, n: 1 + rng.integers(0, 9, n) * 2.0**-23,
    "subnormal": lambda rng, n: rng.integers(0, 9, n) * 1e-45,
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [5, 5_000, 140_000])  # the last of more than one block
def test_the_best_without_the_curve_is_the_best_of_the_curve(shape, dtype, n):
    """To the last bit, however scores and anomalies lie in the buckets."""
    rng = np.random.default_rng(n)
    scores = SHAPES[shape](rng, n).astype(dtype)
    middle, weights = np.median(scores), rng.integers(0, 3, n).astype(float)
    labels = {
        "low": (scores < middle) & (rng.random(n) < 0.1),
        "anywhere": rng.random(n) < 0.01,
        "most": rng.random(n) < 0.9,
        "the highest": scores == scores.max(),
        "one": np.arange(n) == n // 2,
        "all": np.ones(n, bool),
        "none": np.zeros(n, bool),
    }
    for label, is_anomaly in labels.items():
        for given_weights in (None, weights):
            curve = threshold_curve(
                scores, is_anomaly, np.ones(n) if given_weights is None else weights
            )
            found = best_threshold(scores, is_anomaly, given_weights)
            assert found.f1 == curve.f1[curve.best], label
            assert found.threshold == curve.thresholds[curve.best], label


def test_few_scores_are_sorted(monkeypatch):
    """Of a million, those in question; a curve would sort them all."""
    rng = np.random.default_rng(2)
    is_anomaly = rng.random(1_000_000) < 0.01
    scores = (rng.standard_normal(1_000_000) - 3 * is_anomaly).astype("f4")
    lengths = []
    argsort = np.argsort
    monkeypatch.setattr(np, "argsort", lambda x: lengths.append(len(x)) or argsort(x))
    monkeypatch.setattr(np, "sort", None)
    best_threshold(scores, is_anomaly)
    assert lengths[0] < 100 * len(scores) / BUCKETS * 10


@given(labelled)
@settings(deadline=None)
def test_every_point_of_the_curves_is_what_its_threshold_gives(rows):
    scores, is_anomaly, _ = (np.array(column) for column in zip(*rows, strict=True))
    curve = judge(scores, is_anomaly)
    assert len(curve.thresholds) == len(np.unique(scores)) + 1
    assert (np.diff(curve.thresholds) > 0).all()
    assert not set(curve.thresholds) & set(scores.tolist())
    for threshold, precision, recall, f1 in zip(*curve, strict=True):
        called = scores < threshold
        found, alarms = (called & is_anomaly).sum(), called.sum()
        assert precision == (found / alarms if alarms else 1)
        assert recall == (found / is_anomaly.sum() if is_anomaly.any() else 1)
        assert f1 == pytest.approx(
            2 * found / (alarms + is_anomaly.sum()) if alarms + is_anomaly.sum() else 0
        )


def test_the_curves_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    is_anomaly = rng.random(500) < 0.2
    scores = np.round(rng.standard_normal(500) - is_anomaly, 1)
    weights = rng.random(500)
    curve = threshold_curve(scores, is_anomaly, weights)
    precision, recall, _ = precision_recall_curve(is_anomaly, -scores, sample_weight=weights)
    # Its curve runs from "all" to "none", with one point for each distinct score, and "none".
    np.testing.assert_allclose(curve.precision[::-1], precision, rtol=1e-12)
    np.testing.assert_allclose(curve.recall[::-1], recall, rtol=1e-12, atol=1e-12)


def test_rows_without_weight_are_not_there():
    scores, is_anomaly = np.array([1, 2, 2.5, 3, 9]), np.array([True, True, True, False, False])
    weights = np.array([1.0, 1, 0, 1, 0])
    found = threshold_curve(scores, is_anomaly, weights)
    expected = judge([1, 2, 3], [True, True, False])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_of_equal_thresholds_the_fewest_alarms():
    # One of two anomalies without a false alarm, or both with two: F1 is 2/3 for both.
    curve = judge([1, 2, 3, 4], [True, False, False, True])
    assert curve.f1.tolist() == [0, 2 / 3, 0.5, 0.4, 2 / 3]
    assert curve.thresholds[curve.best] == 1.5


def test_a_constant_score():
    curve = judge([-3.0] * 5, [True, False, False, True, False])
    assert curve.thresholds.tolist() == [-4, -2]
    np.testing.assert_allclose(curve.f1, [0, 4 / 7])
    assert curve.precision.tolist() == [1, 0.4]


def test_no_anomaly_and_nothing_else():
    none = judge([1, 2, 3], [False] * 3)
    assert none.f1.tolist() == [0] * 4
    assert none.recall.tolist() == [1] * 4
    assert none.thresholds[none.best] == 0  # below all scores: no alarms
    every = judge([1, 2, 3], [True] * 3)
    assert every.f1[every.best] == 1
    assert every.thresholds[every.best] == 4  # above all


def test_neighbouring_and_infinite_scores_are_told_apart():
    low = -1234.5
    high = np.nextafter(low, 0)
    for scores in ([low, high], [-np.inf, 5.0], [-1e308, 1e308], [-1e300, 1.0], [-5e-324, 0.0]):
        curve = judge(scores, [True, False])
        threshold = curve.thresholds[curve.best]
        assert curve.f1[curve.best] == 1
        assert np.isfinite(threshold)
        assert (np.asarray(scores) < threshold).tolist() == [True, False]
    for scores in ([-np.inf, -np.inf], [-1e300, -1e300]):
        curve = judge(scores, [True, True])
        threshold = curve.thresholds[curve.best]
        assert curve.f1[curve.best] == 1
        assert np.isfinite(threshold)
        assert (np.asarray(scores) < threshold).all()


def test_a_million_scores_take_no_longer_than_sorting():
    """Every threshold against every row would be 1e12 comparisons."""
    rng = np.random.default_rng(1)
    is_anomaly = rng.random(1_000_000) < 0.01
    scores = rng.standard_normal(1_000_000) - 3 * is_anomaly
    start = time.process_time()
    curve = judge(scores, is_anomaly)
    assert time.process_time() - start < 5
    assert len(curve.f1) == 1_000_001
    sample = np.r_[curve.best, rng.integers(0, 1_000_001, 20)]
    for position in sample:
        called = scores < curve.thresholds[position]
        expected = 2 * (called & is_anomaly).sum() / (called.sum() + is_anomaly.sum())
        assert curve.f1[position] == pytest.approx(expected)


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from([0.01, 0.05, 0.1, 0.25, 1 / 3, 0.5]),
    st.sampled_from([1.0, 1e-9, 0.1, 1e9]),
)
@settings(deadline=None)
def test_a_share_of_the_weight_lies_below(rows, share, unit):
    scores, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if not weights.any():
        weights += 1
    offset = share_below(scores, unit * weights, share)
    allowed = share * weights.sum() + 1e-9
    below = [weights[scores < threshold].sum() for threshold in [*np.unique(scores), np.inf]]
    assert weights[scores < offset].sum() == max(part for part in below if part <= allowed)
    assert offset not in scores[weights > 0]
    repeated = np.repeat(scores, weights.astype(int))
    assert share_below(repeated, np.ones(len(repeated)), share) == offset


def test_a_share_lies_halfway():
    """Not at a score: that, computed again with other rounding, could fall on either side."""
    scores = np.arange(10.0)
    assert share_below(scores, np.ones(10), 0.3) == 2.5
    assert share_below(scores, np.full(10, 0.1), 0.3) == 2.5
    assert share_below(scores, np.ones(10), 0.25) == 1.5
    assert share_below(scores, np.ones(10), 0.05) == -1
    assert share_below(np.zeros(10), np.ones(10), 0.3) == -1
    assert share_below(np.array([7.0]), np.ones(1), 0.5) == 6
    for n in (300, 307, 1000):
        offset = share_below(np.random.default_rng(n).random(n), np.ones(n), 30 / n)
        assert (np.random.default_rng(n).random(n) < offset).sum() == 30


def test_above_the_highest_score_in_double_precision():
    """Where every row is an anomaly; one more, in float32, is another number."""
    scores = np.linspace(0, 0.1, 5_000, dtype=np.float32)
    highest = scores[-1]
    assert float(highest + np.float32(1)) != float(highest) + 1
    assert best_threshold(scores, np.ones(5_000, bool)).threshold == float(highest) + 1


def test_rows_of_one_weight_are_counted():
    """A sum of so many tenths would be rounded so many times."""
    scores, weights = np.arange(100_000) // 2, np.full(100_000, 0.1)
    assert weights.cumsum()[-1] != 100_000 * 0.1
    levels, (alarms, found) = sums_below(scores, weights, scores % 2 == 0)
    np.testing.assert_array_equal(levels, np.arange(50_000))
    np.testing.assert_array_equal(alarms, 2 * np.arange(50_001) * 0.1)
    np.testing.assert_array_equal(found, 2 * (np.arange(50_001) - np.arange(50_001) // 2) * 0.1)
