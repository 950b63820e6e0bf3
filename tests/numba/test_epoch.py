"""The compiled epoch of a perceptron, beside the one that goes batch by batch in Python."""

import itertools

import numpy as np
import pytest

from accelml.neural_network.training import Batches, Learner, epoch_batches, initial_parameters
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.testing.kernel_cases import ADAM_SETTINGS, SGD_SETTINGS
from accelml.tree import leaves, tree_map
from tests.backends import CASES, problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))
RULES = {"adam": Adam(), "momentum": SGD(), "nesterov": SGD(nesterov=True)}
SIZES = {"no hidden layer": (7, 3), "one": (7, 5, 3), "two": (7, 9, 4, 3), "one unit": (1, 1, 2)}


def task(sizes, rule, dtype, *, rows=150, size=64):
    """An epoch with a last batch that is filled up, and weights that are partly zero."""
    rng = np.random.default_rng(0)
    params = initial_parameters(sizes, "tanh", rng)
    X, labels = rng.standard_normal((rows, sizes[0])), rng.integers(0, sizes[-1], rows)
    weights = rng.random(rows) * (np.arange(rows) % 5 > 0)
    params, X, weights = tree_map(lambda leaf: leaf.astype(dtype), (params, X, weights))
    data = Batch(X, labels.astype(np.int32), weights)
    batches = epoch_batches(np.arange(rows, dtype=np.int32), size, shuffle=True, generator=rng)
    settings = ADAM_SETTINGS if isinstance(rule, Adam) else SGD_SETTINGS
    return Learner(params, rule.start(np, params)), data, batches, settings


def close(found, expected, dtype):
    tolerance = 2e-4 if dtype == "f4" else 1e-11
    for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_it_learns_what_batch_after_batch_learns(activation, sizes, rule, dtype, monkeypatch):
    """On one thread, on two, and on more than a batch has worth-while rows for."""
    from accelml_numba import epoch
    from accelml_numba.training import update
    from accelml_numpy.training import run

    model, rule = MultilayerPerceptron(activation), RULES[rule]
    learner, data, batches, settings = task(SIZES[sizes], rule, dtype)
    before = tree_map(np.copy, learner)
    backend = CASES["numba"].make()
    expected = run(backend, model, rule, learner, data, batches, np.asarray(0.3), settings, update)
    for parties in (1, 2, 3):
        monkeypatch.setattr(epoch, "count_parties", lambda *_, parties=parties: parties)
        close(epoch.run(model, rule, learner, data, batches, 0.3, settings), expected, dtype)
    for now, then in zip(leaves(learner), leaves(before), strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("parties", [1, 2, 3])
def test_more_than_one_block_of_everything(parties, dtype, monkeypatch):
    """Of rows, of terms, of inputs and of panels, none of them whole."""
    from accelml_numba import epoch
    from accelml_numba.training import update
    from accelml_numpy.training import run

    sizes, size = (160, 70, 40, 10), 301
    assert size > 2 * max(epoch.BLOCK, epoch.TERMS)
    assert sizes[0] / parties > epoch.GROUP
    monkeypatch.setattr(epoch, "count_parties", lambda *_: parties)
    learner, data, batches, settings = task(sizes, Adam(), dtype, rows=1_000, size=size)
    model, backend = MultilayerPerceptron("tanh"), CASES["numba"].make()
    expected = run(
        backend, model, Adam(), learner, data, batches, np.asarray(0.3), settings, update
    )
    found = epoch.run(model, Adam(), learner, data, batches, 0.3, settings)
    close(found, expected, dtype)


@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (128, 2), (10_000, 4)])
def test_a_thread_is_for_work_enough(rows, threads, monkeypatch):
    """One row has one thread, and a batch of a network as of images all there are."""
    import numba

    from accelml_numba import epoch

    monkeypatch.setattr(numba, "get_num_threads", lambda: threads)
    assert epoch.count_parties(rows, np.array([784, 128, 10])) == threads
    assert epoch.count_parties(rows, np.array([4, 3])) == 1


def test_the_same_bits_every_time():
    from accelml_numba import epoch

    learner, data, batches, settings = task((200, 50, 10), Adam(), "f4", rows=2_000, size=128)
    runs = [
        epoch.run(MultilayerPerceptron(), Adam(), learner, data, batches, 1e-4, settings)
        for _ in range(5)
    ]
    for other in runs[1:]:
        for ours, first in zip(leaves(other), leaves(runs[0]), strict=True):
            np.testing.assert_array_equal(ours, first)


def test_a_batch_without_weight_moves_by_l2_alone():
    from accelml_numba import epoch

    learner, data, batches, settings = task((7, 5, 3), SGD(), "f8", rows=64, size=32)
    data = data._replace(weights=np.zeros(64))
    with CASES["numba"].make().context():
        learnt, loss = epoch.run(
            MultilayerPerceptron(), SGD(), learner, data, batches, 0.5, settings
        )
    assert np.isnan(loss)  # of no row at all, as batch after batch
    for new, old in zip(learnt.params, learner.params, strict=True):
        assert (np.abs(new.weights) < np.abs(old.weights)).all()
        np.testing.assert_array_equal(new.bias, old.bias)


def test_what_it_is_not_made_for_goes_batch_by_batch():
    from accelml_numba import epoch

    softmax = MultilayerPerceptron("relu", "softmax")
    X = np.zeros((5000, 20), np.float32)
    data = Batch(X, np.zeros(5000, np.int32), np.ones(5000, np.float32))

    def fits(model=softmax, data=data, hidden=64):
        index = np.zeros((2, 128), np.int32)
        params = tuple(
            Layer(np.zeros((a, b)), np.zeros(b)) for a, b in itertools.pairwise((20, hidden, 10))
        )
        return epoch.fits(model, data, Batches(index, index == 0), params)

    assert fits()
    assert not fits(model=MultilayerPerceptron("relu", "logistic"))
    assert not fits(data=data._replace(X=np.asfortranarray(X)))
    assert not fits(hidden=2048)  # a matrix library's blocks are better where nothing is in cache
    whole = Batches(np.zeros((1, 5000), np.int32), np.ones((1, 5000), bool))
    assert not epoch.fits(softmax, data, whole, (Layer(X[:20], X[0, :20]),))


@pytest.mark.parametrize("count", [0, 1, 5, 7, 20])
def test_every_row_is_asked_for_once_where_there_are_turns_enough(count):
    from accelml_numba.upcoming import row_to_ask_for

    X, rows, turns = np.zeros((30, 3), "f4"), np.arange(10, 10 + count), 7
    asked = [row_to_ask_for(X, rows, turn, turns) for turn in range(turns)]
    found = [start // 3 for start, length in asked if length]
    assert all(length in (0, 12) for _, length in asked)
    assert len(found) == min(count, turns)
    assert found == list(rows) if count <= turns else set(found) <= set(rows)
