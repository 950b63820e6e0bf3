"""Where to draw the line between scores: by F1 on labelled rows, or by a share of all rows.

On the host for every backend: one number a row is little to fetch, the curves are kept there, and
JAX on the CPU takes many times as long to sort.

The mathematics is in docs/mathematics/gaussian-anomaly-detection.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

Floats = np.ndarray[Any, Any]


class ThresholdCurve(NamedTuple):
    """Precision, recall and F1 of each threshold that tells rows apart, from the lowest up."""

    thresholds: Floats  # (m + 1,) for m distinct scores
    precision: Floats  # 1 where nothing is below the threshold, as in scikit-learn's curve
    recall: Floats  # 1 where there is no anomaly to find, likewise
    f1: Floats  # 0 where there is no anomaly to find

    @property
    def best(self) -> int:
        """The position of the highest F1; of equal ones the lowest: the fewest alarms."""
        return int(np.argmax(self.f1))


def threshold_curve(scores: Floats, is_anomaly: Floats, weights: Floats) -> ThresholdCurve:
    """Judge every threshold: one sort, then cumulative sums.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        A row is called an anomaly where its score is below the threshold.
    is_anomaly : ndarray of shape (n,) of bool
    weights : ndarray of shape (n,)

    Returns
    -------
    ThresholdCurve
        From "no row is an anomaly" to "all are". Rows of equal score are never told apart.
    """
    scores, is_anomaly, weights = counted(weights, scores, is_anomaly, weights)
    levels, (alarms, found) = sums_below(scores, weights, is_anomaly)
    anomalies = found[-1]
    precision, recall, f1 = np.ones((3, len(found)))
    np.divide(found[1:], alarms[1:], out=precision[1:])
    if anomalies > 0:
        np.divide(found, anomalies, out=recall)
        # 2 P R / (P + R), with what is in common cancelled.
        np.add(alarms, anomalies, out=f1)
        np.divide(found, f1, out=f1)
        f1 *= 2
    else:
        f1[:] = 0
    return ThresholdCurve(between(levels.astype(np.float64)), precision, recall, f1)


class Best(NamedTuple):
    """A threshold, and the F1 that it gives."""

    threshold: float
    f1: float


# With fewer rows than this, the whole curve takes no longer.
FEW = 4096
BUCKETS = 2**16


def best_threshold(scores: Floats, is_anomaly: Floats, weights: Floats | None = None) -> Best:
    """The best of :func:`threshold_curve`, to the last bit, without sorting what cannot be it.

    Rows are counted in buckets of equal width. No threshold in a bucket is better than one with all
    of its anomalies and none of its other rows below; only in the few buckets where that could beat
    the best end of a bucket are rows sorted.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    is_anomaly : ndarray of shape (n,) of bool
    weights : ndarray of shape (n,), optional
        Equal by default; otherwise everything is sorted.
    """
    anomalies = np.count_nonzero(is_anomaly)
    low, high = float(scores.min()), float(scores.max())
    largest = float(np.finfo(scores.dtype).max)
    has_width = 0 < (high - low) * 2 < largest and BUCKETS / (high - low) < largest
    if weights is not None or len(scores) < FEW or anomalies == 0 or not has_width:
        curve = threshold_curve(scores, is_anomaly, unless_none(weights, scores))
        return Best(float(curve.thresholds[curve.best]), float(curve.f1[curve.best]))
    bucket, rows, hits = in_buckets(scores, is_anomaly, low, BUCKETS / (high - low))
    alarms_before, found_before = np.cumsum(rows) - rows, np.cumsum(hits) - hits
    at_end = (found_before + hits) / (alarms_before + rows + anomalies)
    at_best = (found_before + hits) / (alarms_before + hits + anomalies)
    in_question = (at_best >= at_end.max()) & (hits > 0)
    # The scores left, ascending; as they lie, they come bucket by bucket.
    left = chosen_of(in_question, bucket)
    left = left[np.argsort(scores[left])]
    inside, here, is_hit = scores[left], bucket[left], is_anomaly[left]
    first = np.searchsorted(here, here)
    found = np.cumsum(is_hit)
    found += found_before[here] - (found - is_hit)[first]
    alarms = alarms_before[here] + np.arange(1, len(left) + 1) - first
    f1 = np.where(last_of_its_value(inside), found / (alarms + anomalies), 0)
    best = int(np.argmax(f1))
    return Best(above(scores, bucket, rows, inside[best], here[best]), 2 * float(f1[best]))


def in_buckets(
    scores: Floats, is_anomaly: Floats, low: float, per_unit: float
) -> tuple[Floats, Floats, Floats]:
    """The bucket of each score, and how many rows and how many anomalies there are in each.

    By blocks that stay in the cache: fresh pages for all of them took longer than to count.
    """
    bucket = np.empty(len(scores), np.int32)
    rows, hits = np.zeros(BUCKETS + 1, np.intp), []
    for part in blocks(len(scores)):
        distance = scores[part] - scores.dtype.type(low)
        distance *= scores.dtype.type(per_unit)
        here = distance.astype(np.intp)
        bucket[part] = here
        rows += np.bincount(here, minlength=BUCKETS + 1)
        hits.append(here[is_anomaly[part]])
    return bucket, rows, np.bincount(np.concatenate(hits), minlength=BUCKETS + 1)


def chosen_of(is_chosen: Floats, bucket: Floats) -> Floats:
    """The rows of the buckets that are chosen."""
    found = [
        part.start + np.flatnonzero(is_chosen.take(bucket[part])) for part in blocks(len(bucket))
    ]
    return np.concatenate(found)


def blocks(n: int) -> Iterable[slice]:
    """Consecutive slices of so many rows that counting them takes longer than clearing counts."""
    return (slice(start, start + 2 * BUCKETS) for start in range(0, n, 2 * BUCKETS))


def above(scores: Floats, bucket: Floats, rows: Floats, level: Any, at: int) -> float:
    """The threshold between a score and the next one up, which is in its bucket or the next."""
    later = np.flatnonzero(rows[at + 1 :])
    near = bucket == at
    if later.size:
        near |= bucket == at + 1 + later[0]
    higher = scores[near & (scores > level)]
    levels = [level] if higher.size == 0 else [level, higher.min()]
    return float(between(np.asarray(levels, dtype=np.float64))[1])


def unless_none(weights: Floats | None, scores: Floats) -> Floats:
    """The weights, or ones."""
    return np.ones(len(scores)) if weights is None else weights


def counted(weights: Floats, *columns: Floats) -> Iterable[Floats]:
    """The rows that have a weight."""
    counts = weights > 0
    return columns if counts.all() else [column[counts] for column in columns]


def sums_below(
    scores: Floats, weights: Floats, chosen: Floats | None = None
) -> tuple[Floats, list[Floats]]:
    """The distinct scores, ascending, and the weight below each threshold: of all rows, of some.

    Rows of one weight are counted, and only their scores sorted: faster than to sort the rows.
    """
    if (weights == weights[0]).all():
        levels, ends = levels_of(np.sort(scores))
        sums = np.zeros((1 if chosen is None else 2, len(levels) + 1))
        np.add(ends, 1, out=sums[0, 1:])
        if chosen is not None:
            positions = np.searchsorted(levels, np.sort(scores[chosen]))
            np.cumsum(np.bincount(positions, minlength=len(levels)), out=sums[1, 1:])
        sums *= weights[0]
        return levels, list(sums)
    order = np.argsort(scores)
    levels, ends = levels_of(scores[order])
    amounts = [weights] if chosen is None else [weights, weights * chosen]
    return levels, [np.append(0.0, np.cumsum(amount[order])[ends]) for amount in amounts]


def levels_of(scores: Floats) -> tuple[Floats, Floats]:
    """The distinct ones of sorted scores, and where each of them ends."""
    is_end = last_of_its_value(scores)
    return scores[is_end], np.flatnonzero(is_end)


def last_of_its_value(scores: Floats) -> Floats:
    """Which of sorted scores the next one differs from."""
    return np.append(scores[1:] != scores[:-1], True)


def between(levels: Floats) -> Floats:
    """Thresholds below, between and above ascending, distinct scores.

    Halfway between neighbours, so that a score computed again with other rounding falls on the same
    side; at the upper one where no number lies between. One unit of log density beyond the ends.
    """
    low, high = levels[:-1], levels[1:]
    thresholds = np.empty(len(levels) + 1)
    inner = thresholds[1:-1]
    np.divide(low, 2, out=inner)
    inner += high / 2
    np.copyto(inner, high, where=~((inner > low) & (inner < high)))
    thresholds[0] = levels[0] - 1
    thresholds[-1] = max(levels[-1] + 1, np.nextafter(levels[-1], np.inf))
    return thresholds


def share_below(scores: Floats, weights: Floats, share: float) -> float:
    """The highest threshold that at most this share of the weight lies below.

    A row of weight two counts as two rows, and the unit of the weights does not matter.
    """
    levels, (alarms,) = sums_below(*counted(weights, scores, weights))
    allowed = (share + 1e-12) * alarms[-1]  # and the rounding of the sums
    position = int(np.searchsorted(alarms, allowed, side="right")) - 1
    return float(between(levels.astype(np.float64))[position])
