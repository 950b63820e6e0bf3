"""Checks of the way in and out of a backend, and of what its arrays are."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from accelml.backend import Backend, BackendUnavailable
from accelml.selection import get_backend, owner
from accelml.testing.report import Skip

DTYPES = ("float32", "float64", "int32", "int64", "bool")


def array_checks(backend: Backend) -> Iterator[tuple[str, Callable[[], object]]]:
    """One check for each promise about arrays."""
    # First: what is changed for good is as it was no more.
    yield "context: all is as it was afterwards", lambda: check_context(backend)
    for dtype in DTYPES:
        yield f"asarray, to_numpy: {dtype}", partial(check_trip, backend, dtype)
    yield "asarray: any memory layout", lambda: check_layouts(backend)
    yield "asarray: converts", lambda: check_conversion(backend)
    yield "array_types name its arrays", lambda: check_types(backend)
    yield "device_of: its device", lambda: check_device(backend)
    yield "an unknown device is refused", lambda: check_unknown_device(backend)
    yield "context: float64 arithmetic", lambda: check_float64(backend)
    yield "context: float32 products at full precision", lambda: check_float32(backend)
    yield "synchronize returns", backend.synchronize
    yield "the backend pickles", lambda: check_pickle(backend)


def check_trip(backend: Backend, dtype: str) -> None:
    """There and back, without a change of dtype, shape or value."""
    for shape in ((), (0,), (5,), (3, 2)):
        x = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
        x = x / np.asarray(3, dtype) if x.dtype.kind == "f" else x
        with backend.context():
            there = backend.asarray(x)
            expected = getattr(backend.xp, dtype)
            assert there.dtype == expected, f"asarray makes {dtype} {there.dtype}"
            assert tuple(there.shape) == shape, f"asarray makes shape {shape} {there.shape}"
            again = backend.to_numpy(backend.asarray(there))
        assert isinstance(again, np.ndarray), f"to_numpy gives a {type(again).__qualname__}"
        assert again.dtype == x.dtype, f"to_numpy makes {dtype} {again.dtype}"
        assert np.array_equal(again, x), f"shape {shape}: the values changed on the way"


def check_layouts(backend: Backend) -> None:
    """Fortran order, strides, negative strides, read-only."""
    x = np.arange(24.0).reshape(4, 6)
    frozen = x.copy()
    frozen.flags.writeable = False
    layouts = {
        "Fortran order": np.asfortranarray(x),
        "strided": x[::2, 1::2],
        "reversed": x[::-1, ::-1],
        "read-only": frozen,
    }
    for label, array in layouts.items():
        with backend.context():
            found = backend.to_numpy(backend.asarray(array))
        assert np.array_equal(found, array), f"{label}: the values changed on the way"


def check_conversion(backend: Backend) -> None:
    """``asarray(x, dtype)``, of the host's arrays, of its own, and of lists."""
    with backend.context():
        for source in ("float32", "float64", "int32"):
            for target in ("float32", "float64", "int64"):
                x = np.array([0, 1, 3], source)
                dtype = getattr(backend.xp, target)
                for start in (x, backend.asarray(x), x.tolist()):
                    found = backend.asarray(start, dtype)
                    kind = type(start).__name__
                    assert found.dtype == dtype, f"{kind} {source} to {target}: {found.dtype}"
                    right = np.array_equal(backend.to_numpy(found), x.astype(target))
                    assert right, f"{kind} {source} to {target}: the values changed"


def check_types(backend: Backend) -> None:
    """The names in ``array_types`` are of the arrays that ``asarray`` makes."""
    with backend.context():
        x = backend.asarray(np.ones(2))
    names = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(x).__mro__]
    declared = type(backend).array_types
    if not declared:
        raise Skip("it has none: chosen by name, never inferred")
    assert set(names) & set(declared), f"array_types = {declared}, but asarray makes {names[0]!r}"
    if isinstance(x, np.ndarray):
        return  # arrays of the host have no owner
    found = owner(x)
    assert found is not None, f"{names[0]!r} is not recognised as an array of this backend"
    assert found.name == backend.name, f"backend {found.name!r} claims {names[0]!r} too"
    assert found.device == backend.device, f"an array on {backend.device} is seen on {found.device}"


def check_device(backend: Backend) -> None:
    """Arrays lie where the backend says."""
    with backend.context():
        found = backend.device_of(backend.asarray(np.ones(2)))
    assert found == backend.device, (
        f"device_of gives {found!r} on backend.device={backend.device!r}"
    )


def check_unknown_device(backend: Backend) -> None:
    """A device that is not there is refused with the right exception."""
    try:
        get_backend(backend.name, "gpu:4096")
    except BackendUnavailable:
        return
    raise AssertionError("device='gpu:4096' is accepted; raise BackendUnavailable")


def check_float64(backend: Backend) -> None:
    """One part in 10¹⁵ survives."""
    xp = backend.xp
    with backend.context():
        x = backend.asarray(np.array([1.0, 1e-15]))
        assert float(xp.sum(x)) != 1.0, "sums of float64 are rounded to float32"
        assert xp.zeros((2,), dtype=xp.float64).dtype == xp.float64, "zeros in float64 are not"
        assert (x * 2.0).dtype == xp.float64, "float64 times a Python number is not float64"
        narrow = backend.asarray(np.ones(2, np.float32))
        assert (narrow * 2.0).dtype == xp.float32, "float32 times a Python number is not float32"


def check_float32(backend: Backend) -> None:
    """No TF32 and no bfloat16."""
    rng = np.random.default_rng(0)
    a, b = rng.random((64, 64)).astype(np.float32), rng.random((64, 64)).astype(np.float32)
    with backend.context():
        found = backend.to_numpy(backend.asarray(a) @ backend.asarray(b))
    error = float(np.max(np.abs(found / (a.astype(np.float64) @ b) - 1)))
    assert error < 2e-6, f"a product of float32 matrices is off by {error:.1e}; TF32 must be off"


def surroundings(backend: Backend) -> dict[str, Any]:
    """What a fit must not change for the rest of the program."""
    return {
        "NumPy's error handling": np.geterr(),
        "the filters of warnings": list(warnings.filters),
        "environment variables": dict(os.environ),
        "the dtype that its namespace makes of floats": str(backend.xp.asarray([0.5]).dtype),
        "the dtype that its namespace makes of integers": str(backend.xp.asarray([1]).dtype),
    }


def check_context(backend: Backend) -> None:
    """Nested, and left by an exception, which comes through."""
    before = surroundings(backend)
    came_through = False
    try:
        with backend.context(), backend.context():
            raise LookupError("to leave by")
    except LookupError:
        came_through = True
    assert came_through, "context() swallows an exception"
    with backend.context():
        pass
    for what, now in surroundings(backend).items():
        assert now == before[what], f"{what} changed: {before[what]} before, {now} after"


def check_pickle(backend: Backend) -> None:
    """By name and device, and it is the same object again."""
    again = pickle.loads(pickle.dumps(backend))
    assert again is backend, f"pickle makes {again!r} of {backend!r}"
