"""Rows shared out among threads: in order, all of them, once; matrix libraries as they were."""

import itertools
import threading

import numpy as np
import pytest

from accelml.blas import blas
from accelml_numpy import threads as module
from accelml_numpy.threads import in_parts


def bounds_of(rows, columns, align=1):
    return in_parts(lambda start, stop: (start, stop), (rows, columns), align)


@pytest.mark.parametrize("align", [1, 7, 100])
@pytest.mark.parametrize("columns", [1, 10**5, 10**8])
@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 1000])
def test_every_row_is_in_one_part_in_order(rows, columns, align):
    bounds = bounds_of(rows, columns, align)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == rows
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    assert all(start < stop and start % align == 0 for start, stop in bounds)
    assert len(bounds) == 1 or rows * columns >= 2**22


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch, threads):
    x = np.random.default_rng(0).standard_normal(10_001)
    expected = sum(x[a:b].sum() for a, b in bounds_of(len(x), 10_000))
    monkeypatch.setattr(module, "count_threads", lambda: threads)
    assert sum(in_parts(lambda a, b: x[a:b].sum(), (len(x), 10_000))) == expected


@pytest.mark.filterwarnings("error")
def test_warnings_that_the_caller_leaves_out_are_left_out_in_threads(monkeypatch):
    monkeypatch.setattr(module, "count_threads", lambda: 2)
    x = np.full(4, np.inf)
    with np.errstate(invalid="ignore"):
        found = in_parts(lambda a, b: np.isnan(x[:2] - x[2:]).all(), (4, 2**22))
    assert len(found) > 1
    assert all(found)
    with pytest.raises(RuntimeWarning, match="invalid value"):
        in_parts(lambda a, b: x[:2] - x[2:], (4, 2**22))


def test_they_are_let_go_after_an_error_and_beside_other_threads():
    before = [library.get_num_threads() for library in blas()]

    def fail(start, stop):
        raise ZeroDivisionError

    def work():
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                in_parts(fail, (100, 10**6))

    users = [threading.Thread(target=work) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert [library.get_num_threads() for library in blas()] == before
