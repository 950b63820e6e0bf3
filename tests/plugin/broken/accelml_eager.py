"""A plug-in that imports its library too early."""

import array_api_strict  # noqa: F401  (too early)
from accelml_example import ExampleBackend


class Eager(ExampleBackend):
    name = "eager"
