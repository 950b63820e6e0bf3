"""Whether CuPy works on this machine, and exactly why where it does not."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections import Counter
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NamedTuple

from accelml.backend import Status

BUILDS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")
INSTALL = (
    "pip install 'accelml[cuda12]' or 'accelml[cuda13]', whichever CUDA version nvidia-smi shows"
)
ELSEWHERE = "or choose another backend ('accelml doctor' lists them)"
# What CUDA's runtime answers (driver_types.h).
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100
# Most of CuPy's own kernels include this header; for CuPy 14 the extra [ctk] brings it.
PROBE = '#include <cuda_fp16.h>\nextern "C" __global__ void probe() {}\n'


class Problem(NamedTuple):
    """What is wrong, and what would help."""

    what: str
    remedy: str


class Driver(NamedTuple):
    """What the CUDA runtime answers when it is asked for GPUs."""

    driver: int  # e.g. 13020 for CUDA 13.2; 0 where there is none
    runtime: int
    devices: int = 0
    error: int = 0
    message: str = ""


@functools.cache
def diagnose() -> Status:
    """Ask the installation, then the driver, then the compiler. No memory is taken on a GPU."""
    try:
        problem = installation_problem(installed_builds(), has_module("cupy"))
        return Status(*problem) if problem is not None else device_status()
    except Exception as error:
        text = f"CuPy does not work here ({type(error).__name__}: {error})"
        return Status(text, f"reinstall it: {INSTALL}")


def has_module(name: str) -> bool:
    """Whether a module can be imported; a mere folder of that name does not count."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def installed_builds() -> list[str]:
    """The distributions that provide ``cupy``; there may be only one."""
    found = []
    for build in BUILDS:
        try:
            found.append(f"{build} {distribution(build).version}")
        except PackageNotFoundError:
            continue
    return found


def installation_problem(builds: list[str], importable: bool) -> Problem | None:
    """What can be said without importing CuPy, which warns or fails where it is installed twice."""
    if not importable:
        return Problem("CuPy is not installed", INSTALL)
    if len(builds) > 1:
        names = " ".join(build.split()[0] for build in builds)
        return Problem(
            f"{' and '.join(builds)} are installed and overwrite each other's files",
            f"pip uninstall {names}, then {INSTALL}",
        )
    return None


def device_status() -> Status:
    """The status where CuPy is installed once."""
    import cupy

    if int(cupy.__version__.split(".")[0]) < 14:
        return Status(f"CuPy {cupy.__version__} is too old", f"upgrade to CuPy 14: {INSTALL}")
    runtime = cupy.cuda.runtime
    if runtime.is_hip:
        return Status("this CuPy is built for AMD GPUs, and the kernels here are CUDA", INSTALL)
    found = ask_driver(runtime)
    problem = driver_problem(found)
    if problem is not None:
        return Status(*problem)
    properties = [runtime.getDeviceProperties(number) for number in range(found.devices)]
    architectures = dict.fromkeys(f"{p['major']}{p['minor']}" for p in properties)
    for architecture in architectures:
        problem = compiler_problem(architecture)
        if problem is not None:
            return Status(*problem)
    versions = f"CUDA runtime {release(found.runtime)}, driver for CUDA {release(found.driver)}"
    return Status(
        version=f"cupy {cupy.__version__}, {versions}",
        devices=tuple(f"gpu:{number}" for number in range(found.devices)),
        threads=processors(properties),
    )


def ask_driver(runtime: Any) -> Driver:
    """Count the GPUs: ``import cupy`` succeeds without any, and the first array would raise."""
    versions = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    try:
        return Driver(*versions, devices=runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        return Driver(*versions, error=error.status, message=str(error))


def driver_problem(found: Driver) -> Problem | None:
    """What the driver's answer means."""
    if found.driver == 0:
        return Problem(
            "there is no NVIDIA driver on this machine", f"install the driver, {ELSEWHERE}"
        )
    if found.error == INSUFFICIENT_DRIVER:
        older = found.driver // 1000
        replace = f", or uninstall this CuPy and pip install 'accelml[cuda{older}]'"
        return Problem(
            f"the NVIDIA driver is for CUDA {release(found.driver)}, too old for this CuPy, which "
            f"is built for CUDA {release(found.runtime)}",
            f"update the driver{replace if 12 <= older < found.runtime // 1000 else ''}",
        )
    if found.error == NO_DEVICE or (found.error == 0 and found.devices == 0):
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if hidden is not None:
            return Problem(
                f"CUDA_VISIBLE_DEVICES={hidden!r} leaves no GPU to see", f"change it, {ELSEWHERE}"
            )
        return Problem(
            "there is an NVIDIA driver, but no GPU",
            f"give this machine or container a GPU (docker run --gpus all), {ELSEWHERE}",
        )
    if found.error:
        return Problem(
            f"the CUDA runtime does not start ({found.message})",
            f"see what nvidia-smi says; a driver just updated needs a restart; {ELSEWHERE}",
        )
    return None


def compiler_problem(architecture: str) -> Problem | None:
    """Compile an empty kernel for one architecture with all that CuPy gives the compiler."""
    from cupy._core import core
    from cupy.cuda import nvrtc

    log = ""
    try:
        options = core.assemble_cupy_compiler_options(())
        program = nvrtc.createProgram(PROBE, "probe.cu", (), ())
        try:
            nvrtc.compileProgram(program, (*options, f"-arch=sm_{architecture}"))
        except Exception:
            log = nvrtc.getProgramLog(program).strip()
            raise
        finally:
            nvrtc.destroyProgram(program)
    except Exception as error:
        reason = " ".join((log or str(error)).split())
        return Problem(
            f"CuPy cannot compile kernels for this GPU (sm_{architecture}: {reason})",
            f"add the compiler and its headers: {INSTALL}",
        )
    return None


def processors(properties: list[dict[str, Any]]) -> str:
    """The GPUs in words, e.g. ``2 x NVIDIA H200 (132 SMs)``."""
    names = Counter(f"{p['name'].decode()} ({p['multiProcessorCount']} SMs)" for p in properties)
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in names.items())


def release(version: int) -> str:
    """CUDA's release of a version number: ``13.2`` of 13020."""
    return f"{version // 1000}.{version % 1000 // 10}"
