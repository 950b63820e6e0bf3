"""The sums of least squares, as on NumPy: they are matrix products, which BLAS does best."""

from __future__ import annotations

from accelml.linear_model.least_squares_sums import block_moments, upper
from accelml_numpy.linear_model import sum_block, upper_alone

block_moments.register("numba")(sum_block)
upper.register("numba")(upper_alone)
