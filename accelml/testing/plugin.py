"""Checks of the plug-in before it has made anything: import, name, status."""

from __future__ import annotations

import json
import subprocess
import sys

from accelml.backend import Backend, Status, normal_device
from accelml.selection import plugins

# The core comes first: what it loads is not the plug-in's doing.
IMPORT = """
import importlib, json, sys
sys.path[:], plugin = json.loads(sys.argv[1]), sys.argv[2]
import accelml.linear_model, accelml.neural_network
before = set(sys.modules)
importlib.import_module(plugin)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def check_import(name: str, loaded: type[Backend]) -> None:
    """Importing the plug-in, in a fresh interpreter, does not import what its arrays are of."""
    module = plugins()[name].module
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, json.dumps(sys.path), module],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"in a fresh interpreter it does not import: {done.stderr[-500:]}"
    own = {array_type.partition(".")[0] for array_type in loaded.array_types}
    found = sorted(own & set(json.loads(done.stdout)))
    assert not found, (
        f"importing {module!r} imports {', '.join(found)}; import that in __init__ or in status(), "
        "so that listing the backends stays cheap"
    )


def check_name(name: str, loaded: type[Backend]) -> None:
    """Kernels dispatch on the attribute, and users ask for the entry point."""
    assert isinstance(loaded, type), f"the entry point is {loaded!r}; name a subclass of Backend"
    assert issubclass(loaded, Backend), f"{loaded.__qualname__} is not a subclass of Backend"
    said = getattr(loaded, "name", None)
    assert said == name, f"name = {said!r}, but the entry point is {name!r}; make them the same"
    types = loaded.array_types
    well_typed = isinstance(types, tuple) and all(isinstance(one, str) for one in types)
    assert well_typed, f"array_types = {types!r}; write a tuple of full names of classes"


def check_status(loaded: type[Backend]) -> None:
    """``status()`` never raises."""
    try:
        status = loaded.status()
    except Exception as error:
        raise AssertionError(
            f"status() raises {type(error).__name__}: {error}; return Status(problem=…, remedy=…)"
        ) from error
    assert isinstance(status, Status), f"status() gives {status!r}; return an accelml Status"
    for field in ("problem", "remedy", "version", "threads"):
        value = getattr(status, field)
        assert isinstance(value, str), f"status().{field} is {value!r}; it must be a string"
    for field in ("devices", "dtypes"):
        value = getattr(status, field)
        right = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        assert right, f"status().{field} is {value!r}; it must be a tuple of strings"
    if status.problem:
        assert status.remedy, "status() has a problem and no remedy; say what to do"
        return
    assert status.devices, "status() has no problem and no devices; name at least one"
    for device in status.devices:
        known = normal_device(device)
        assert known == device, f"status().devices has {device!r}; write {known!r}"
