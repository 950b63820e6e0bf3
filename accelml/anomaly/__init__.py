"""Anomaly detection."""

from accelml.anomaly.gaussian import GaussianAnomalyDetector

__all__ = ["GaussianAnomalyDetector"]
