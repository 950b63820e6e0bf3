"""Races between backends and other libraries: what ``accelml bench`` and ``make bench`` run."""

from __future__ import annotations

from accelml.bench.race import run_race
from accelml.bench.report import Report
from accelml.bench.workloads import WORKLOADS, Workload

__all__ = ["WORKLOADS", "Report", "Workload", "run_race"]
