"""Numbers too small for their exponent count as zero where that is asked for, and only there."""

import threading

import numpy as np
import pytest

from accelml import subnormals
from accelml.neural_network.training import Batches, Learner, train_epoch
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import Moments
from accelml.subnormals import subnormals_as_zero
from tests.backends import CASES, problem

can_ask = pytest.mark.skipif(
    subnormals._library() is None, reason="this system's C library has no way to ask"
)
TINY = np.float32(1e-39)


def product():
    """1e-40, of two numbers that are none of these."""
    return np.full(100, 1e-20, np.float32) * np.full(100, 1e-20, np.float32)


@can_ask
def test_within_the_context_and_not_after_it():
    assert (product() > 0).all()
    with subnormals_as_zero():
        assert (product() == 0).all()
        with subnormals_as_zero():
            pass
        assert (product() == 0).all()
        assert (np.full(100, TINY) * np.float32(1e20) == 0).all()
    assert (product() > 0).all()
    with pytest.raises(RuntimeError), subnormals_as_zero():
        raise RuntimeError
    assert (product() > 0).all()


@can_ask
def test_a_thread_that_is_there_computes_as_before():
    found, entered = [], threading.Event()

    def compute():
        entered.wait(timeout=60)
        found.append(product())

    thread = threading.Thread(target=compute)
    thread.start()
    with subnormals_as_zero():
        entered.set()
        thread.join()
    assert (found[0] > 0).all()


def test_where_there_is_no_way_to_ask_nothing_happens(monkeypatch):
    monkeypatch.setattr(subnormals, "_library", lambda: None)
    with subnormals_as_zero():
        assert (product() > 0).all()


@pytest.mark.parametrize(("system", "processor"), [("win32", "x86_64"), ("linux", "aarch64")])
def test_only_where_the_environment_of_the_library_is_known(system, processor, monkeypatch):
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: processor)
    assert subnormals._library.__wrapped__() is None


@can_ask
@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("rule", [Adam(), SGD()])
def test_the_moments_of_an_input_that_is_always_zero_end_at_zero(name, rule):
    """As the border of an image: training took twice as long as soon as they had decayed."""
    if problem(name):
        pytest.skip(problem(name))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((64, 3)).astype(np.float32)
    X[:, 1] = 0
    data = Batch(X, rng.integers(0, 2, 64).astype(np.int32), np.ones(64, np.float32))
    index = np.arange(64, dtype=np.int32).reshape(2, 32)
    params = (Layer(rng.standard_normal((3, 2)).astype(np.float32), np.zeros(2, np.float32)),)
    tiny = (Layer(np.full((3, 2), TINY), np.full(2, TINY)),)
    if isinstance(rule, Adam):
        memory, settings = Moments(tiny, tiny, np.zeros(())), (1e-3, 0.9, 0.999, 1e-8)
    else:
        memory, settings = tiny, (1e-3, 0.9)
    backend = CASES[name].make()
    learner, loss = train_epoch(
        backend, MultilayerPerceptron(), rule, Learner(params, memory), data,
        Batches(index, index >= 0), np.asarray(0.0), tuple(map(np.asarray, settings)),
    )  # fmt: skip
    assert np.isfinite(loss)
    moments = (learner.memory.mean, learner.memory.square) if isinstance(rule, Adam) else (
        learner.memory,
    )  # fmt: skip
    for layers in moments:
        assert (layers[0].weights[1] == 0).all()
        assert (layers[0].weights[[0, 2]] != 0).all()
    assert (product() > 0).all()
