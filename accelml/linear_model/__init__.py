"""Linear models."""

from accelml.linear_model.linear_regression import LinearRegression
from accelml.linear_model.logistic_regression import LogisticRegression
from accelml.linear_model.ridge import Ridge

__all__ = ["LinearRegression", "LogisticRegression", "Ridge"]
