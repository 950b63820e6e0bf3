from __future__ import annotations

import sys

import pytest

import accelml
from accelml.selection import backend_status
from tests.cupy import emulation


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """The CUDA sources, compiled for the CPU."""
    if sys.platform != "linux":
        pytest.skip("the emulation switches threads with ucontext, which only Linux still supports")
    if emulation.compiler() is None:
        pytest.skip("g++ is not installed, so no CUDA source can be run on the CPU")
    folder = tmp_path_factory.mktemp("cuda_on_cpu")
    return {source.file: emulation.build(source, folder) for source in emulation.SOURCES}


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def emulate(request, libraries):
    """Make an emulated backend, whose threads run in order or in the opposite order."""
    return lambda: emulation.EmulatedCupy(libraries, backwards=request.param)


@pytest.fixture(scope="session")
def reference():
    return accelml.get_backend("numpy")


@pytest.fixture(scope="session")
def cupy_backend(request):
    """The backend on a real GPU."""
    status = backend_status("cupy")
    if status.problem and "cupy" in request.config.getoption("--require-backend", default=[]):
        pytest.fail(f"--require-backend cupy: {status.problem}; {status.remedy}")
    if status.problem:
        pytest.skip(f"cupy: {status.problem}")
    return accelml.get_backend("cupy")
