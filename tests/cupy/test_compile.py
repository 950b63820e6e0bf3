"""Every CUDA source compiles without a warning, for old and new GPUs; no GPU is needed for it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from accelml_cupy.launch import OPTIONS
from tests.cupy.emulation import SOURCES

ARCHITECTURES = (75, 80, 90, 100)
by_file = pytest.mark.parametrize("source", SOURCES, ids=[source.file for source in SOURCES])
# As CuPy calls it for a RawModule.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")


def nvrtc_compile(nvrtc, source, architecture):
    """The log, and what each kernel is called in the binary."""
    program = nvrtc.createProgram(source.text(), source.file, (), ())
    try:
        for kernel in source.kernels:
            nvrtc.addNameExpression(program, kernel)
        try:
            nvrtc.compileProgram(program, (*OPTIONS, *CUPY_OPTIONS, f"-arch=sm_{architecture}"))
        except Exception:
            pytest.fail(nvrtc.getProgramLog(program))
        log = nvrtc.getProgramLog(program).strip("\0 \n")
        names = [nvrtc.getLoweredName(program, kernel) for kernel in source.kernels]
        return log, names, nvrtc.getCUBIN(program)
    finally:
        nvrtc.destroyProgram(program)


@by_file
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nvrtc(source, architecture):
    nvrtc = pytest.importorskip("cupy.cuda", exc_type=Exception).nvrtc
    try:
        supported = nvrtc.getSupportedArchs()
    except Exception as error:
        pytest.skip(f"NVRTC does not load ({error})")
    if architecture not in supported:
        pytest.skip(f"this NVRTC knows sm_{supported[0]} to sm_{supported[-1]}")
    log, names, binary = nvrtc_compile(nvrtc, source, architecture)
    assert log == ""
    assert len(set(names)) == len(source.kernels)
    assert all(name.encode() in binary for name in map(as_text, names))


def as_text(name):
    return name.decode() if isinstance(name, bytes) else name


@by_file
def test_nvcc(source, tmp_path):
    """Also: nothing spills from registers, and no table of arrays is copied to local memory."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not on PATH")
    known = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True)
    chosen = [number for number in ARCHITECTURES if f"sm_{number}" in known.stdout.split()]
    if not chosen:
        pytest.skip(f"this nvcc knows none of {ARCHITECTURES}")
    used = ", ".join(f"reinterpret_cast<const void*>(&{kernel})" for kernel in source.kernels)
    harness = tmp_path / "harness.cu"
    harness.write_text(f"{source.text()}\nconst void* kernels[] = {{{used}}};\n")
    targets = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in chosen]
    warnings = ["-Werror=all-warnings", "-Xptxas=--warn-on-spills,--warn-on-local-memory-usage"]
    made = subprocess.run(
        [nvcc, *OPTIONS, *targets, *warnings, "-c", harness, "-o", tmp_path / "harness.o"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
