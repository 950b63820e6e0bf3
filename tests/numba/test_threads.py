"""Rows shared out among threads: in order, all of them, once."""

import itertools

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=problem("numba"))


def bounds_of(rows, work):
    from accelml_numba.threads import in_parts

    return in_parts(lambda start, stop: (start, stop), rows, work)


@pytest.mark.parametrize("rows", [1, 2, 7, 31, 32, 33, 1000])
@pytest.mark.parametrize("work", [0.0, 1e6, 5e6, 1e12])
def test_every_row_is_in_one_part_in_order(rows, work):
    bounds = bounds_of(rows, work)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == rows
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    assert all(start < stop for start, stop in bounds)
    assert len(bounds) <= 32
    assert len(bounds) == 1 or work >= 4e6


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch, threads):
    from accelml_numba import threads as module

    x = np.random.default_rng(0).standard_normal(10_001)
    expected = sum(x[a:b].sum() for a, b in bounds_of(len(x), 1e9))
    monkeypatch.setattr(module.numba, "get_num_threads", lambda: threads)
    found = sum(module.in_parts(lambda a, b: x[a:b].sum(), len(x), 1e9))
    assert found == expected


def test_what_a_part_raises_is_raised():
    from accelml_numba.threads import in_parts

    def fail(start, stop):
        if stop == 64:
            raise RuntimeError("the last part")

    with pytest.raises(RuntimeError, match="the last part"):
        in_parts(fail, 64, 1e12)
