"""The conformance suite: what is right passes, and what is wrong is caught and named."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accelml import BackendUnavailable, available_backends, get_backend
from accelml.estimator import BackendEstimator
from accelml.objectives.multilayer_perceptron import dense
from accelml.selection import plugins
from accelml.testing import (
    TOLERANCES,
    Check,
    ConformanceReport,
    check_backend,
    distance,
    tolerances_page,
)
from accelml.testing.__main__ import main
from accelml.testing.estimators import WORK
from accelml.testing.kernels import load_kernels

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "plugin"

BROKEN = PLUGIN / "broken"
# The plug-ins of accelml_broken.
CLASSES = {
    "broken-kernel": "Kernel",
    "broken-writes": "Writes",
    "broken-done": "Done",
    "broken-every": "Every",
    "broken-scan": "Scan",
    "broken-dtype": "Dtype",
    "broken-status": "RaisingStatus",
    "broken-status-type": "UntypedStatus",
    "broken-name": "Name",
    "broken-types": "Types",
    "broken-context": "Context",
    "broken-estimator": "Estimator",
}
# What fails, by the name of the plug-in, and a part of what is said of it.
FOUND = {
    "broken-kernel": {"kernel objectives.multilayer_perceptron.dense": "off by 1.0e-04"},
    "broken-writes": {
        "kernel objectives.multilayer_perceptron.dense": "writes into argument [1].bias"
    },
    "broken-done": {
        "while_loop: stops when done": "100 steps instead of 5",
        "while_loop: done at once": "9 steps instead of 0",
        "while_loop: any check_every": "100 steps instead of 5",
    },
    "broken-every": {"while_loop: any check_every": "check_every=3 makes 6 steps instead of 5"},
    "broken-scan": {"scan: 4 steps": "the stacked outputs"},
    "broken-dtype": {
        "asarray, to_numpy: float64": "asarray makes float64",
        "asarray: converts": "float32 to float64",
        "context: float64 arithmetic": "rounded to float32",
        "scan: 4 steps": "the last state",
    },
    "broken-status": {"status() answers, and with the right types": "OSError: no driver"},
    "broken-status-type": {"status() answers, and with the right types": "devices is 'cpu'"},
    "broken-name": {"its name is that of the entry point": "name = 'another'"},
    "broken-types": {"array_types name its arrays": "asarray makes 'array_api_strict._array"},
    "broken-context": {"context: all is as it was afterwards": "NumPy's error handling changed"},
    "broken-estimator": {
        "StandardScaler(): agrees in float32": "transform(X) is off by 1.0e-02",
        "StandardScaler(): agrees in float64": "transform(X) is off by 1.0e-02",
    },
    "broken-import": {"the plug-in imports": "accelml_missing"},
    "eager": {"importing it leaves its library unloaded": "imports array_api_strict"},
}

CHECK_BROKEN = """
import json, sys
import numpy as np
from accelml.testing import check_backend, conformance

check_import, reports = conformance.check_import, {}
for name in json.loads(sys.argv[1]):
    # One fresh interpreter each would be half a minute.
    conformance.check_import = check_import if name == "eager" else lambda *_: None
    estimators = ["StandardScaler"] if name == "broken-estimator" else []
    with np.errstate():
        report = check_backend(name, estimators=estimators, raise_on_failure=False)
    reports[name] = {check.name: check.detail for check in report.failures}
print(json.dumps(reports))
"""

USE = """
import json
import accelml, array_api_strict, numpy as np
from accelml.linear_model import LogisticRegression

X = array_api_strict.asarray(np.random.default_rng(0).standard_normal((30, 3)))
y = np.arange(30) % 2
model = LogisticRegression().fit(X, y)
print(json.dumps({
    "available": accelml.available_backends(),
    "made": repr(accelml.get_backend("example")),
    "ran": model.backend_,
    "why": model.backend_.reason,
    "gave": type(model.predict_proba(X)).__module__,
    "host": type(LogisticRegression(backend="example").fit(np.asarray(X), y)
                 .predict_proba(np.asarray(X))).__module__,
}))
"""


def write_distribution(folder, name, points):
    """What pip leaves of a package that is installed, as far as entry points go."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[accelml.backends]", *lines]) + "\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that the plug-in is installed in, by pip where there is what builds it."""
    pytest.importorskip("array_api_strict")
    folder = tmp_path_factory.mktemp("installed")
    if importlib.util.find_spec("pip") and importlib.util.find_spec("hatchling"):
        source = tmp_path_factory.mktemp("source") / "plugin"
        shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("__pycache__"))
        command = "-m pip install --quiet --no-index --no-build-isolation --no-deps --target"
        subprocess.run(
            [sys.executable, *command.split(), str(folder), str(source)],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
    else:
        shutil.copytree(PLUGIN / "accelml_example", folder / "accelml_example")
        points = {"example": "accelml_example:ExampleBackend"}
        write_distribution(folder, "accelml_example_plugin", points)
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Another folder, of plug-ins that are wrong."""
    folder = tmp_path_factory.mktemp("broken")
    for source in BROKEN.glob("*.py"):
        shutil.copy(source, folder)
    points = {name: f"accelml_broken:{cls}" for name, cls in CLASSES.items()}
    points |= {"broken-import": "accelml_missing:Backend", "eager": "accelml_eager:Eager"}
    write_distribution(folder, "accelml_broken", points)
    return folder


def python(*arguments, folders):
    """Run an interpreter that sees those folders; what it printed, and its exit status."""
    path = os.pathsep.join([*map(str, folders), str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "COLUMNS": "120"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def json_of(done):
    status, out, err = done
    assert status == 0, err
    return json.loads(out)


def test_the_core_does_not_know_the_plugin():
    assert "example" not in plugins()
    assert "example" not in available_backends()
    with pytest.raises(ValueError, match="'example' is not known"):
        check_backend("example")


def test_an_installed_plugin_is_found_and_inferred(installed):
    found = json_of(python("-c", USE, folders=[installed]))
    assert {"numpy", "example"} <= set(found["available"])
    assert found["made"] == "<accelml backend 'example' on cpu>"
    assert found["ran"] == "example"
    assert "array_api_strict" in found["why"]
    assert found["gave"].startswith("array_api_strict")
    assert found["host"] == "numpy"


def test_the_plugin_conforms(installed):
    status, out, err = python("-m", "accelml.testing", "example", folders=[installed])
    assert status == 0, out + err
    assert "0 FAILED" in out
    assert "kernel objectives.multilayer_perceptron.dense" in out
    assert "LogisticRegression(lbfgs, ovr): agrees in float32" in out


@pytest.fixture(scope="module")
def broken_reports(installed, broken):
    order = json.dumps(list(FOUND))
    return json_of(python("-c", CHECK_BROKEN, order, folders=[installed, broken]))


@pytest.mark.parametrize("name", FOUND)
def test_what_is_wrong_is_caught_and_named(broken_reports, name):
    assert set(broken_reports[name]) == set(FOUND[name])
    for check, words in FOUND[name].items():
        assert words in broken_reports[name][check]


def test_every_broken_plugin_is_expected():
    assert set(CLASSES) <= set(FOUND)


@pytest.mark.backends("numpy", "numba")
def test_the_backends_here_conform(backend):
    report = check_backend(backend.name)
    assert report.passed
    assert report.device == backend.device
    trained = {work.label for work in WORK}
    agreed = {c.name.partition(":")[0] for c in report.checks if "agrees in float64" in c.name}
    assert trained == agreed


def test_every_estimator_with_a_backend_is_trained():
    load_kernels()
    waiting, found = [BackendEstimator], set()
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        room = sys.modules[cls.__module__.rpartition(".")[0]]
        if cls.__module__.startswith("accelml.") and cls.__name__ in getattr(room, "__all__", ()):
            found.add(cls.__name__)
    assert found == {work.name for work in WORK}


@pytest.mark.backends("jax")
def test_compiled_backends_conform_in_what_needs_little_compiling(backend):
    check_backend(backend.name, device=backend.device, estimators=["StandardScaler"])


@pytest.mark.slow
@pytest.mark.backends("jax", "jax-gpu", "cupy")
def test_compiled_backends_conform(backend):
    check_backend(backend.name, device=backend.device)


@pytest.fixture
def wrong_dense(monkeypatch):
    def wrong(backend, activation, layer, a):
        return dense.generic(backend, activation, layer, a) + 1

    get_backend("numpy")  # registers the right one
    monkeypatch.setitem(dense.overrides, "numpy", wrong)


@pytest.mark.usefixtures("wrong_dense")
def test_all_failures_are_raised_together():
    with pytest.raises(AssertionError) as caught:
        check_backend("numpy", estimators=["MLPClassifier", "StandardScaler"])
    said = str(caught.value)
    assert "kernel objectives.multilayer_perceptron.dense: " in said
    assert re.search(r"MLPClassifier\(adam\): agrees in float64: .*coefs_ is off by", said)
    assert "MLPClassifier(sgd): agrees in float32" in said
    assert "StandardScaler" not in said


@pytest.mark.usefixtures("wrong_dense")
def test_the_command_fails_where_a_check_does(capsys):
    assert main(["numpy", "--estimator", "StandardScaler"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "1 FAILED" in out


def test_the_command_passes_where_all_do(capsys):
    assert main(["numpy", "--estimator", "StandardScaler"]) == 0
    out = capsys.readouterr().out
    assert "0 FAILED" in out
    assert "StandardScaler(): agrees in float64" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a backend"),
        (["nunpy"], "'nunpy' is not known"),
        (["numpy", "--device", "gpu"], "backend 'numpy' has cpu here"),
        (["numpy", "--device", "blue"], "is not a device"),
        (["numpy", "--estimator", "Kmeans"], "choose among"),
    ],
)
def test_the_command_says_what_it_does_not_know(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_backend_that_cannot_run_is_not_a_failure(monkeypatch):
    from accelml.backend import Status
    from accelml_numba import NumbaBackend

    monkeypatch.setattr(NumbaBackend, "status", lambda: Status("it is gone", "bring it back"))
    with pytest.raises(BackendUnavailable, match="it is gone; bring it back"):
        check_backend("numba", estimators=())


def test_an_empty_report_has_not_passed():
    assert not ConformanceReport("numpy").passed
    report = ConformanceReport("numpy", checks=[Check("a", "passed"), Check("b", "FAILED", "why")])
    assert not report.passed
    assert str(report) == "backend 'numpy': 1 passed, 1 FAILED, 0 skipped\n- b: why"


def test_a_failure_without_a_message_is_still_one():
    def check():
        raise KeyError

    report = ConformanceReport("numpy")
    assert not report.run("silent", check)
    assert report.failures == [Check("silent", "FAILED", "KeyError")]


@pytest.mark.parametrize(
    ("quantity", "found", "expected", "answer"),
    [
        ("parameters", [1.0, 2.0], [1.0, 4.0], 0.5),
        ("parameters", [0.0], [0.0], 0.0),
        ("parameters", [1e-300], [0.0], np.inf),
        ("parameters", [1.0], [1.0, 2.0], np.inf),
        ("parameters", [np.nan, 1.0], [np.nan, 1.0], 0.0),
        ("parameters", [np.nan, 1.0], [1.0, 1.0], np.inf),
        ("parameters", [1.0, 1.0], [np.nan, 1.0], np.inf),
        ("loss", [-np.inf], [np.inf], np.inf),
        ("loss", [np.inf], [1.0], np.inf),
        ("labels", ["a", "b", "b", "a"], ["a", "b", "b", "b"], 0.25),
        ("iterations", 9, 10, 0.1),
        ("predictions", np.zeros((0, 2)), np.zeros((0, 2)), 0.0),
    ],
)
def test_the_distance_of_two_results(quantity, found, expected, answer):
    assert distance(quantity, found, expected) == pytest.approx(answer)


def test_the_page_of_tolerances_is_that_of_the_table(capsys):
    page = (ROOT / "docs" / "tolerances.md").read_text()
    assert page == tolerances_page(), "run python -m accelml.testing --tolerances"
    assert main(["--tolerances"]) == 0
    assert capsys.readouterr().out == page
    for name, row in TOLERANCES.items():
        assert f"| {name} | {row.float64:g} | {row.float32:g} |" in page


def test_float64_is_held_to_no_less_than_float32():
    for row in TOLERANCES.values():
        assert row.float64 <= row.float32
        assert row.limit("float64") == row.limit(np.int64) == row.float64
        assert row.limit(np.float32) == row.float32


def test_the_page_on_writing_a_backend_shows_the_plugin():
    page = (ROOT / "docs" / "writing-a-backend.md").read_text()
    code = "".join(
        path.read_text() for path in sorted(PLUGIN.rglob("*.*")) if path.suffix != ".pyc"
    )
    shown = re.findall(r"^```(?:python|toml)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(shown) == 4
    for block in shown:
        assert "check_backend" in block or block in code
