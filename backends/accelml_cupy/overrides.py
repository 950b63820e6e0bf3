"""Every module of this package that overrides kernels: importing this one registers them all."""

from accelml_cupy import cluster, objectives, optimize

__all__ = ["cluster", "objectives", "optimize"]
