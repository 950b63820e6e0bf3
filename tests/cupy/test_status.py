"""What the plug-in says of machines with and without what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import accelml
from accelml.selection import backend_status
from accelml_cupy import diagnosis
from accelml_cupy.diagnosis import (
    Driver,
    compiler_problem,
    driver_problem,
    installation_problem,
    processors,
    release,
)


def test_importing_the_plugin_imports_no_cupy():
    code = "import sys, accelml_cupy; assert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_machine_that_cannot_run_it_says_why():
    status = backend_status("cupy")
    if not status.problem:
        pytest.skip("this machine can run CuPy")
    assert status.remedy
    assert "cupy" not in accelml.available_backends()
    with pytest.raises(accelml.BackendUnavailable) as raised:
        accelml.get_backend("cupy")
    assert status.problem in str(raised.value)
    assert status.remedy in str(raised.value)


def test_the_reason_is_the_first_thing_that_is_missing():
    status = backend_status("cupy")
    cupy = pytest.importorskip("cupy", exc_type=Exception)
    if cupy.cuda.runtime.driverGetVersion() != 0:
        pytest.skip("there is a driver")
    assert status.problem == "there is no NVIDIA driver on this machine"


@pytest.mark.parametrize(
    ("builds", "importable", "problem", "remedy"),
    [
        ([], False, "CuPy is not installed", "accelml[cuda12]"),
        (
            ["cupy-cuda12x 14.0.0", "cupy-cuda13x 14.2.0"],
            True,
            "cupy-cuda12x 14.0.0 and cupy-cuda13x 14.2.0 are installed",
            "pip uninstall cupy-cuda12x cupy-cuda13x, then pip install",
        ),
    ],
)
def test_installation(builds, importable, problem, remedy):
    found = installation_problem(builds, importable)
    assert problem in found.what
    assert remedy in found.remedy


def test_one_build_is_fine():
    assert installation_problem(["cupy-cuda13x 14.2.0"], True) is None
    assert installation_problem([], True) is None  # built from source without metadata


@pytest.mark.parametrize(
    ("driver", "problem", "remedy"),
    [
        (Driver(0, 13020, error=35), "no NVIDIA driver", "install the driver"),
        (Driver(12040, 13020, error=35), "for CUDA 12.4, too old", "pip install 'accelml[cuda12]'"),
        (Driver(11080, 13020, error=35), "for CUDA 11.8, too old", "update the driver"),
        (Driver(13020, 13020, error=100), "a driver, but no GPU", "docker run --gpus all"),
        (Driver(13020, 13020, devices=0), "a driver, but no GPU", "docker run --gpus all"),
        (Driver(13020, 13020, error=803, message="mismatch"), "(mismatch)", "restart"),
    ],
)
def test_driver(monkeypatch, driver, problem, remedy):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = driver_problem(driver)
    assert problem in found.what.replace("an NVIDIA driver", "a driver")
    assert remedy in found.remedy


def test_hidden_devices(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES=''" in driver_problem(Driver(13020, 13020, error=100)).what


def test_a_driver_with_a_gpu_is_fine():
    assert driver_problem(Driver(13020, 13020, devices=1)) is None


def test_the_compiler_names_what_it_misses(monkeypatch):
    core = pytest.importorskip("cupy._core.core", exc_type=Exception)
    assert compiler_problem("90") is None
    assert "--gpu-architecture" in compiler_problem("20").what
    monkeypatch.setattr(core, "assemble_cupy_compiler_options", lambda options: ("-Inowhere",))
    found = compiler_problem("90")
    assert "cuda_fp16.h" in found.what
    assert "accelml[cuda13]" in found.remedy


def test_status_never_raises(monkeypatch):
    def fail():
        raise OSError("libcuda.so.1 is not a library")

    monkeypatch.setattr(diagnosis, "installed_builds", fail)
    status = diagnosis.diagnose.__wrapped__()
    assert "libcuda.so.1 is not a library" in status.problem


def test_words():
    h200 = {"name": b"NVIDIA H200", "multiProcessorCount": 132}
    t4 = {"name": b"Tesla T4", "multiProcessorCount": 40}
    assert processors([h200]) == "NVIDIA H200 (132 SMs)"
    assert processors([h200, t4, h200]) == "2 x NVIDIA H200 (132 SMs), Tesla T4 (40 SMs)"
    assert (release(13020), release(12090)) == ("13.2", "12.9")
