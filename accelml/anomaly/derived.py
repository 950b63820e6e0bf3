"""What a fitted detector has besides what it stores."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml.anomaly.threshold import ThresholdCurve, threshold_curve, unless_none


class Derived:
    """Attributes that are computed when they are read."""

    scatter_: np.ndarray[Any, Any]
    weight_sum_: float
    epsilon_: float
    _labelled: tuple[Any, Any, Any]

    def _curve(self) -> ThresholdCurve:
        """All thresholds, from what ``select_threshold`` scored."""
        scores, is_anomaly, weights = self._labelled
        return threshold_curve(scores, is_anomaly, unless_none(weights, scores))

    @property
    def thresholds_(self) -> np.ndarray[Any, Any]:
        """Every threshold that tells rows apart, ascending, of shape (n_thresholds,)."""
        return self._curve().thresholds

    @property
    def precision_curve_(self) -> np.ndarray[Any, Any]:
        """The precision of each threshold."""
        return self._curve().precision

    @property
    def recall_curve_(self) -> np.ndarray[Any, Any]:
        """The recall of each threshold."""
        return self._curve().recall

    @property
    def f1_curve_(self) -> np.ndarray[Any, Any]:
        """F1 of each threshold."""
        return self._curve().f1

    @property
    def var_(self) -> np.ndarray[Any, Any]:
        """The variances, of shape (n_features,)."""
        scatter = self.scatter_ if self.scatter_.ndim == 1 else np.diagonal(self.scatter_)
        variance: np.ndarray[Any, Any] = scatter / self.weight_sum_ + self.epsilon_
        return variance

    @property
    def covariance_(self) -> np.ndarray[Any, Any]:
        """The covariance, of shape (n_features, n_features)."""
        if self.scatter_.ndim == 1:
            return np.diag(self.var_)
        covariance: np.ndarray[Any, Any] = self.scatter_ / self.weight_sum_
        return covariance + self.epsilon_ * np.eye(len(covariance))
