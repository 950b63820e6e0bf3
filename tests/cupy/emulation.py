"""The CuPy plug-in without a GPU: its own launch code and CUDA sources, run on the CPU.

``EmulatedCupy`` is the plug-in's backend over NumPy arrays. A launch runs the same ``.cu`` file,
compiled by g++ under ``cuda_on_cpu.h``, after checking the types of all arguments.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import array_api_compat.numpy
import numpy as np

from accelml_cupy import CupyBackend
from accelml_cupy.anomaly import ANOMALY
from accelml_cupy.cluster import CLUSTER
from accelml_cupy.launch import Source
from accelml_cupy.objectives import CROSS_ENTROPY, PERCEPTRON
from accelml_cupy.optimize import OPTIMIZE
from accelml_cupy.training import TRAINING

SOURCES = (CROSS_ENTROPY, PERCEPTRON, OPTIMIZE, CLUSTER, ANOMALY, TRAINING)
HERE = Path(__file__).parent
GUARD = 64  # elements before and after every array


def compiler() -> str | None:
    return shutil.which("g++")


def build(source: Source, folder: Path) -> ctypes.CDLL:
    """Compile a CUDA source for the CPU, with every kernel that the plug-in may launch."""
    (folder / source.file).write_text(source.text(), encoding="utf-8")
    added = ",\n".join(f'    emulation::add("{name}", {name})' for name in source.kernels)
    harness = folder / f"{source.file}.cpp"
    harness.write_text(
        f'#include "cuda_on_cpu.h"\n#include "{source.file}"\n'
        f"static const bool added[] = {{\n{added}\n}};\n"
        'extern "C" int kernels() { return sizeof added; }\n'
    )
    library = folder / f"{source.file}.so"
    options = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
    options += ["-Wno-unknown-pragmas"]  # `#pragma unroll`
    folders = [f"-I{HERE}", f"-I{folder}"]
    command = [compiler(), *options, "-fPIC", "-shared", *folders, harness, "-o", library]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    loaded = ctypes.CDLL(str(library))
    loaded.types_of.restype = loaded.launch.restype = ctypes.c_char_p
    return loaded


class GuardedNumpy:
    """NumPy's namespace, where new memory is not a number and lies between guards."""

    def __init__(self) -> None:
        self.buffers: list[np.ndarray[Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(array_api_compat.numpy, name)

    def empty(self, shape: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
        size = int(np.prod(shape, dtype=int))
        buffer = np.full(size + 2 * GUARD, garbage(dtype), dtype=dtype)
        self.buffers.append(buffer)
        return buffer[GUARD : GUARD + size].reshape(shape)

    def guarded(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A copy that is read-only and between guards: reading outside of it spoils the result."""
        copy = self.empty(x.shape, x.dtype)
        copy[...] = x
        copy.flags.writeable = False
        return copy

    def check(self) -> None:
        for buffer in self.buffers:
            edges = np.concatenate([buffer[:GUARD], buffer[-GUARD:]])
            expected = np.full(2 * GUARD, garbage(buffer.dtype), dtype=buffer.dtype)
            np.testing.assert_array_equal(edges, expected, "written outside of an array")


def garbage(dtype: Any) -> float:
    return {"f": float("nan"), "u": 177}.get(np.dtype(dtype).kind, -77)


class EmulatedCupy(CupyBackend):
    """The plug-in over NumPy arrays; kernels dispatch to its overrides."""

    def __init__(self, libraries: dict[str, ctypes.CDLL], *, backwards: bool = False) -> None:
        import accelml_cupy.overrides  # noqa: F401  (registers them)

        self.device = "cpu"
        self.xp = GuardedNumpy()
        self.libraries = libraries
        self.backwards = backwards
        self.launches: list[str] = []
        self.captured: list[tuple[Any, ...]] | None = None

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        return self.xp.guarded(np.asarray(x, dtype=dtype))

    def to_numpy(self, x: Any) -> Any:
        return np.asarray(x)

    def context(self) -> Any:
        return contextlib.nullcontext()

    def synchronize(self) -> None:
        pass

    def address(self, x: Any) -> int:
        return int(x.ctypes.data)

    def repeat(self, work: Callable[[], None], times: int) -> None:
        """As a CUDA graph does it: what the host does happens once, and no memory is taken."""
        self.captured, before = [], len(self.xp.buffers)
        work()
        graph, self.captured = self.captured, None
        assert len(self.xp.buffers) == before, "memory was taken while a graph was captured"
        for _ in range(times):
            for launched in graph:
                self.launch(*launched)

    def launch(
        self, source: Source, kernel: str, grid: Any, block: Any, arguments: tuple[Any, ...]
    ) -> None:
        if self.captured is not None:
            self.captured.append((source, kernel, grid, block, arguments))
            return
        library = self.libraries[source.file]
        types = library.types_of(kernel.encode())
        assert types is not None, f"{kernel} is not among the kernels of {source.file}"
        given = [argument_type(argument) for argument in arguments]
        assert fits(given, types.decode().split(", ")), f"{kernel} takes {types}, and got {given}"
        held = [np.asarray(argument) for argument in arguments]
        addresses = [
            ctypes.c_void_p(x.ctypes.data)
            if isinstance(argument, np.generic) or x.dtype.kind == "V"
            else ctypes.cast(ctypes.pointer(ctypes.c_void_p(x.ctypes.data)), ctypes.c_void_p)
            for argument, x in zip(arguments, held, strict=True)
        ]
        problem = library.launch(
            kernel.encode(),
            dimensions(grid),
            dimensions(block),
            (ctypes.c_void_p * len(addresses))(*addresses),
            int(self.backwards),
        )
        assert problem is None, f"{kernel}: {problem!r}"
        self.xp.check()
        self.launches.append(kernel)


def dimensions(size: tuple[int, ...]) -> ctypes.Array[ctypes.c_uint]:
    return (ctypes.c_uint * 3)(*(*size, 1, 1)[:3])


def argument_type(argument: Any) -> str:
    """The type as C++ calls it; CuPy passes arrays as pointers and the rest by value."""
    names = {"float32": "float", "float64": "double", "int32": "int", "int64": "long long"}
    if argument.dtype.kind == "V":
        assert argument.shape == (1,), "CuPy passes a struct by value only as an array of one"
        return f"{argument.dtype.itemsize} bytes"
    name = names[argument.dtype.name]
    if isinstance(argument, np.generic):
        return name
    assert argument.flags.c_contiguous, "a kernel knows no strides"
    return f"{name}*" if argument.flags.writeable else f"const {name}*"


def fits(given: list[str], taken: list[str]) -> bool:
    """Whether a launch gives what a kernel takes; a constant may not be written to."""
    return len(given) == len(taken) and all(
        have in (want, want.removeprefix("const ")) for have, want in zip(given, taken, strict=True)
    )
