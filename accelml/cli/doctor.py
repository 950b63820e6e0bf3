"""``accelml doctor``: which backends work here, and why the others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from accelml.backend import Status


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Show which backends work on this machine, and what the others lack.

    The exit status is 0 whenever NumPy works.
    """
    from accelml.cli.console import print_json, show
    from accelml.selection import plugins

    found = {name: examine(name) for name in plugins()}
    if as_json:
        print_json(machine() | {"backends": [described(*pair) for pair in found.items()]})
    else:
        show(" · ".join(f"{name} {value}" for name, value in machine().items()))
        show(backend_table(found))
    works = "numpy" in found and not found["numpy"].problem
    raise typer.Exit(0 if works else 1)


def examine(name: str) -> Status:
    """What a backend says of itself, and whether it also computes; never raises."""
    from accelml.backend import Status
    from accelml.selection import backend_status, get_backend

    try:
        status = backend_status(name)
        if not status.problem:
            for device in status.devices:
                _compute(get_backend(name, device))
    except Exception as error:  # a plug-in is anybody's code
        from accelml.cli.console import one_line

        problem = f"its plug-in fails: {type(error).__name__}: {one_line(error)}"
        return Status(problem, "update or reinstall the package that provides it")
    return status


def _compute(backend: Any) -> None:
    """A sum on the device, there and back."""
    import numpy as np

    with backend.context():
        total = backend.to_numpy(backend.xp.sum(backend.asarray(np.ones(3, dtype=np.float32))))
    if float(total) != 3.0:
        raise ArithmeticError(f"1 + 1 + 1 gave {total} on {backend.device}")


def machine() -> dict[str, str]:
    """The versions and the machine, in words."""
    import platform

    from accelml import __version__

    return {
        "accelml": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def described(name: str, status: Status) -> dict[str, Any]:
    """A backend as JSON."""
    return {"name": name, "usable": not status.problem, **status._asdict()}


def backend_table(found: dict[str, Status]) -> Table:
    """One row a backend; what one lacks stands where the version of a usable one does."""
    from accelml.cli.console import new_table

    table = new_table()
    for heading in ("backend", "usable"):
        table.add_column(heading, no_wrap=True)
    for heading in ("devices", "dtypes", "threads"):
        table.add_column(heading, max_width=11)
    table.add_column("version, or what is missing", ratio=1, overflow="fold")
    for name, status in found.items():
        if status.problem:
            reason = status.problem.removeprefix(f"backend {name!r}: ")
            table.add_row(name, "no", "–", "–", "–", f"{reason}\n→ {status.remedy}")
        else:
            devices, dtypes = "\n".join(status.devices), "\n".join(status.dtypes)
            table.add_row(name, "yes", devices, dtypes, status.threads or "–", status.version)
    return table
