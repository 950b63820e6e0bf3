"""How arrays come to JAX on the CPU: shared where that can be, and else copied once."""

import warnings

import numpy as np
import pytest

from tests.backends import CASES, problem

pytestmark = pytest.mark.skipif(bool(problem("jax")), reason=str(problem("jax")))


def at(offset, shape, dtype):
    """An array that begins so many bytes after a multiple of 64."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.zeros(size + 128, np.uint8)
    start = -buffer.ctypes.data % 64 + offset
    array = buffer[start : start + size].view(dtype).reshape(shape)
    array[...] = np.random.default_rng(0).standard_normal(shape)
    return array


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("offset", [0, 16, 32])
@pytest.mark.parametrize("shape", [(3, 5), (70_000, 9)], ids=["small", "large"])
def test_what_arrives_is_what_was_sent(shape, offset, dtype):
    backend = CASES["jax"].make()
    host = at(offset, shape, dtype)
    variants = {"plain": host, "Fortran": np.asfortranarray(host), "strided": host[::2, ::-1]}
    for label, sent in variants.items():
        with backend.context():
            arrived = backend.asarray(sent)
            assert arrived.dtype == sent.dtype, label
            np.testing.assert_array_equal(np.asarray(arrived), sent, err_msg=label)


def test_a_copy_is_shared_and_the_users_array_is_not():
    """Large arrays that XLA cannot use where they lie are copied once, and not by JAX again."""
    from accelml_jax.copies import aligned

    host = at(16, (70_000, 9), "f4")
    copy = aligned(host)
    assert copy.ctypes.data % 64 == 0
    assert not np.shares_memory(copy, host)
    backend = CASES["jax"].make()
    with backend.context():
        arrived = backend.asarray(host)
        shared = backend.asarray(copy)
    assert shared.unsafe_buffer_pointer() == copy.ctypes.data
    before = host.copy()
    host[:] = 0  # what has arrived does not change with it
    np.testing.assert_array_equal(np.asarray(arrived), before)


def test_what_lies_well_or_is_small_is_not_copied():
    from accelml_jax.copies import aligned

    for host in (at(0, (70_000, 9), "f4"), at(16, (3, 5), "f4")):
        assert aligned(host) is host


@pytest.mark.parametrize("shape", [(6_000_001,), (700_001, 9), (3, 2_000_001)])
def test_parts_copied_by_threads_are_all_there(shape):
    from accelml_jax.copies import PART, aligned

    host = at(16, shape, "f4")
    host[...] = np.arange(host.size, dtype="f4").reshape(shape)
    assert host.nbytes > 2 * PART
    for sent in (host, host[::-1], np.asfortranarray(host)):
        np.testing.assert_array_equal(aligned(sent), sent)


@pytest.fixture
def rooms(monkeypatch):
    """What the backend keeps, nothing at first, and at most 10 MB."""
    from accelml_jax import copies

    monkeypatch.setattr(copies, "_rooms", rooms := [])
    monkeypatch.setattr(copies, "MOST_KEPT", 10**7)
    return rooms


def sent(rows, value):
    """An array of rows of 40 bytes that lies where it cannot be shared, and its new place."""
    backend = CASES["jax"].make()
    host = at(16, (rows, 10), "f4")
    host[...] = value
    with backend.context():
        arrived = backend.asarray(host)
        return arrived, arrived.unsafe_buffer_pointer()


def test_memory_that_nobody_holds_is_used_again(rooms):
    arrived, place = sent(100_000, 1)
    assert len(rooms) == 1
    del arrived
    arrived, again = sent(90_000, 2)
    assert again == place
    assert len(rooms) == 1
    assert (np.asarray(arrived) == 2).all()


def test_memory_that_somebody_holds_is_not(rooms):
    arrived, place = sent(100_000, 1)
    tripled = 3 * arrived
    for value in (2, 3):
        assert sent(100_000, value)[1] != place
    seen = np.asarray(arrived)  # shares the memory
    del arrived
    for value in (4, 5):
        assert sent(100_000, value)[1] != place
    assert (seen == 1).all()
    assert (np.asarray(tripled) == 3).all()


def test_what_a_program_still_reads_is_not_written_to(rooms):
    backend = CASES["jax"].make()
    with backend.context():
        slow = backend.compile(lambda x: sum(x @ (x.T @ x) for _ in range(20))[0, 0])
    for value in (1, 2, 3, 4):
        arrived, _ = sent(100_000, value)
        found = slow(arrived)
        del arrived
        sent(100_000, 9)
        assert float(found) == pytest.approx(20 * 10 * 100_000 * value**3, rel=1e-3)


def test_no_more_is_kept_than_there_may_be(rooms):
    held = [sent(count, 1)[0] for count in (40_000, 50_000, 120_000, 300_000)]
    assert sum(room.nbytes for room in rooms) <= 10**7
    assert max(room.nbytes for room in rooms) < 6_000_000  # 12 MB are not kept
    assert [int(array[0, 0]) for array in held] == [1, 1, 1, 1]


def test_a_large_room_is_not_taken_for_little(rooms):
    arrived, place = sent(150_000, 1)
    del arrived
    assert sent(50_000, 2)[1] != place


def test_what_is_kept_can_be_given_back(rooms):
    import accelml_jax

    arrived, _ = sent(100_000, 1)
    accelml_jax.release()
    assert not rooms
    assert (np.asarray(arrived) == 1).all()


def rise(function):
    """How far memory rises, in bytes, once what is compiled is there."""
    from accelml.bench.worker import peak_of

    function()
    peak = peak_of(function)
    if peak is None:
        pytest.skip("this system does not tell the peak of resident memory")
    return peak


def test_whether_a_jax_array_is_finite_takes_no_memory():
    """One answer for each entry is a quarter of X."""
    from accelml.cluster import KMeans
    from accelml.validation import refuse_not_finite

    backend = CASES["jax"].make()
    with backend.context():
        X = backend.asarray(np.ones((60_000, 500), np.float32))
        assert rise(lambda: refuse_not_finite(KMeans(), X, backend=backend)) < 0.1 * X.nbytes


def estimators():
    """What learns from a JAX array, and how many times its size memory may rise."""
    from accelml.anomaly import GaussianAnomalyDetector
    from accelml.cluster import KMeans
    from accelml.linear_model import LinearRegression

    yield GaussianAnomalyDetector(), 0.2
    yield KMeans(3, n_init=1, max_iter=300, random_state=0), 0.5
    # Dependent features, so that the rows themselves are decomposed, block by block.
    yield LinearRegression(), 0.8


@pytest.mark.parametrize("which", range(3), ids=["Gaussian", "k-means", "least squares"])
def test_a_jax_array_is_not_copied_by_a_fit(which):
    import jax

    model, most = list(estimators())[which]
    host = np.random.default_rng(0).standard_normal((200_001, 100)).astype(np.float32)
    host[:, 1] = host[:, 0]
    X = jax.numpy.asarray(host)
    target = host[:, 2]
    assert rise(lambda: model.fit(X, target)) < most * X.nbytes


def test_what_k_means_holds_for_each_row_is_little():
    """Of short rows, a few numbers for each of them are as much as X."""
    import jax

    from accelml.cluster import KMeans

    host = np.random.default_rng(0).standard_normal((1_000_000, 16)).astype(np.float32)
    model = KMeans(8, init=host[:8], n_init=1, max_iter=8, tol=0)
    X = jax.numpy.asarray(host)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # more iterations would be needed
        assert rise(lambda: model.fit(X)) < 0.5 * X.nbytes
