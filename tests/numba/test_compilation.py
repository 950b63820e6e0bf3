"""Kernels are kept on disk; where there is no folder for that, they run all the same."""

import subprocess
import sys

import numpy as np
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


def test_what_cannot_be_written_to_compiles_nothing_anew():
    """Nor do weights: without any, one number that cannot be written to stands for all rows."""
    from accelml.cluster import KMeans
    from accelml_numba.assignment import assign
    from accelml_numba.lloyd import go_on

    X = np.random.default_rng(0).standard_normal((600, 3)).astype(np.float32)
    model = KMeans(2, n_init=1, random_state=0, backend="numba").fit(X)
    known = list(go_on.signatures), list(assign.signatures)
    model.fit(X, sample_weight=np.arange(600))
    X.flags.writeable = False
    model.fit(X).predict(X)
    assert (go_on.signatures, assign.signatures) == known


def signatures():
    """How many types of arguments each of our kernels is compiled for."""
    modules = [module for name, module in sys.modules.items() if name.startswith("accelml_numba")]
    kernels = {id(part): part for module in modules for part in vars(module).values()}
    return sum(len(getattr(part, "signatures", ())) for part in kernels.values())


def estimators():
    """Estimators whose kernels read X row by row."""
    from accelml.anomaly import GaussianAnomalyDetector
    from accelml.cluster import MiniBatchKMeans
    from accelml.linear_model import LinearRegression, LogisticRegression
    from accelml.neural_network import MLPClassifier
    from accelml.preprocessing import PolynomialFeatures, StandardScaler

    yield GaussianAnomalyDetector(covariance_type="diag")
    yield MiniBatchKMeans(2, n_init=1, random_state=0, max_iter=2)
    yield LinearRegression()
    yield LogisticRegression(max_iter=5)
    yield MLPClassifier(3, max_iter=2, random_state=0)
    yield PolynomialFeatures(2)
    yield StandardScaler()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", list(estimators()), ids=lambda model: type(model).__name__)
def test_a_memory_map_compiles_nothing_anew(model):
    """Its arrays cannot be written to, nor can those that n_jobs hands to its workers."""
    X = np.random.default_rng(0).standard_normal((600, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    answer = "transform" if hasattr(model, "transform") else "predict"
    model.set_params(backend="numba")
    getattr(model.fit(X, y), answer)(X)
    known = signatures()
    for array in (X, y):
        array.flags.writeable = False
    getattr(model.fit(X, y), answer)(X)
    assert signatures() == known
