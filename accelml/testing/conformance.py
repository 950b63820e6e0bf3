"""``check_backend``: everything that is asked of a plug-in, in one call."""

from __future__ import annotations

from collections.abc import Iterable

from accelml.backend import Backend, BackendUnavailable, normal_device
from accelml.selection import backend_class, get_backend, plugins
from accelml.testing.arrays import array_checks
from accelml.testing.estimators import WORK, estimator_checks
from accelml.testing.kernels import kernel_checks
from accelml.testing.loops import loop_checks
from accelml.testing.plugin import check_import, check_name, check_status
from accelml.testing.report import ConformanceReport


def check_backend(
    name: str,
    *,
    device: str | None = None,
    estimators: Iterable[str] | None = None,
    raise_on_failure: bool = True,
) -> ConformanceReport:
    """Check that a backend does what accelml asks of one.

    The plug-in is looked up by its entry point, as users will. Its members are checked one by one;
    every kernel that it overrides is compared with the generic body; and every estimator is trained
    on it and on NumPy from the same seed. The tolerances are ``accelml.testing.TOLERANCES``.

    Parameters
    ----------
    name : str
        The name of the entry point in the group ``accelml.backends``.
    device : str, optional
        ``"cpu"``, ``"gpu"`` or ``"gpu:1"``; the backend's first choice by default.
    estimators : iterable of str, optional
        The names of the classes to train, such as ``["KMeans"]``; all by default, and none if
        empty.
    raise_on_failure : bool
        Whether to raise if a check fails.

    Returns
    -------
    ConformanceReport
        One row for each check; rich prints it as a table.

    Raises
    ------
    AssertionError
        If a check fails, unless ``raise_on_failure=False``; lists every failure.
    ValueError
        If no plug-in, no estimator or no device has that name.
    BackendUnavailable
        If the backend says that it cannot run on this machine, or on that device.

    Examples
    --------
    >>> from accelml.testing import check_backend
    >>> report = check_backend("numpy", estimators=["StandardScaler"])
    >>> report.passed
    True
    """
    wanted = None if estimators is None else set(estimators)
    unknown = sorted((wanted or set()) - {work.name for work in WORK})
    if unknown:
        known = ", ".join(sorted({work.name for work in WORK}))
        raise ValueError(f"estimators={unknown} are not known; choose among {known}")
    if device is not None:
        device = normal_device(device)
    if name not in plugins():
        get_backend(name)  # says what is known
    report = ConformanceReport(name)
    _check_all(report, name, device, wanted)
    if raise_on_failure:
        report.raise_for_failures()
    return report


def _check_all(
    report: ConformanceReport, name: str, device: str | None, wanted: set[str] | None
) -> None:
    if not report.run("the plug-in imports", lambda: backend_class(name)):
        return
    loaded = backend_class(name)
    if not report.run("its name is that of the entry point", lambda: check_name(name, loaded)):
        return
    report.run("importing it leaves its library unloaded", lambda: check_import(name, loaded))
    if not report.run("status() answers, and with the right types", lambda: check_status(loaded)):
        return
    status = loaded.status()
    if status.problem:
        raise BackendUnavailable(f"backend {name!r}: {status.problem}; {status.remedy}")
    if device is not None:
        loaded.choose_device(device)  # says what there is
    made: list[Backend] = []
    if not report.run("get_backend makes one", lambda: made.append(get_backend(name, device))):
        return
    backend = made[0]
    report.device = backend.device
    report.run_all(array_checks(backend))
    report.run_all(loop_checks(backend))
    report.run_all(kernel_checks(backend))
    report.run_all(estimator_checks(backend, wanted))
