"""Data to learn from: loaders of public datasets, and generators of some that are like them."""

from accelml.datasets._digits import load_digits
from accelml.datasets._errors import DatasetCorrupt, DatasetUnavailable
from accelml.datasets._fashion_mnist import load_fashion_mnist
from accelml.datasets._iris import load_iris
from accelml.datasets._make_digits import make_digits
from accelml.datasets._make_microchips import make_microchips
from accelml.datasets._make_nonlinear import make_nonlinear
from accelml.datasets._make_server_metrics import make_server_metrics
from accelml.datasets._microchips import load_microchips
from accelml.datasets._mnist import load_mnist
from accelml.datasets._nonlinear import load_nonlinear
from accelml.datasets._server_metrics import load_server_metrics
from accelml.datasets._world_happiness import load_world_happiness

__all__ = [
    "DatasetCorrupt",
    "DatasetUnavailable",
    "load_digits",
    "load_fashion_mnist",
    "load_iris",
    "load_microchips",
    "load_mnist",
    "load_nonlinear",
    "load_server_metrics",
    "load_world_happiness",
    "make_digits",
    "make_microchips",
    "make_nonlinear",
    "make_server_metrics",
]
