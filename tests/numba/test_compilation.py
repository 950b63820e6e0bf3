"""Kernels are kept on disk; where there is no folder for that, they run all the same."""

import subprocess
import sys

import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))


def test_without_a_folder_to_cache_in_a_kernel_works_and_warns():
    from accelml_numba.compilation import compiled

    names = {}
    exec("def twice(x):\n    return 2 * x", names)  # of no file, so there is no place beside it
    with pytest.warns(UserWarning, match="finds no folder .* Set NUMBA_CACHE_DIR"):
        twice = compiled(names["twice"])
    assert twice(21) == 42


def test_a_second_process_finds_the_machine_code_of_the_first():
    code = (
        "import sys; import numpy as np; "
        "from accelml.neural_network import MLPClassifier; "
        "X = np.eye(4, dtype=np.float32); "
        "MLPClassifier(3, max_iter=1, n_iter_no_change=2, backend='numba').fit(X, [0, 1, 0, 1]); "
        "ours = [m for name, m in sys.modules.items() if name.startswith('accelml_numba')]; "
        "kernels = [f for m in ours for f in vars(m).values() if hasattr(f, 'stats')]; "
        "print(sum(sum(f.stats.cache_hits.values()) for f in kernels), "
        "sum(sum(f.stats.cache_misses.values()) for f in kernels))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    counts = []
    for _ in range(2):
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        counts.append([int(word) for word in result.stdout.split()])
    hits, misses = counts[1]
    assert hits >= 1
    assert misses == 0
