"""Kernels: plain functions with a generic array-API body that a backend may override."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from accelml.backend import Backend

P = ParamSpec("P")
R = TypeVar("R")
Body = Callable[Concatenate["Backend", P], R]

REGISTRY: dict[str, Kernel[Any, Any]] = {}


class Kernel(Generic[P, R]):
    """A function of a backend and of arrays, with one body per backend.

    The generic body is the specification: it is what every override is tested against, and what
    runs on a backend that has none. Dispatch looks at the name of the backend and at nothing else.

    Parameters
    ----------
    generic : callable
        ``generic(backend, *args)``, written against ``backend.xp``.
    static : tuple of str
        The parameters that are not arrays (names, shapes, functions). A backend that compiles
        compiles once for each of their values, so they must be hashable.

    Attributes
    ----------
    overrides : dict of str to callable
        The bodies that backends have registered, by the name of the backend.
    """

    def __init__(self, generic: Body[P, R], static: tuple[str, ...] = ()) -> None:
        parameters = list(inspect.signature(generic).parameters)
        unknown = set(static) - set(parameters)
        if not parameters or parameters[0] != "backend" or unknown:
            raise TypeError(
                f"{generic.__qualname__}: the first parameter of a kernel is 'backend', and "
                f"static parameters are among its own; found {parameters}, static={static}"
            )
        self.generic = generic
        self.static = ("backend", *static)
        self.overrides: dict[str, Body[P, R]] = {}
        self.name = f"{generic.__module__}.{generic.__qualname__}"
        REGISTRY[self.name] = self
        functools.update_wrapper(self, generic)

    def __call__(self, backend: Backend, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the body that belongs to the backend, compiled where the backend compiles."""
        body = self.overrides.get(backend.name, self.generic)
        return backend.compile(body, self.static)(backend, *args, **kwargs)

    def register(self, backend_name: str) -> Callable[[Body[P, R]], Body[P, R]]:
        """Use the decorated function in place of the generic body on one backend."""

        def decorate(body: Body[P, R]) -> Body[P, R]:
            self.overrides[backend_name] = body
            return body

        return decorate

    def __repr__(self) -> str:
        return f"<kernel {self.name}, overridden on {sorted(self.overrides) or 'no backend'}>"


@overload
def kernel(generic: Body[P, R]) -> Kernel[P, R]: ...
@overload
def kernel(*, static: tuple[str, ...]) -> Callable[[Body[P, R]], Kernel[P, R]]: ...
def kernel(
    generic: Body[P, R] | None = None, *, static: tuple[str, ...] = ()
) -> Kernel[P, R] | Callable[[Body[P, R]], Kernel[P, R]]:
    """Turn a function of a backend and of arrays into one that backends may override.

    Parameters
    ----------
    generic : callable
        The body, ``generic(backend, *args)``, where ``backend.xp`` is the array namespace.
    static : tuple of str, optional
        Names of its parameters that are not arrays.

    Returns
    -------
    Kernel

    Examples
    --------
    >>> from accelml import get_backend
    >>> from accelml.kernel import kernel
    >>> @kernel
    ... def squared_norm(backend, x):
    ...     return backend.xp.sum(x * x)
    >>> backend = get_backend("numpy")
    >>> float(squared_norm(backend, backend.asarray([3.0, 4.0])))
    25.0
    """
    if generic is None:
        return lambda function: Kernel(function, static)
    return Kernel(generic, static)
