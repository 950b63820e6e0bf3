"""CUDA sources, compiled when first launched, and the size of a launch."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from accelml._typing import Array

OPTIONS = ("--std=c++17",)
CPP_NAMES = {"float32": "float", "float64": "double", "int32": "int", "int64": "long long"}


class Source(NamedTuple):
    """A CUDA file of this package, and the instances of its templates that are called.

    Attributes
    ----------
    file : str
        Its name, e.g. ``"optimize.cu"``.
    kernels : tuple of str
        Name expressions, e.g. ``"adam_step<float>"``; each is compiled when it is first launched.
    """

    file: str
    kernels: tuple[str, ...]

    def text(self) -> str:
        """The source code, with what it includes of this package in its place."""
        folder = resources.files("accelml_cupy")

        def read(name: str) -> str:
            return folder.joinpath(name).read_text(encoding="utf-8")

        return re.sub(r'^#include "(\w+\.cuh)"$', lambda m: read(m[1]), read(self.file), flags=re.M)


@functools.cache
def device_function(source: Source, kernel: str) -> Any:
    """A kernel, called as ``function(grid, block, arguments)``.

    It is compiled once for each architecture, and without the other instances of its file; CuPy
    keeps the result on disk.
    """
    import cupy

    module = cupy.RawModule(code=source.text(), options=OPTIONS, name_expressions=(kernel,))
    return module.get_function(kernel)


def cpp(x: Array) -> str:
    """What C++ calls the elements of an array, e.g. ``float``; empty for those no kernel takes."""
    return CPP_NAMES.get(np.dtype(x.dtype).name, "")


def common_float(*arrays: Array) -> str:
    """The one floating-point type of all arrays, as C++ calls it; empty where they have none."""
    names = {cpp(x) for x in arrays}
    return names.pop() if names in ({"float"}, {"double"}) else ""


def contiguous(xp: Any, x: Array) -> Array:
    """The array, or a copy of it in the order that a kernel expects."""
    return x if x.flags.c_contiguous else xp.ascontiguousarray(x)


def blocks_for(size: int, per_block: int, limit: int = 2**31 - 1) -> int:
    """How many blocks cover ``size`` elements; past ``limit``, each thread takes several."""
    return min(-(-size // per_block), limit)


def lanes_for(columns: int) -> int:
    """How many threads share a row: the power of two that covers it, 32 at most."""
    return min(32, 1 << (columns - 1).bit_length())
