"""Where to draw the line between scores: by F1 on labelled rows, or by a share of all rows.

On the host for every backend: one number a row is little to fetch, the curves are kept there, and
JAX on the CPU takes many times as long to sort.
"""

from __future__ import annotations

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
    counts = weights > 0
    scores, is_anomaly, weights = scores[counts], is_anomaly[counts], weights[counts]
    order, ends = ascending(scores)
    found = cumulative((weights * is_anomaly)[order], ends)
    alarms = cumulative(weights[order], ends)
    anomalies = found[-1]
    return ThresholdCurve(
        between(scores[order][ends].astype(np.float64)),
        divide(found, alarms, where_zero=1.0),
        divide(found, np.full_like(found, anomalies), where_zero=1.0),
        # 2 P R / (P + R), with what is in common cancelled.
        divide(2 * found, alarms + anomalies, where_zero=0.0),
    )


def ascending(scores: Floats) -> tuple[Floats, Floats]:
    """The order of the rows by score, and where in it each distinct score ends."""
    order = np.argsort(scores)
    scores = scores[order]
    return order, np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)


def cumulative(amounts: Floats, ends: Floats) -> Floats:
    """What lies below each threshold: nothing below the first."""
    return np.append(0.0, np.cumsum(amounts)[ends])


def between(levels: Floats) -> Floats:
    """Thresholds below, between and above ascending, distinct scores.

    Halfway between neighbours, so that a score computed again with other rounding falls on the same
    side; at the upper one where no number lies between. One unit of log density beyond the ends.
    """
    low, high = levels[:-1], levels[1:]
    halfway = low / 2 + high / 2
    inner = np.where(np.isfinite(halfway) & (halfway > low), halfway, high)
    above = max(levels[-1] + 1, np.nextafter(levels[-1], np.inf))
    return np.concatenate([[levels[0] - 1], inner, [above]])


def divide(numerator: Floats, denominator: Floats, *, where_zero: float) -> Floats:
    """A quotient, and ``where_zero`` where nothing is there to divide by."""
    out = np.full_like(numerator, where_zero)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def share_below(scores: Floats, weights: Floats, share: float) -> float:
    """The highest threshold that at most this share of the weight lies below.

    A row of weight two counts as two rows, and the unit of the weights does not matter.
    """
    counts = weights > 0
    scores, weights = scores[counts], weights[counts]
    order, ends = ascending(scores)
    alarms = cumulative(weights[order], ends)
    allowed = (share + 1e-12) * alarms[-1]  # and the rounding of the sums
    position = int(np.searchsorted(alarms, allowed, side="right")) - 1
    return float(between(scores[order][ends].astype(np.float64))[position])
