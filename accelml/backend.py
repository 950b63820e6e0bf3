"""The contract of a backend: the array namespace, the crossings, and the loops."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from accelml._typing import Array, Tree
from accelml.tree import tree_map

F = TypeVar("F", bound=Callable[..., Any])


class BackendUnavailable(RuntimeError):
    """The backend cannot run on this machine; says what is missing, and the remedy."""


class Status(NamedTuple):
    """What a backend says of itself on this machine.

    Attributes
    ----------
    problem : str
        Why it cannot be used; empty where it can.
    remedy : str
        The command, or the change, that would make it usable.
    version : str
        The versions of the libraries that it stands on.
    devices : tuple of str
        Such as ``("cpu",)`` or ``("gpu:0", "gpu:1")``.
    threads : str
        How many threads it computes with, and what decides that.
    dtypes : tuple of str
        What it computes in.
    """

    problem: str = ""
    remedy: str = ""
    version: str = ""
    devices: tuple[str, ...] = ()
    threads: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64")


class Backend:
    """An array library, as the algorithms see it.

    The base class is complete for a library that runs eagerly on the CPU: a plug-in sets ``name``
    and ``xp`` and replaces what its library does otherwise. It is registered under the entry-point
    group ``accelml.backends``, and the module that holds it must not import the array library when
    it is itself imported.

    Parameters
    ----------
    device : str, optional
        ``"cpu"``, ``"gpu"`` or ``"gpu:1"``; the library's first choice by default.

    Attributes
    ----------
    name : str
        What users call it, and what kernels dispatch on.
    array_types : tuple of str
        Full names of the array types it owns, matched without importing anything.
    xp : module
        The array-API namespace.
    device : str
        Where its arrays live.
    """

    name: ClassVar[str]
    array_types: ClassVar[tuple[str, ...]] = ()
    xp: Any

    def __init__(self, device: str | None = None) -> None:
        self.device = self.choose_device(device)

    @classmethod
    def status(cls) -> Status:
        """Whether it works here, and with what. Never raises."""
        return Status(devices=("cpu",))

    @classmethod
    def choose_device(cls, device: str | None) -> str:
        """The device of that name, or the preferred one."""
        devices = cls.status().devices
        wanted = devices[0] if device is None else normal_device(device)
        if wanted not in devices:
            raise BackendUnavailable(
                f"device={device!r}: backend {cls.name!r} has {' and '.join(devices)} here; "
                "choose one of these, or another backend ('accelml doctor' lists them)"
            )
        return wanted

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Bring an array to this backend and device; what is there already is not copied."""
        return self.xp.asarray(x, dtype=dtype)

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Bring an array of this backend to the host."""
        return np.asarray(x)

    def device_of(self, x: Array) -> str:
        """The device that an array of this backend's types lives on."""
        return "cpu"

    def compile(self, function: F, static: tuple[str, ...] = ()) -> F:
        """The function, compiled where the library compiles, once for each of its static values."""
        return function

    def while_loop(
        self,
        step: Callable[[Tree], Tree],
        done: Callable[[Tree], Array],
        state: Tree,
        max_iter: int | Array,
        check_every: int = 1,
    ) -> Tree:
        """Repeat ``state = step(state)`` until ``done(state)`` or ``max_iter`` steps.

        ``check_every`` is how many steps may pass between two looks at ``done`` where a look costs
        a wait for the device; the result does not depend on it.
        """
        for _ in range(int(max_iter)):
            if bool(done(state)):
                break
            state = step(state)
        return state

    def scan(
        self, step: Callable[[Tree, Tree], tuple[Tree, Array]], state: Tree, xs: tuple[Array, ...]
    ) -> tuple[Tree, Array]:
        """Step through the leading axis of the arrays ``xs``, carrying a state.

        Returns the last state and, stacked, the array that each step gave beside it.
        """
        outputs = []
        for i in range(xs[0].shape[0]):
            state, output = step(state, tree_map(functools.partial(_take_row, i), xs))
            outputs.append(output)
        return state, self.xp.stack(outputs)

    def context(self) -> contextlib.AbstractContextManager[Any]:
        """What must hold while one ``fit`` or ``predict`` runs, undone at its end."""
        return contextlib.nullcontext()

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""

    def __repr__(self) -> str:
        return f"<accelml backend {self.name!r} on {self.device}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Backend:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from accelml.selection import get_backend

        return get_backend, (self.name, self.device)


def _take_row(i: int, x: Array) -> Array:
    return x[i, ...]


def normal_device(device: str) -> str:
    """``"gpu"``, ``"cuda"`` and ``"cuda:0"`` are all ``"gpu:0"``; ``"cpu:0"`` is ``"cpu"``."""
    match = re.fullmatch(r"(cpu|gpu|cuda|tpu)(?::(\d+))?", device) if type(device) is str else None
    if match is None:
        raise ValueError(f"device={device!r} is not a device; write 'cpu', 'gpu' or 'gpu:1'")
    kind = {"cuda": "gpu"}.get(match[1], match[1])
    number = int(match[2] or 0)
    return kind if kind == "cpu" and number == 0 else f"{kind}:{number}"
