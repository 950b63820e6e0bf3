"""Linear models."""

from accelml.linear_model.logistic_regression import LogisticRegression

__all__ = ["LogisticRegression"]
