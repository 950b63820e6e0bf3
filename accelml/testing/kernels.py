"""Checks of a backend's own kernels against the generic bodies."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import accelml
from accelml.backend import Backend
from accelml.kernel import REGISTRY, Kernel
from accelml.testing.kernel_cases import KERNEL_CASES
from accelml.testing.report import Skip
from accelml.testing.tolerances import TOLERANCES, distance
from accelml.tree import leaves, names, tree_map


class Reference(Backend):
    """NumPy and the generic bodies: the specification, run."""

    name = "accelml-testing-reference"
    xp: Any = numpy_namespace

    def context(self) -> contextlib.AbstractContextManager[Any]:
        """No floating-point warnings."""
        return np.errstate(all="ignore")


def kernel_checks(backend: Backend) -> Iterator[tuple[str, Callable[[], object]]]:
    """One check for each kernel that the backend overrides."""
    load_kernels()
    for key, target in sorted(REGISTRY.items()):
        if backend.name in target.overrides and key.startswith("accelml."):
            yield f"kernel {key.removeprefix('accelml.')}", partial(check_kernel, backend, target)


# Packages without kernels, of which some need what only their users have.
NO_KERNELS = ("accelml.cli", "accelml.interactive", "accelml.testing")


def load_kernels() -> None:
    """Import every module that may hold a kernel."""
    for module in pkgutil.walk_packages(accelml.__path__, "accelml."):
        if not module.name.startswith(NO_KERNELS):
            importlib.import_module(module.name)


def check_kernel(backend: Backend, target: Kernel[Any, Any]) -> None:
    """Equal to the generic body on every case, and no argument is written to."""
    if target.name not in KERNEL_CASES:
        raise Skip("seen through its estimators only")
    for label, arguments in KERNEL_CASES[target.name]():
        before = tree_map(lambda leaf: np.array(leaf, copy=True), arguments)
        found = call(backend, target.overrides[backend.name], target.static, arguments, label)
        for name, now, then in zip(names(before), leaves(arguments), leaves(before), strict=True):
            assert unchanged(now, then), f"{label}: it writes into argument {name}"
        expected = call(Reference(), target.generic, target.static, arguments, label)
        check_equal(label, found, expected)


def call(backend: Backend, body: Any, static: tuple[str, ...], arguments: Any, label: str) -> Any:
    """What a body makes of the arguments, on the host; none of them may change on the device."""

    def bring(leaf: Any) -> Any:
        return backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf

    with backend.context():
        there = tree_map(bring, arguments)
        result = backend.compile(body, static)(backend, *there)
        for name, leaf, now in zip(names(arguments), leaves(arguments), leaves(there), strict=True):
            if isinstance(leaf, np.ndarray):
                same = unchanged(backend.to_numpy(now), leaf)
                assert same, f"{label}: it writes into argument {name}"
        return tree_map(backend.to_numpy, result)


def unchanged(now: Any, then: Any) -> bool:
    """Whether every number is as it was, and what is missing is still missing."""
    is_real = np.asarray(then).dtype.kind == "f"
    return np.array_equal(now, then, equal_nan=is_real)


def check_equal(label: str, found: Any, expected: Any) -> None:
    """Every array of a result, within the tolerance for kernels."""
    same_form = list(names(found)) == list(names(expected))
    assert same_form, f"{label}: it gives {describe(found)} instead of {describe(expected)}"
    narrow = "float32" in label
    limit = TOLERANCES["kernel"].limit(np.float32 if narrow else np.float64)
    for name, ours, theirs in zip(names(found), leaves(found), leaves(expected), strict=True):
        where = f"{label}: result {name}".rstrip()
        assert ours.dtype == theirs.dtype, f"{where} is {ours.dtype}, not {theirs.dtype}"
        assert ours.shape == theirs.shape, f"{where} has shape {ours.shape}, not {theirs.shape}"
        if theirs.dtype.kind != "f":
            assert np.array_equal(ours, theirs), f"{where} is not that of the generic body"
            continue
        error = distance("kernel", ours, theirs)
        assert error <= limit, f"{where} is off by {error:.1e} of its largest entry"


def describe(tree: Any) -> str:
    """The names of the arrays of a tree."""
    return ", ".join(name or "an array" for name in names(tree)) or "nothing"
