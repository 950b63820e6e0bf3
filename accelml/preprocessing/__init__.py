"""Preprocessing of features."""

from accelml.preprocessing.pixel_scaler import PixelScaler

__all__ = ["PixelScaler"]
