"""A second fit of the same shapes compiles nothing, whatever the numbers are."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from tests.backends import problem
from tests.data import digits

pytestmark = [
    pytest.mark.skipif(bool(problem("jax")), reason=problem("jax")),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@contextlib.contextmanager
def compilations():
    """Count what XLA compiles in a ``with`` block."""
    import jax

    events = []

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


FITS = [
    (
        LogisticRegression(max_iter=12),
        [{"tol": 1e-2}, {"C": 0.1}, {"max_iter": 25}, {"class_weight": "balanced"}],
    ),
    (
        LogisticRegression(solver="gd", learning_rate=0.01, max_iter=12),
        [{"learning_rate": 0.5}, {"tol": 0.1}, {"max_iter": 31}],
    ),
    (
        MLPClassifier(8, max_iter=3),
        [
            {"learning_rate_init": 0.1},
            {"alpha": 1.0},
            {"tol": 1.0},
            {"max_iter": 5},
            {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
            {"random_state": 3},
        ],
    ),
    (
        MLPClassifier(8, solver="sgd", early_stopping=True, max_iter=3),
        [{"learning_rate_init": 0.1, "momentum": 0.5}, {"learning_rate": "adaptive"}],
    ),
]


@pytest.mark.parametrize(
    ("model", "changes"), FITS, ids=lambda part: str(part) if not isinstance(part, list) else ""
)
def test_a_second_fit_compiles_nothing(model, changes):
    X, y = digits("float32")
    X, y = X[:400], y[:400]
    model.set_params(backend="jax").fit(X, y)
    model.predict(X)
    with compilations() as events:
        for change in [{}, *changes]:
            model.set_params(**change).fit(X, y)
            model.predict(X)
        again = model.fit(np.ascontiguousarray(X[::-1]), y)
        again.predict(X)
    assert events == []


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_every_epoch_of_a_first_fit_is_one_program(solver):
    X, y = digits("float32")

    def count(rows, epochs):
        with compilations() as events:
            MLPClassifier(6, solver=solver, max_iter=epochs, backend="jax").fit(X[:rows], y[:rows])
        return len(events)

    count(310, 1)  # what does not depend on the shape
    assert count(320, 4) == count(330, 1)


def test_other_shapes_do_compile():
    """The counter counts."""
    X, y = digits("float32")
    model = MLPClassifier(7, max_iter=1, backend="jax").fit(X[:300], y[:300])
    with compilations() as events:
        model.fit(X[:301], y[:301])
    assert events


ONE_FILE = """
import jax, pytest

@pytest.mark.parametrize("which", range(5))
def test_of_a_program(which):
    x = jax.numpy.arange(which + 2.0)
    assert jax.jit(lambda x: (x + which).sum())(x) > 0
"""

ANOTHER_FILE = """
import jax

def test_that_programs_are_gone():
    assert not jax.devices()[0].client.live_executables()
"""


def test_what_a_test_file_compiles_ends_with_it(tmp_path):
    """Linux grants a process so many mappings of memory; the suite's programs would need more."""
    files = [tmp_path / "test_one.py", tmp_path / "test_two.py"]
    for file, text in zip(files, [ONE_FILE, ANOTHER_FILE], strict=True):
        file.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--rootdir", tmp_path, "-q", *files],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert "6 passed" in run.stdout, run.stdout
