"""The classic algorithms of machine learning, each written once, on every array library.

Importing this package loads no accelerator library and touches no device.
"""

from accelml.backend import Backend, BackendUnavailable
from accelml.selection import available_backends, get_backend, use_backend

__version__ = "0.1.0.dev0"

__all__ = ["Backend", "BackendUnavailable", "available_backends", "get_backend", "use_backend"]
