"""Checks for the authors of backends: ``check_backend``, and the tolerances that it holds to."""

from accelml.testing.conformance import check_backend
from accelml.testing.report import Check, ConformanceReport
from accelml.testing.tolerances import TOLERANCES, Tolerance, distance, tolerances_page

__all__ = [
    "TOLERANCES",
    "Check",
    "ConformanceReport",
    "Tolerance",
    "check_backend",
    "distance",
    "tolerances_page",
]
