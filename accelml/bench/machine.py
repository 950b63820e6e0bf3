"""The machine that figures come from: what it is, and how fast it can be at best."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = (
    "numpy", "scipy", "numba", "jax", "jaxlib", "optax", "cupy-cuda12x", "cupy-cuda13x",
    "scikit-learn", "scikit-learn-intelex", "torch", "faiss-cpu", "flash-kmeans",
)  # fmt: skip
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "XLA_FLAGS",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """The machine, the versions of what is installed, and how many threads there are."""
    from accelml import __version__

    return {
        "accelml": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "gpu": gpu(),
        "cores": usable_cores(),
        "memory_gib": memory(),
        "thread_settings": {v: os.environ[v] for v in THREAD_VARIABLES if v in os.environ},
        "versions": versions(),
    }


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> float | None:
    """Gibibytes of memory, rounded; None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def gpu() -> str:
    """The first GPU's name, empty where there is none."""
    from accelml.selection import backend_status

    if backend_status("cupy").problem:
        return ""
    import cupy

    name: bytes = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    return name.decode()


def versions() -> dict[str, str]:
    """The versions of the libraries that take part, of those installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def limits(device: str = "cpu") -> dict[str, float]:
    """What the device can do at most, measured: multiply matrices, and read memory.

    Returns
    -------
    dict of str to float
        ``gflops``: float32 products of two matrices, in 10⁹ operations a second; ``gbytes``: on the
        CPU, reading a matrix of 800 MB once (its product with a vector), on a GPU a copy of 2 GiB,
        read and written, in 10⁹ bytes a second.
    """
    if device != "cpu":
        return gpu_limits()
    rng = np.random.default_rng(0)
    square = rng.standard_normal((2048, 2048), dtype=np.float32)
    out = np.empty_like(square)
    tall = np.ones((200_000, 1000), dtype=np.float32)
    vector = np.ones(1000, dtype=np.float32)
    return {
        "gflops": 2 * 2048**3 / fastest(lambda: np.matmul(square, square, out=out)) / 1e9,
        "gbytes": tall.nbytes / fastest(lambda: tall @ vector) / 1e9,
    }


def gpu_limits() -> dict[str, float]:
    """The same of the first GPU, by cuBLAS without TF32, and by a copy."""
    import cupy

    from accelml.selection import get_backend

    backend = get_backend("cupy")
    square = cupy.random.standard_normal((8192, 8192), dtype=cupy.float32)
    source = cupy.zeros(2**29, dtype=cupy.float32)
    target = cupy.empty_like(source)

    def product() -> None:
        square @ square
        backend.synchronize()

    def copy() -> None:
        cupy.copyto(target, source)
        backend.synchronize()

    with backend.context():
        return {
            "gflops": 2 * 8192**3 / fastest(product) / 1e9,
            "gbytes": 2 * source.nbytes / fastest(copy) / 1e9,
        }


def fastest(function: Callable[[], object], repeats: int = 9) -> float:
    """The least of several times, in seconds: a limit is what is possible."""
    function()
    return min(timed(function) for _ in range(repeats))


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def missing(modules: Sequence[str]) -> list[str]:
    """Which of these modules are not installed."""
    return [name for name in modules if importlib.util.find_spec(name) is None]
