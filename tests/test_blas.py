"""Matrix libraries held to one thread, and what their threads do when there is nothing to do."""

import os
import subprocess
import sys

import pytest

from accelml.blas import (
    SMALL,
    SMALL_CHOLESKY,
    blas,
    count_threads,
    one_thread_each,
    one_thread_if_small,
)


def test_matrix_libraries_are_held_to_one_thread_and_let_go_again():
    before = [library.get_num_threads() for library in blas()]
    with one_thread_each():
        assert {library.get_num_threads() for library in blas()} <= {1}
        assert count_threads() == max(before, default=1)  # what the user set
        with one_thread_each():
            pass
        assert {library.get_num_threads() for library in blas()} <= {1}
    assert [library.get_num_threads() for library in blas()] == before


@pytest.mark.parametrize(
    ("order", "sizes", "is_held"),
    [(4, SMALL, False), (100, SMALL, True), (784, SMALL, False), (784, SMALL_CHOLESKY, True)],
)
def test_small_matrices_have_one_thread(order, sizes, is_held):
    before = [library.get_num_threads() for library in blas()]
    with one_thread_if_small(order, sizes):
        now = [library.get_num_threads() for library in blas()]
    assert now == ([1] * len(before) if is_held else before)
    assert [library.get_num_threads() for library in blas()] == before


# Processor seconds of the 20 ms after a fit, in which nothing is left to do.
IDLE = """
import time
import numpy as np
from accelml.linear_model import LinearRegression

rng = np.random.default_rng(0)
X, y = rng.standard_normal((50_000, 100)), rng.standard_normal(50_000)
model = LinearRegression(backend="numpy")
spent = []
for _ in range(10):
    model.fit(X, y)
    start = time.process_time()
    time.sleep(0.02)
    spent.append(time.process_time() - start)
print(min(spent))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core only")
def test_no_thread_waits_in_a_busy_loop_after_a_small_system():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_THREAD_TIMEOUT": "26"}
    run = subprocess.run(
        [sys.executable, "-c", IDLE], env=environment, capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 0.01
