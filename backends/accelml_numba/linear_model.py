"""The sums of least squares, as on NumPy: they are matrix products, which BLAS does best."""

from __future__ import annotations

from accelml.linear_model.least_squares_sums import moments, upper
from accelml_numpy.linear_model import sum_moments, upper_alone

moments.register("numba")(sum_moments)
upper.register("numba")(upper_alone)
