"""Data to learn from: loaders of public datasets and a generator of handwritten digits."""

from accelml.datasets._digits import load_digits
from accelml.datasets._errors import DatasetCorrupt, DatasetUnavailable
from accelml.datasets._fashion_mnist import load_fashion_mnist
from accelml.datasets._make_digits import make_digits
from accelml.datasets._mnist import load_mnist

__all__ = [
    "DatasetCorrupt",
    "DatasetUnavailable",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "make_digits",
]
