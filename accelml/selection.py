"""Which backend runs: discovery of the plug-ins, and the choice among them."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from accelml.backend import Backend, BackendUnavailable, Status, normal_device
from accelml.costs import predicted

GROUP = "accelml.backends"

_active: contextvars.ContextVar[Backend | str | None] = contextvars.ContextVar(
    "accelml_backend", default=None
)


class Choice(str):
    """The name of the backend that ran, with ``reason``: why that one."""

    reason: str

    def __new__(cls, name: str, reason: str = "") -> Choice:
        """Make a name that remembers its reason."""
        choice = super().__new__(cls, name)
        choice.reason = reason
        return choice

    def __reduce__(self) -> tuple[Any, ...]:
        return Choice, (str(self), self.reason)


@functools.cache
def plugins() -> dict[str, EntryPoint]:
    """The registered plug-ins by name, none of them imported."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


@functools.cache
def backend_class(name: str) -> type[Backend]:
    """Import one plug-in; its array library is not imported yet."""
    if name not in plugins():
        known = ", ".join(repr(known) for known in [*plugins(), "auto"])
        raise ValueError(
            f"backend={name!r} is not known; choose one of {known}, "
            "or install the package that provides it"
        )
    try:
        loaded: type[Backend] = plugins()[name].load()
    except Exception as error:
        raise BackendUnavailable(
            f"backend {name!r}: its plug-in {plugins()[name].value!r} does not import ({error}); "
            "reinstall the package that provides it"
        ) from error
    return loaded


@functools.cache
def backend_status(name: str) -> Status:
    """Whether a backend works on this machine, asked once a process; never raises."""
    try:
        return backend_class(name).status()
    except BackendUnavailable as error:
        return Status(problem=str(error), remedy="reinstall the package that provides it")
    except Exception as error:  # a plug-in of somebody else's must not take the others down
        return Status(
            problem=f"its status() fails with {type(error).__name__}: {error}",
            remedy="report this to the package that provides it",
        )


def get_backend(name: str, device: str | None = None) -> Backend:
    """Load a backend.

    Parameters
    ----------
    name : str
        One of the names of ``accelml doctor``.
    device : str, optional
        ``"cpu"``, ``"gpu"`` or ``"gpu:1"``; the backend's first choice by default.

    Returns
    -------
    Backend
        The same object for the same name and device.

    Raises
    ------
    ValueError
        If no plug-in has that name, or ``device`` is not the name of a device.
    BackendUnavailable
        If this machine cannot run it; says what is missing and how to install it.

    Examples
    --------
    >>> import accelml
    >>> accelml.get_backend("numpy")
    <accelml backend 'numpy' on cpu>
    """
    if device is not None:
        device = normal_device(device)
    return _instance(name, device)


@functools.cache
def _instance(name: str, device: str | None) -> Backend:
    loaded = backend_class(name)
    status = backend_status(name)
    if status.problem:
        raise BackendUnavailable(f"backend {name!r}: {status.problem}; {status.remedy}")
    chosen = loaded.choose_device(device)
    return loaded(chosen) if device == chosen else _instance(name, chosen)


def available_backends() -> list[str]:
    """The names of the backends that work on this machine.

    Returns
    -------
    list of str
        In alphabetical order. ``accelml doctor`` says why the others do not.

    Examples
    --------
    >>> import accelml
    >>> "numpy" in accelml.available_backends()
    True
    """
    return [name for name in plugins() if not backend_status(name).problem]


@contextlib.contextmanager
def use_backend(backend: str | Backend, device: str | None = None) -> Iterator[None]:
    """Choose the backend of every estimator inside a ``with`` block that names none itself.

    Parameters
    ----------
    backend : str or Backend
        A backend's name, or ``"auto"``.
    device : str, optional
        As in :func:`get_backend`.

    Notes
    -----
    A context variable holds the choice: it applies to this thread or asynchronous task alone.

    Examples
    --------
    >>> import accelml
    >>> from accelml.linear_model import LogisticRegression
    >>> with accelml.use_backend("numpy"):
    ...     model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> model.backend_
    'numpy'
    """
    is_auto = isinstance(backend, str) and backend == "auto"
    if is_auto and device is not None:
        raise ValueError(
            f"use_backend('auto', device={device!r}): 'auto' chooses the device too; name a "
            "backend, or leave device out"
        )
    token = _active.set(backend if is_auto else _explicit(backend, device))
    try:
        yield
    finally:
        _active.reset(token)


def owner(X: Any) -> Backend | None:
    """The backend whose own arrays ``X`` is one of, on the device where it lies.

    NumPy arrays, lists, data frames and everything else that no plug-in claims have none.
    """
    types = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(X).__mro__}
    if types <= {"numpy.ndarray", "builtins.list", "builtins.tuple", "builtins.object"}:
        return None
    for name in plugins():
        try:
            if types.isdisjoint(backend_class(name).array_types):
                continue
        except BackendUnavailable:  # a broken plug-in owns nothing
            continue
        if name == "numpy":
            return None
        return get_backend(name, get_backend(name).device_of(X))
    return None


def resolve(
    backend: str | Backend | None,
    device: str | None,
    X: Any,
    work: float = 0.0,
    estimator: type = object,
) -> tuple[Backend, Choice]:
    """Choose: the estimator's own backend, then the active one, then that of ``X``, then NumPy.

    Parameters
    ----------
    backend : str or Backend or None
        What the estimator asks for.
    device : str or None
        Likewise.
    X : array-like
        The data.
    work : float
        Roughly how many multiply-adds lie ahead.
    estimator : type
        Whose work that is; ``"auto"`` decides by both.

    Returns
    -------
    backend : Backend
    choice : Choice
        Its name and why it was chosen.
    """
    owned = owner(X)
    active = _active.get()
    if isinstance(backend, str) and backend == "auto":
        chosen, reason = automatic(owned, device, work, estimator)
    elif backend is not None:
        chosen, reason = _explicit(backend, device, owned), "asked for"
    elif isinstance(active, str):
        chosen, reason = automatic(owned, device, work, estimator)
    elif active is not None:
        chosen, reason = active, "accelml.use_backend"
        if device is not None:
            chosen = get_backend(active.name, device)
    elif owned is not None:
        chosen, reason = owned, f"X is a {type(X).__module__}.{type(X).__qualname__}"
        if device is not None:
            chosen = get_backend(owned.name, device)
    else:
        chosen, reason = get_backend("numpy", device), "X is on the host"
    refuse_foreign_device(X, owned, chosen)
    return chosen, Choice(chosen.name, reason)


def _explicit(backend: Any, device: str | None, owned: Backend | None = None) -> Backend:
    if isinstance(backend, Backend):
        if device is not None and normal_device(device) != backend.device:
            raise ValueError(f"device={device!r}, but backend={backend!r}; leave device out")
        return backend
    if not isinstance(backend, str):
        raise ValueError(f"backend={backend!r} is not a name or a Backend; write backend='numpy'")
    if device is None and owned is not None and owned.name == backend:
        return owned
    return get_backend(backend, device)


def automatic(
    owned: Backend | None, device: str | None, work: float, estimator: type
) -> tuple[Backend, str]:
    """The backend whose first ``fit`` of that much work is likely over soonest, and why."""
    if owned is not None:
        return owned, f"auto: X is an array of {owned.name!r} already"
    if device is not None and normal_device(device) != "cpu":
        for name in available_backends():
            if normal_device(device) in backend_status(name).devices:
                return get_backend(name, device), f"auto: it has device {device!r}"
        raise BackendUnavailable(
            f"device={device!r}: no usable backend has it; 'accelml doctor' lists what is here"
        )
    times = predicted(estimator, work, plugins())
    for name in sorted(times, key=lambda name: times[name]):
        # Asking a backend for its status imports its library: only of one that would be chosen.
        if not backend_status(name).problem:
            reason = f"auto: {work:.1e} multiply-adds are likely done soonest, by measurements"
            return get_backend(name, device), reason
    return get_backend("numpy", device), "auto: nothing else is here"


def refuse_foreign_device(X: Any, owned: Backend | None, chosen: Backend) -> None:
    """Raise where ``X`` would have to leave its device for another library's."""
    source = owned.device if owned is not None else _dlpack_device(X)
    if owned is not None and owned.name == chosen.name:
        return
    if source.startswith("cpu") or source == chosen.device:
        return
    raise ValueError(
        f"X is a {type(X).__module__}.{type(X).__qualname__} on {source}, and backend="
        f"{chosen.name!r} works on {chosen.device}; nothing is moved between libraries and devices "
        "silently: leave backend out, or bring X to the host yourself first"
    )


def _dlpack_device(X: Any) -> str:
    """Where an array of an unknown library lives, as far as it says."""
    if not hasattr(X, "__dlpack_device__"):
        return "cpu"
    kind, number = X.__dlpack_device__()
    return "cpu" if int(kind) in {1, 3} else f"gpu:{int(number)}"
