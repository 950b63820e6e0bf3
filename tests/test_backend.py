"""The contract of a backend, on every backend of the table."""

import contextlib
import copy
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from accelml import BackendUnavailable, available_backends, get_backend
from accelml.backend import Backend, normal_device
from accelml.selection import backend_status

HOST = pytest.mark.backends("numpy", "numpy-readonly", "numpy-generic", "numba")
JAX = pytest.mark.backends("jax", "jax-second-device", "jax-gpu")
SHARED = pytest.mark.backends("numpy", "numba", "jax", "jax-second-device", "jax-gpu", "cupy")
DTYPES = ["float32", "float64", "int32", "int64", "bool"]


class Pair(NamedTuple):
    total: object
    count: object


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 2), (2, 0, 3)], ids=str)
def test_a_round_trip_changes_nothing(backend, shape, dtype):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    x = x / np.asarray(3, dtype) if np.issubdtype(x.dtype, np.floating) else x
    with backend.context():
        on_device = backend.asarray(x)
        assert on_device.dtype == getattr(backend.xp, dtype)
        assert tuple(on_device.shape) == shape
        again = backend.to_numpy(on_device)
    assert type(again) is np.ndarray
    np.testing.assert_array_equal(again, x, strict=True)


@pytest.mark.parametrize("order", ["fortran", "strided", "reversed", "read-only"])
def test_any_memory_layout_comes_over(backend, order):
    x = np.arange(24.0).reshape(4, 6)
    x = {
        "fortran": np.asfortranarray(x),
        "strided": x[::2, 1::2],
        "reversed": x[::-1, ::-1],
        "read-only": x,
    }[order]
    x.flags.writeable = order != "read-only"
    with backend.context():
        np.testing.assert_array_equal(backend.to_numpy(backend.asarray(x)), x)


@pytest.mark.parametrize("target", ["float32", "float64", "int64"])
@pytest.mark.parametrize("source", ["float32", "float64", "int32"])
def test_asarray_converts(backend, source, target):
    x = np.array([0, 1, 3], source)
    with backend.context():
        dtype = getattr(backend.xp, target)
        for start in (x, backend.asarray(x)):
            found = backend.asarray(start, dtype)
            assert found.dtype == dtype
            np.testing.assert_array_equal(backend.to_numpy(found), x.astype(target))
    assert x.dtype == source


def test_asarray_takes_numbers_and_lists(backend):
    with backend.context():
        assert float(backend.asarray(0.1, backend.xp.float64)) == 0.1
        assert backend.asarray([1.5, 2.5], backend.xp.float64).dtype == backend.xp.float64
        assert tuple(backend.asarray([[1.0], [2.0]]).shape) == (2, 1)


@HOST
def test_the_host_copies_nothing(backend):
    x = np.arange(6.0)
    assert np.shares_memory(backend.asarray(x), x)
    assert np.shares_memory(backend.asarray(x, np.float64), x)
    assert np.shares_memory(backend.to_numpy(backend.asarray(x)), x)
    assert not np.shares_memory(backend.asarray(x, np.float32), x)


@JAX
def test_jax_copies_nothing_that_is_there_already(backend):
    with backend.context():
        x = backend.asarray(np.arange(6.0))
        for again in (backend.asarray(x), backend.asarray(x, backend.xp.float64)):
            assert again.unsafe_buffer_pointer() == x.unsafe_buffer_pointer()


def test_asarray_of_an_own_array_is_that_array(backend):
    with backend.context():
        x = backend.asarray(np.arange(6.0))
        assert backend.device_of(backend.asarray(x)) == backend.device_of(x) == backend.device


def test_float64_is_kept_inside_the_context(backend):
    """One part in 10¹⁵ survives arithmetic and what the namespace makes itself."""
    xp = backend.xp
    with backend.context():
        x = backend.asarray(np.array([1.0, 1e-15]))
        assert float(xp.sum(x)) != 1.0
        assert xp.zeros((2,), dtype=xp.float64).dtype == xp.float64
        assert (x * 2.0).dtype == xp.float64


def test_float32_products_keep_their_precision(backend):
    """No TF32, and no bfloat16, unless asked for."""
    rng = np.random.default_rng(0)
    a, b = rng.random((64, 64)).astype(np.float32), rng.random((64, 64)).astype(np.float32)
    with backend.context():
        found = backend.to_numpy(backend.asarray(a) @ backend.asarray(b))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, a.astype(np.float64) @ b, rtol=2e-6)


@JAX
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_flags_of_jax_are_as_they_were(backend, error):
    import jax

    def flags():
        config = jax.config
        return (
            config.jax_enable_x64,
            config.jax_default_matmul_precision,
            config.jax_default_device,
        )

    before = flags()
    expectation = pytest.raises(error) if error else contextlib.nullcontext()
    with expectation, backend.context():
        assert jax.config.jax_enable_x64
        with backend.context():
            assert jax.config.jax_enable_x64
        assert jax.config.jax_enable_x64
        if error:
            raise error
    assert flags() == before
    assert jax.numpy.ones(1).dtype == ("float64" if before[0] else "float32")


@HOST
def test_warnings_of_numpy_are_as_they_were(backend):
    before = np.geterr()

    def fail():
        with backend.context():
            assert np.isinf(np.exp(np.array([1e4]))).all()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert np.geterr() == before


@pytest.mark.parametrize("check_every", [1, 3, 100])
@pytest.mark.parametrize(
    ("limit", "max_iter", "expected"),
    [(5, 100, 5), (5, 3, 3), (0, 100, 0), (5, 0, 0), (4, 4, 4), (100, 7, 7)],
)
def test_while_loop(backend, limit, max_iter, expected, check_every):
    xp = backend.xp
    with backend.context():
        zero = xp.zeros((), dtype=xp.int64)
        state = backend.while_loop(
            lambda state: Pair(state.total * 2.0, state.count + 1),
            lambda state: state.count >= limit,
            Pair(backend.asarray(np.array([1.0, 3.0])), zero),
            max_iter,
            check_every,
        )
        assert type(state) is Pair
        assert int(state.count) == expected
        np.testing.assert_array_equal(
            backend.to_numpy(state.total), np.array([1.0, 3.0]) * 2.0**expected
        )


def test_while_loop_takes_its_limit_as_an_array(backend):
    xp = backend.xp
    with backend.context():
        (count,) = backend.while_loop(
            lambda state: (state[0] + 1,),
            lambda state: state[0] < 0,
            (xp.zeros((), dtype=xp.int32),),
            xp.asarray(6, dtype=xp.int32),
        )
        assert int(count) == 6


class Both(NamedTuple):
    a: object
    b: object


@pytest.mark.parametrize("kind", [Both, lambda a, b: (a, b)], ids=["NamedTuple", "tuple"])
@pytest.mark.parametrize("length", [1, 4])
def test_scan(backend, length, kind):
    rng = np.random.default_rng(length)
    a, b = rng.standard_normal((length, 3)), rng.standard_normal(length)
    total, outputs = np.zeros(3), []
    for i in range(length):
        total = 0.5 * total + b[i] * a[i]
        outputs.append(total * i)

    def step(state, x):
        assert type(x) is (Both if kind is Both else tuple)
        first, second = x
        total = 0.5 * state.total + second * first
        return Pair(total, state.count + 1), total * state.count

    with backend.context():
        start = Pair(backend.asarray(np.zeros(3)), backend.asarray(np.zeros(())))
        state, stacked = backend.scan(step, start, kind(*map(backend.asarray, (a, b))))
        assert type(state) is Pair
        assert float(state.count) == length
        np.testing.assert_allclose(backend.to_numpy(state.total), total, rtol=1e-14, atol=1e-15)
        assert stacked.shape == (length, 3)
        np.testing.assert_allclose(backend.to_numpy(stacked), outputs, rtol=1e-14, atol=1e-15)


def shifted(backend, x, shift):
    return x + shift


def test_compile_gives_the_same_object_for_the_same_function(backend):
    compiled = backend.compile(shifted, ("backend", "shift"))
    assert backend.compile(shifted, ("backend", "shift")) is compiled
    with backend.context():
        for shift in (1, 2, 1):
            found = compiled(backend, backend.asarray(np.ones(2)), shift)
            np.testing.assert_array_equal(backend.to_numpy(found), 1 + shift)


def test_results_stay_on_the_device(backend):
    with backend.context():
        x = backend.asarray(np.ones((2, 2)))
        assert backend.device_of(x) == backend.device
        assert backend.device_of(x @ x) == backend.device
        assert backend.device_of(backend.xp.zeros((2,))) == backend.device


def test_synchronize_waits(backend):
    with backend.context():
        x = backend.asarray(np.ones((1000, 1000)))
        product = x @ x @ x
        assert backend.synchronize() is None
        assert getattr(product, "is_ready", lambda: True)()
        assert float(product[0, 0]) == 1e6


@SHARED
def test_a_backend_is_one_object(backend):
    assert get_backend(backend.name, backend.device) is backend
    assert pickle.loads(pickle.dumps(backend)) is backend
    assert copy.deepcopy({"backend": backend})["backend"] is backend


def test_a_copy_is_the_backend_itself(backend):
    assert copy.deepcopy(backend) is backend
    assert repr(backend) == f"<accelml backend {backend.name!r} on {backend.device}>"


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", "cpu"),
        ("cpu:0", "cpu"),
        ("cpu:1", "cpu:1"),
        ("gpu", "gpu:0"),
        ("gpu:0", "gpu:0"),
        ("cuda", "gpu:0"),
        ("cuda:0", "gpu:0"),
        ("cuda:3", "gpu:3"),
        ("gpu:12", "gpu:12"),
        ("tpu", "tpu:0"),
    ],
)
def test_normal_device(device, expected):
    assert normal_device(device) == expected
    assert normal_device(expected) == expected


@pytest.mark.parametrize(
    "device", ["", "GPU", "gpu:", "gpu:-1", "gpu:1.0", " gpu", "gpu:1\n", "cuda0", "xpu", 0, None]
)
def test_what_is_not_a_device_is_refused(device):
    with pytest.raises(ValueError, match=r"not a device; write 'cpu', 'gpu' or 'gpu:1'") as error:
        normal_device(device)
    assert repr(device) in str(error.value)


@pytest.mark.parametrize("name", available_backends())
@pytest.mark.parametrize("device", ["gpu:97", "cpu:98"])
def test_a_device_that_is_not_here_is_refused_by_name(name, device):
    with pytest.raises(BackendUnavailable) as error:
        get_backend(name, device)
    for named in (repr(device), repr(name), *backend_status(name).devices):
        assert named in str(error.value)


def test_a_backend_that_is_not_known_is_refused_by_name():
    with pytest.raises(ValueError, match="'nympy' is not known") as error:
        get_backend("nympy")
    for name in available_backends():
        assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_names_of_one_device_give_one_backend(name):
    assert get_backend("numpy", name) is get_backend("numpy")


def test_the_base_class_is_complete_for_an_eager_library():
    class Plain(Backend):
        name = "plain"
        xp = np

    backend = Plain("cpu:0")
    assert backend.device == "cpu"
    assert not backend.status().problem
    with backend.context():
        assert backend.to_numpy(backend.asarray([1, 2])).tolist() == [1, 2]
