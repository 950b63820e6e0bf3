"""``accelml doctor``: every backend, the broken ones too."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

import accelml
from accelml import selection


@pytest.fixture
def plugged(monkeypatch):
    """Register plug-ins for one test."""

    def plug(**values):
        points = {name: EntryPoint(name, value, selection.GROUP) for name, value in values.items()}
        monkeypatch.setattr(selection, "plugins", lambda: points)
        for cached in (selection.backend_class, selection.backend_status, selection._instance):
            cached.cache_clear()

    yield plug
    for cached in (selection.backend_class, selection.backend_status, selection._instance):
        cached.cache_clear()


def test_the_table_says_what_works_and_why_not(run):
    result = run("doctor")
    assert result.exit_code == 0
    assert f"accelml {accelml.__version__}" in result.stdout
    for name in selection.plugins():
        (line,) = [line for line in result.stdout.splitlines() if line.split()[:1] == [name]]
        assert line.split()[1] == ("yes" if name in accelml.available_backends() else "no")


def test_json_has_everything_in_full(run_json):
    found = run_json("doctor")
    backends = {backend["name"]: backend for backend in found["backends"]}
    assert set(backends) == set(selection.plugins())
    assert backends["numpy"]["usable"] is True
    assert backends["numpy"]["devices"] == ["cpu"]
    assert set(backends["numpy"]["dtypes"]) == {"float32", "float64"}
    for backend in backends.values():
        assert backend["usable"] == (backend["problem"] == "")
        assert backend["usable"] or backend["remedy"]


def test_it_fits_a_narrow_terminal(plugged, run):
    """The reason and the remedy in full, word by word, at 80 columns."""
    plugged(numpy="accelml_numpy:NumpyBackend", gone="no_such_module:Backend")
    result = run("doctor", columns=80)
    assert max(map(len, result.stdout.splitlines())) <= 80
    words = " ".join(line[55:].strip() for line in result.stdout.splitlines())
    assert "No module named 'no_such_module'" in words
    assert "→ reinstall the package that provides it" in words


class Liar(accelml.Backend):
    """Says that it works, and does not."""

    name = "liar"
    xp = np

    def asarray(self, x, dtype=None):
        raise RuntimeError("out of\norder")


class Crasher(accelml.Backend):
    """Breaks its promise never to raise."""

    name = "crasher"

    @classmethod
    def status(cls):
        raise SystemError("segment lost")


def test_broken_plugins_do_not_break_it(plugged, run_json, monkeypatch):
    import sys
    import types

    module = types.ModuleType("broken_plugins")
    module.Liar, module.Crasher = Liar, Crasher
    monkeypatch.setitem(sys.modules, "broken_plugins", module)
    plugged(
        numpy="accelml_numpy:NumpyBackend",
        liar="broken_plugins:Liar",
        crasher="broken_plugins:Crasher",
        gone="no_such_module:Backend",
        empty="accelml:NoSuchName",
    )
    found = {backend["name"]: backend for backend in run_json("doctor")["backends"]}
    assert found["numpy"]["usable"] is True
    assert "RuntimeError: out of order" in found["liar"]["problem"]
    assert "segment lost" in found["crasher"]["problem"]
    assert "no_such_module" in found["gone"]["problem"]
    assert not any(found[name]["usable"] for name in ("liar", "crasher", "gone", "empty"))


def test_without_numpy_the_status_is_1(plugged, run):
    plugged(numpy="no_such_module:Backend")
    assert run("doctor").exit_code == 1
    plugged()
    assert run("doctor").exit_code == 1


def test_the_remedy_is_shown_with_its_brackets(run, monkeypatch):
    from accelml import selection
    from accelml.backend import Status

    lacking = Status("it is not installed", "pip install 'accelml[jax]'")
    real = selection.backend_status
    monkeypatch.setattr(
        selection, "backend_status", lambda name: lacking if name == "jax" else real(name)
    )
    result = run("doctor", columns=200)
    assert "pip install 'accelml[jax]'" in result.stdout
