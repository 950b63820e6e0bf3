"""What is learned does not depend on the number of threads, nor on the run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from accelml.testing import TOLERANCES, distance
from accelml.testing.estimators import ATTRIBUTES
from tests.backends import problem
from tests.fits import VARIABLES

ROOT = Path(__file__).parents[1]
BACKENDS = ("numpy", "numba", "jax")
# Threads of each run; the most of them twice, where the order of what they do is least certain.
RUNS = (1, 2, 4, 4)


def fit(backend, threads, file):
    """What a new process learns with so many threads."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "backends"), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        **dict.fromkeys(VARIABLES, str(threads)),
        "PYTHONPATH": path,
        "XLA_FLAGS": "",
    }
    command = [sys.executable, "-m", "tests.fits", backend, str(threads), str(file)]
    made = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    with np.load(file) as found:
        return dict(found)


@pytest.fixture(scope="module", params=BACKENDS)
def runs(request, tmp_path_factory):
    """For each number of threads, what its runs learned."""
    if problem(request.param):
        pytest.skip(problem(request.param))
    folder = tmp_path_factory.mktemp(request.param)
    files = [folder / f"{position}.npz" for position in range(len(RUNS))]
    found = {}
    # Two at a time, in each other's way: what is done in another order then shows.
    with ThreadPoolExecutor(2) as pool:
        every = pool.map(fit, [request.param] * len(RUNS), RUNS, files)
        for threads, learned in zip(RUNS, every, strict=True):
            found.setdefault(threads, []).append(learned)
    return found


def test_every_run_gives_the_same_bits(runs):
    for threads, (first, *others) in runs.items():
        for other in others:
            assert set(other) == set(first)
            different = [key for key in first if not np.array_equal(first[key], other[key])]
            assert not different, f"{threads} threads: two runs differ in {different}"


def test_every_number_of_threads_gives_the_same_to_rounding(runs):
    (first, *_), *others = runs.values()
    for other, *_ in others:
        for key, expected in first.items():
            attribute, dtype = key.split("/")[:2]
            quantity = ATTRIBUTES[attribute]
            error = distance(quantity, other[key], expected)
            assert error <= TOLERANCES[quantity].limit(dtype), f"{key} is off by {error:.1e}"
