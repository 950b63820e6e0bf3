"""Which backend runs: the order of the rules, the errors, and the plug-ins."""

import asyncio
import pickle
import subprocess
import sys
import threading
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import accelml
from accelml import selection
from accelml.cluster import KMeans
from accelml.costs import Cost, predicted
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from tests.backends import CASES, GenericBackend, problem

X = np.array([[0.0, 1.0], [1.0, 0.5], [2.0, 2.0], [3.0, 0.1]])
y = np.array([0, 0, 1, 1])

needs_jax = pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
needs_numba = pytest.mark.skipif(bool(problem("numba")), reason=problem("numba"))


def fitted(X=X, **parameters):
    return LogisticRegression(**parameters).fit(X, y)


def test_numpy_is_the_default():
    model = fitted()
    assert (model.backend_, model.device_) == ("numpy", "cpu")
    assert "host" in model.backend_.reason


@needs_numba
def test_the_parameter_comes_before_the_active_backend():
    with accelml.use_backend("numpy"):
        assert fitted(backend="numba").backend_ == "numba"


@needs_numba
def test_the_active_backend_comes_before_the_default():
    with accelml.use_backend("numba"):
        assert fitted().backend_ == "numba"
        with accelml.use_backend("numpy"):
            assert fitted().backend_ == "numpy"
        assert fitted().backend_ == "numba"
    assert fitted().backend_ == "numpy"


@needs_jax
def test_the_type_of_X_comes_before_the_default():
    import jax.numpy as jnp

    model = LogisticRegression().fit(jnp.asarray(X), y)
    assert model.backend_ == "jax"
    assert "X is a" in model.backend_.reason
    assert isinstance(model.coef_, np.ndarray)
    assert isinstance(model.predict(jnp.asarray(X)), jnp.ndarray)
    assert isinstance(model.predict_proba(jnp.asarray(X)), jnp.ndarray)
    assert isinstance(model.predict(X), np.ndarray)


@needs_jax
def test_outputs_follow_X_whatever_computes():
    import jax.numpy as jnp

    model = LogisticRegression(backend="numpy").fit(jnp.asarray(X), y)
    assert model.backend_ == "numpy"
    assert isinstance(model.predict_proba(jnp.asarray(X)), jnp.ndarray)


@needs_jax
def test_string_labels_stay_on_the_host():
    import jax.numpy as jnp

    model = LogisticRegression().fit(jnp.asarray(X), np.array(["no", "no", "yes", "yes"]))
    assert model.predict(jnp.asarray(X)).tolist() == ["no", "no", "yes", "yes"]


def test_a_backend_object_is_taken_as_it_is():
    model = fitted(backend=GenericBackend())
    assert model.backend_ == "numpy-generic"


@needs_numba
def test_use_backend_is_local_to_a_thread():
    seen = []
    with accelml.use_backend("numba"):
        thread = threading.Thread(target=lambda: seen.append(fitted().backend_))
        thread.start()
        thread.join()
        seen.append(fitted().backend_)
    assert seen == ["numpy", "numba"]


@needs_numba
def test_use_backend_is_local_to_an_asynchronous_task():
    async def chosen(name):
        with accelml.use_backend(name):
            await asyncio.sleep(0.01)
            return fitted().backend_

    async def both():
        return await asyncio.gather(chosen("numba"), chosen("numpy"))

    assert asyncio.run(both()) == ["numba", "numpy"]


def test_unknown_backend():
    with pytest.raises(
        ValueError, match=r"backend='tensorflow' is not known; choose one of .*'numpy'"
    ):
        fitted(backend="tensorflow")
    with (
        pytest.raises(ValueError, match="backend='tensorflow' is not known"),
        accelml.use_backend("tensorflow"),
    ):
        pass


@pytest.mark.parametrize("wrong", [3, b"numpy", NotImplemented], ids=str)
def test_backend_of_another_type(wrong):
    with pytest.raises(ValueError, match=r"'backend'|backend="):
        fitted(backend=wrong)


def test_device_that_the_backend_lacks():
    with pytest.raises(accelml.BackendUnavailable, match=r"device='gpu:0'.*'numpy' has cpu"):
        fitted(backend="numpy", device="gpu:0")


def test_device_that_is_no_device():
    with pytest.raises(ValueError, match=r"device='fpga' is not a device; write 'cpu', 'gpu'"):
        fitted(device="fpga")


@pytest.mark.skipif(not problem("cupy"), reason="CuPy works here")
def test_unavailable_backend_says_what_is_missing_and_how_to_install_it():
    assert "cupy" not in accelml.available_backends()
    with pytest.raises(accelml.BackendUnavailable, match=r"backend 'cupy': .+; .+") as caught:
        fitted(backend="cupy")
    status = selection.backend_status("cupy")
    assert status.problem in str(caught.value)
    assert status.remedy in str(caught.value)


class ForeignArray:
    """An array of a library that accelml does not know, on a GPU."""

    shape = (4, 2)

    def __dlpack_device__(self):
        return (2, 0)


def test_an_array_of_another_library_on_another_device_is_refused():
    with pytest.raises(ValueError, match=r"X is a .*ForeignArray on gpu:0.*'numpy' works on cpu"):
        fitted(ForeignArray())
    with pytest.raises(ValueError, match=r"X is a .*ForeignArray on gpu:0"):
        MLPClassifier().fit(ForeignArray(), y)


def test_auto_picks_by_the_work_and_says_why():
    small = fitted(backend="auto")
    assert small.backend_ == "numpy"
    assert "multiply-adds" in small.backend_.reason
    with accelml.use_backend("auto"):
        assert "auto" in fitted().backend_.reason


def test_auto_takes_what_is_predicted_to_end_soonest_and_is_here(monkeypatch):
    costs = {"numpy": Cost(0.0, 1e-9), "jax": Cost(2.0, 1e-12), "broken": Cost(0.0, 0.0)}
    monkeypatch.setattr(accelml.costs, "measured", lambda: {"KMeans": costs})
    broken = EntryPoint("broken", "accelml_that_is_not_there:Backend", selection.GROUP)
    everything = {**selection.plugins(), "broken": broken}
    monkeypatch.setattr(selection, "plugins", lambda: everything)
    assert selection.resolve("auto", None, X, 1e9, KMeans)[1] == "numpy"
    backend, choice = selection.resolve("auto", None, X, 1e10, KMeans)
    assert backend.name == choice == ("numpy" if problem("jax") else "jax")
    assert "1.0e+10" in choice.reason


def test_small_work_imports_no_other_library():
    code = (
        "import sys; from accelml.cluster import KMeans; "
        "m = KMeans(2, backend='auto').fit([[0.], [1.], [5.]]); "
        "print(m.backend_, 'jax' in sys.modules, 'numba' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=99
    )
    assert result.stdout.split() == ["numpy", "False", "False"]


def test_costs_are_those_of_the_nearest_class():
    class Mine(KMeans):
        pass

    class Other:
        pass

    names = ["numpy", "jax"]
    assert predicted(Mine, 1e12, names) == predicted(KMeans, 1e12, names)
    assert set(predicted(Other, 1e12, names)) == set(names)


@needs_jax
def test_labels_and_probabilities_keep_their_digits_on_the_way_back():
    import jax.numpy as jnp

    labels = np.array([2**40, -(2**40)])[y]
    model = LogisticRegression(backend="numpy").fit(jnp.asarray(X), labels)
    assert set(np.asarray(model.predict(jnp.asarray(X))).tolist()) == {2**40, -(2**40)}


def test_auto_with_a_device_is_refused():
    with (
        pytest.raises(ValueError, match="leave device out"),
        accelml.use_backend("auto", device="gpu"),
    ):
        pass


@needs_jax
def test_auto_stays_where_X_is():
    import jax.numpy as jnp

    assert fitted(jnp.asarray(X), backend="auto").backend_ == "jax"


def test_auto_never_falls_back_from_a_device_that_is_not_there():
    if not problem("jax-gpu") or not problem("cupy"):
        pytest.skip("there is a GPU")
    with pytest.raises(accelml.BackendUnavailable, match="device='gpu:3'"):
        fitted(backend="auto", device="gpu:3")


def test_the_choice_survives_pickling():
    choice = pickle.loads(pickle.dumps(fitted().backend_))
    assert choice == "numpy"
    assert "host" in choice.reason


def test_a_broken_plugin_is_unavailable_and_harms_nobody_else(monkeypatch):
    point = EntryPoint("broken", "accelml_that_is_not_there:Backend", selection.GROUP)
    everything = {**selection.plugins(), "broken": point}
    monkeypatch.setattr(selection, "plugins", lambda: everything)
    for cached in (selection.backend_class, selection.backend_status):
        cached.cache_clear()
    try:
        assert "broken" not in accelml.available_backends()
        assert "accelml_that_is_not_there" in selection.backend_status("broken").problem
        with pytest.raises(accelml.BackendUnavailable, match="broken"):
            accelml.get_backend("broken")
        assert selection.owner(object()) is None
        assert fitted().backend_ == "numpy"
    finally:
        selection.backend_status.cache_clear()


def test_a_plugin_whose_status_fails_is_unavailable(monkeypatch):
    class Failing(GenericBackend):
        @classmethod
        def status(cls):
            raise RuntimeError("the driver is upset")

    monkeypatch.setattr(selection, "backend_class", lambda name: Failing)
    selection.backend_status.cache_clear()
    try:
        assert "the driver is upset" in selection.backend_status("numba").problem
        assert accelml.available_backends() == []
    finally:
        selection.backend_status.cache_clear()


def test_every_case_of_the_table_that_runs_here_is_what_it_says():
    for name, case in CASES.items():
        if not problem(name):
            assert case.make().device == case.device
