"""The ``backend`` fixture, and ``--require-backend``."""

from __future__ import annotations

import os
import sys

import pytest

import tests.environment  # noqa: F401  (before NumPy and JAX start)
from tests.backends import CASES, problem


def pytest_addoption(parser):
    parser.addoption(
        "--require-backend",
        action="append",
        default=[],
        metavar="NAME",
        choices=sorted(CASES),
        help="fail, rather than skip, where this backend cannot run; may be given several times",
    )
    parser.addoption(
        "--notebooks", action="store_true", help="run the notebooks, too: about ten minutes"
    )


def pytest_configure(config):
    """What JAX compiles is kept by pytest: for other workers and processes, and next time."""
    if getattr(config, "cache", None) is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(config.cache.mkdir("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--notebooks"):
        return
    skip = pytest.mark.skip(reason="runs a notebook: make notebooks")
    for item in items:
        if item.get_closest_marker("notebooks"):
            item.add_marker(skip)


def pytest_generate_tests(metafunc):
    if "backend" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("backends")
    chosen = marker.args if marker else tuple(CASES)
    metafunc.parametrize("backend", chosen, indirect=True, scope="session")


@pytest.fixture(scope="module", autouse=True)
def let_go_of_programs():
    """A file's JAX programs end with it.

    Each is several mappings of memory, of which Linux grants a process 65,530: one more, and XLA
    takes the process down.
    """
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def backend(request):
    """A backend of the table; skips where this machine lacks it, fails where it is required."""
    return usable(request.config, request.param)


@pytest.fixture(scope="session")
def required(request):
    """Names that must not be skipped."""
    return request.config.getoption("--require-backend")


def usable(config, name):
    why = problem(name)
    if why and name in config.getoption("--require-backend"):
        pytest.fail(f"--require-backend {name}: {why}")
    if why:
        pytest.skip(why)
    return CASES[name].make()
