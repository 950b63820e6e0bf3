"""Neural networks."""

from accelml.neural_network.classifier import MLPClassifier

__all__ = ["MLPClassifier"]
