"""Every module of this package that overrides kernels: importing this one registers them all."""

from accelml_cupy import anomaly, cluster, linear_classifier, objectives, optimize, training

__all__ = ["anomaly", "cluster", "linear_classifier", "objectives", "optimize", "training"]
