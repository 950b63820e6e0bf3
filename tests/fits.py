"""Fit estimators in a process of its own: ``python -m tests.fits BACKEND THREADS FILE``.

What they learned goes into FILE, for ``test_threads.py`` to compare.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from accelml.datasets import make_digits
from accelml.testing.estimators import ATTRIBUTES, WORK, Work, frozen, parts, train

# What each library reads when it starts. XLA knows no option, only this variable of its own tests.
VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")


@functools.cache
def images(dtype: Any) -> tuple[Any, Any]:
    """So many that the rows are shared out among threads."""
    X, y = make_digits(5000, random_state=0)
    return frozen((X / 255).astype(dtype)), frozen(y)


@functools.cache
def numbers(dtype: Any) -> tuple[Any, Any]:
    """A long table, and a number to predict."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60_000, 30)) + np.linspace(-1, 1, 30)
    y = X @ rng.standard_normal(30) + rng.standard_normal(len(X))
    return frozen(X.astype(dtype)), frozen(y.astype(dtype))


NETWORK = {"hidden_layer_sizes": (128,), "random_state": 0, "max_iter": 1}
CLUSTERS = {"random_state": 0, "n_init": 1, "max_iter": 5}
LARGE = (
    Work("KMeans", "cluster", {"n_clusters": 10, **CLUSTERS}, images),
    Work("LogisticRegression", "linear_model", {"max_iter": 8}, images),
    Work("MLPClassifier", "neural_network", {"batch_size": 1000, **NETWORK}, images),
    Work("LinearRegression", "linear_model", {}, numbers),
    Work("LinearRegression", "linear_model", {"solver": "gd", "max_iter": 20}, numbers),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "diag"}, numbers),
)
MORE = (
    Work("KMeans", "cluster", {"n_clusters": 40, **CLUSTERS}, numbers),
    Work("MiniBatchKMeans", "cluster", {"n_clusters": 10, **CLUSTERS}, images),
    Work("LogisticRegression", "linear_model", {"multi_class": "ovr", "max_iter": 4}, images),
    Work("MLPClassifier", "neural_network", {"batch_size": 128, **NETWORK}, images),
    Work("Ridge", "linear_model", {"solver": "cholesky"}, images),
    Work("StandardScaler", "preprocessing", {}, numbers),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "full"}, numbers),
)


def work_of(backend: str) -> Iterator[tuple[Work, Any]]:
    """What to fit; where every fit is compiled anew, what is shared out among threads alone."""
    is_compiled = backend == "jax"
    for work in LARGE if is_compiled else LARGE + MORE:
        yield work, np.dtype("float32")
    for work in () if is_compiled else WORK:
        yield work, np.dtype("float64")


def learned(backend: str) -> dict[str, Any]:
    """Every fitted attribute of every estimator, by name, dtype and estimator."""
    found = {}
    for position, (work, dtype) in enumerate(work_of(backend)):
        model = train(work, backend, dtype)
        for attribute in ATTRIBUTES:
            value = getattr(model, attribute, None)
            if value is not None:
                for part, array in enumerate(parts(value)):
                    key = f"{attribute}/{dtype}/{position} {work.label}/{part}"
                    found[key] = np.asarray(array)
    return found


def check_threads(backend: str, threads: int) -> None:
    """The variables were heard: what follows does run on so many threads."""
    import scipy.linalg.blas  # noqa: F401  (has a pool of its own)
    from threadpoolctl import threadpool_info, threadpool_limits

    # OpenBLAS takes no more threads than there are cores, unless it is told to once it runs.
    threadpool_limits(threads)
    pools = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    assert pools == {threads}, f"BLAS has {pools} threads, not {threads}"
    if backend == "numba":
        import numba

        assert numba.get_num_threads() == threads
    tasks = Path("/proc/self/task")
    if backend == "jax" and tasks.is_dir():
        names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
        assert names.count("tf_XLAEigen") == threads, names


def main() -> None:
    """Fit, and write what was learned."""
    backend, threads, file = sys.argv[1:]
    for variable in VARIABLES:
        assert os.environ[variable] == threads
    if backend == "jax":
        import jax

        jax.devices()
    check_threads(backend, int(threads))
    np.savez(file, **learned(backend))


if __name__ == "__main__":
    main()
