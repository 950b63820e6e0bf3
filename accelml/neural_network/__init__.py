"""Neural networks."""

from accelml.neural_network.classifier import MLPClassifier
from accelml.neural_network.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
