"""Preprocessing of features."""

from accelml.preprocessing.pixel_scaler import PixelScaler
from accelml.preprocessing.polynomial_features import PolynomialFeatures
from accelml.preprocessing.sinusoid_features import SinusoidFeatures
from accelml.preprocessing.standard_scaler import StandardScaler

__all__ = ["PixelScaler", "PolynomialFeatures", "SinusoidFeatures", "StandardScaler"]
