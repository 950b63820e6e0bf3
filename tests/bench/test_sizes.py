"""Crossovers and growth, from curves that are given; and a curve that is measured."""

import inspect

import numpy as np
import pytest

from accelml.bench.ours import backends_for
from accelml.bench.sizes import AXES, axis, crossover, growth, run_axis
from accelml.bench.workloads import contestants

SIZES = [10, 100, 1000, 10000]


def test_where_two_lines_cross_on_logarithmic_axes():
    linear, with_overhead = [s * 1e-3 for s in SIZES], [1.0, 1.0, 1.0, 1.0]
    assert crossover(SIZES, linear, with_overhead) == pytest.approx(1000)
    assert crossover(SIZES, linear, [2.0] * 4) == pytest.approx(2000)


def test_one_that_is_never_or_always_faster():
    assert crossover(SIZES, [1.0] * 4, [2.0] * 4) is None
    assert crossover(SIZES, [2.0] * 4, [1.0] * 4) == 10
    assert crossover(SIZES, [1.0] * 4, []) is None


def test_of_several_crossings_the_last_counts():
    assert crossover(SIZES, [1.0] * 4, [0.5, 2.0, 2.0, 0.5]) == pytest.approx(10**3.5)


def test_the_exponent_of_growth():
    assert growth(SIZES, np.array(SIZES) ** 1.5) == pytest.approx(1.5)
    assert growth([1, 2], [1.0, 2.0]) is None


def test_every_axis_names_an_argument_of_its_family():
    from accelml.bench.problems import BUILDERS

    for entry in AXES.values():
        known = inspect.signature(BUILDERS[entry.family]).parameters
        assert set(entry.arguments(entry.values[0])) <= set(known)
        assert contestants(entry.family)


def test_a_curve_is_measured_and_a_failure_is_kept():
    small = axis("x", "x", "gaussian", "rows", (50, 100), features=2)
    broken = axis("y", "y", "gaussian", "rows", (-1,), features=2)
    numpy = [c for c in backends_for("gaussian") if c.library == "numpy"]
    (curve,) = run_axis(small, numpy)["curves"]
    assert curve["sizes"] == [50, 100]
    assert all(0 < seconds < 1 for seconds in curve["seconds"])
    (curve,) = run_axis(broken, numpy)["curves"]
    assert (curve["sizes"], "negative" in curve["error"]) == ([], True)
