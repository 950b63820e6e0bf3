"""``import accelml`` is light, and changes nothing."""

import json
import subprocess
import sys

HEAVY = ["jax", "jaxlib", "numba", "cupy", "torch"]


def run(code):
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(result.stdout)


def loaded_after(statement):
    return run(
        f"import sys, json; {statement}; "
        f"print(json.dumps([m for m in {HEAVY} + ['sklearn'] if m in sys.modules]))"
    )


def test_import_loads_no_accelerator_library():
    assert loaded_after("import accelml") == []


def test_importing_the_estimators_loads_none_either():
    modules = "accelml.linear_model, accelml.neural_network, accelml.datasets, accelml.gradcheck"
    assert loaded_after(f"import {modules}") == ["sklearn"]


def test_fitting_on_numpy_loads_none_either():
    fit = (
        "from accelml.linear_model import LogisticRegression; "
        "LogisticRegression().fit([[0.], [1.]], [0, 1])"
    )
    assert loaded_after(fit) == ["sklearn"]


def test_plugins_import_without_their_libraries():
    plugins = "accelml_numpy, accelml_numba, accelml_jax, accelml_cupy"
    assert not set(loaded_after(f"import {plugins}")) & set(HEAVY)


def test_import_changes_no_environment_and_no_thread_counts():
    before_and_after = run(
        "import os, json; before = dict(os.environ); import accelml, accelml.neural_network; "
        "print(json.dumps(before == dict(os.environ)))"
    )
    assert before_and_after is True


def test_using_jax_leaves_its_configuration_alone():
    flags = run(
        "import json, jax; jax.devices(); "
        "flag = lambda: [jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision]; "
        "before = flag(); "
        "from accelml.linear_model import LogisticRegression; "
        "LogisticRegression(backend='jax').fit([[0.], [1.]], [0, 1]); "
        "print(json.dumps([before, flag(), str(jax.numpy.ones(1, dtype=float).dtype)]))"
        if have("jax")
        else "print('[0, 0, \"float32\"]')"
    )
    assert flags[0] == flags[1]
    assert flags[2] == "float32"


def have(module):
    import importlib.util

    return importlib.util.find_spec(module) is not None
