"""What only a GPU can show; skipped, with the reason, where there is none.

Every override is compared with its generic body on the same arrays of the same GPU.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accelml.anomaly.density import log_density, make_gaussian
from accelml.anomaly.moments import statistics as moments
from accelml.backend import Backend
from accelml.cluster.distances import nearest
from accelml.cluster.lloyd import sum_by_cluster
from accelml.neural_network.training import (
    Learner,
    epoch_batches,
    initial_parameters,
    train_epoch,
)
from accelml.objectives.activations import ACTIVATIONS
from accelml.objectives.cross_entropy import logistic_cross_entropy, softmax_cross_entropy
from accelml.objectives.multilayer_perceptron import (
    Batch,
    Layer,
    MultilayerPerceptron,
    dense,
    dense_backward,
)
from accelml.optimize.adam import AdamSettings, Moments, adam_step
from accelml.optimize.sgd import SGDSettings, sgd_step
from accelml.tree import leaves, tree_map
from accelml_cupy import graphs
from tests.cupy import cases
from tests.cupy.test_training import RULES, train

CROSS_ENTROPIES = [softmax_cross_entropy, logistic_cross_entropy]


def on_device(backend, layout, tree):
    """Copies on the GPU in a layout."""
    return tree_map(lambda x: cases.arrange(backend.asarray(x), layout, backend.xp), tree)


def to_host(backend, tree):
    return tree_map(backend.to_numpy, tree)


def compare(backend, kernel, static, arguments, dtype, units):
    """Run the override and the generic body; neither may change what it was given."""
    before = to_host(backend, tree_map(lambda x: x.copy(), arguments))
    actual = to_host(backend, kernel(backend, *static, *arguments))
    expected = to_host(backend, kernel.generic(backend, *static, *arguments))
    after = to_host(backend, arguments)
    for a, b in zip(leaves(after), leaves(before), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(leaves(actual), leaves(expected), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        size = max(1.0, float(np.max(np.abs(b), initial=0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=size * cases.tolerance(dtype, units))


@pytest.mark.parametrize("kernel", CROSS_ENTROPIES, ids=["softmax", "logistic"])
@given(cases.rows, cases.columns, cases.dtypes, cases.label_dtypes, cases.layouts, cases.seeds)
@example(1, 1, np.float32, np.int32, "C", 0)
@example(200, 1000, np.float32, np.int64, "C", 0)
@example(60_000, 10, np.float64, np.int32, "C", 0)
@cases.SETTINGS
def test_cross_entropy(cupy_backend, kernel, n, k, dtype, label_dtype, layout, seed):
    random = np.random.default_rng(seed)
    several = kernel is logistic_cross_entropy and k > 1
    labels = random.integers(0, 2 if kernel is logistic_cross_entropy else k, (n, k))
    labels = labels if several else labels[:, 0]
    scores = (50 * random.standard_normal((n, k))).astype(dtype)
    weights = random.uniform(0, 2, n).astype(dtype)
    arguments = on_device(cupy_backend, layout, (scores, labels.astype(label_dtype), weights))
    compare(cupy_backend, kernel, (), arguments, dtype, units=1024)


@pytest.mark.parametrize("kernel", CROSS_ENTROPIES, ids=["softmax", "logistic"])
def test_the_same_input_gives_the_same_bits(cupy_backend, kernel):
    random = np.random.default_rng(0)
    k = 10 if kernel is softmax_cross_entropy else 1
    arguments = on_device(
        cupy_backend,
        "C",
        (
            random.standard_normal((60_000, k)).astype(np.float32),
            random.integers(0, 2, 60_000).astype(np.int32),
            random.uniform(0, 1, 60_000).astype(np.float32),
        ),
    )
    first = to_host(cupy_backend, kernel(cupy_backend, *arguments))
    for _ in range(5):
        again = to_host(cupy_backend, kernel(cupy_backend, *arguments))
        assert first.total == again.total
        np.testing.assert_array_equal(first.delta, again.delta)


@given(st.sampled_from(list(ACTIVATIONS)), cases.rows, cases.columns, cases.columns, cases.dtypes,
       cases.layouts, cases.seeds)  # fmt: skip
@example("relu", 200, 784, 512, np.float32, "C", 0)
@example("relu", 1_000_000, 3, 2, np.float32, "C", 0)  # more rows than the grid has blocks
@cases.SETTINGS
def test_layers(cupy_backend, activation, n, inputs, outputs, dtype, layout, seed):
    random = np.random.default_rng(seed)
    shapes = ((n, inputs), Layer((inputs, outputs), (outputs,)), (n, outputs))
    draw = lambda shape: random.standard_normal(shape).astype(dtype)  # noqa: E731
    a, delta = draw(shapes[0]), draw(shapes[2])
    layer = Layer(*map(draw, shapes[1]))
    a, layer, delta = on_device(cupy_backend, layout, (a, layer, delta))
    compare(cupy_backend, dense, (activation,), (layer, a), dtype, units=16)
    compare(cupy_backend, dense_backward, (activation,), (layer, a, delta), dtype, units=16)


CLUSTERINGS = [
    (5000, 10, 16),
    (5000, 784, 10),
    (5000, 784, 300),  # through products
    (100_000, 16, 64),
    (3000, 128, 1025),
    (200_001, 3, 7),
]


@pytest.mark.parametrize(("n", "features", "count"), CLUSTERINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters(cupy_backend, n, features, count, dtype):
    """Labels, up to what float32 cannot tell apart, and sums that have the same bits each time."""
    random = np.random.default_rng(0)
    X, centers = (random.standard_normal((m, features)).astype(dtype) for m in (n, count))
    weights = random.uniform(0, 2, n).astype(dtype)
    arguments = (X, (X * X).sum(axis=1), centers)
    with cupy_backend.context():
        arguments = tree_map(cupy_backend.asarray, arguments)
        labels = nearest(cupy_backend, *arguments)
        expected = nearest.generic(cupy_backend, *arguments)
        assert labels.dtype == expected.dtype
        differ = float(cupy_backend.xp.mean(labels != expected))
        assert differ <= (1e-3 if dtype == np.float32 else 0)
        weights, X = cupy_backend.asarray(weights), arguments[0]
        sums = to_host(cupy_backend, sum_by_cluster(cupy_backend, count, X, weights, labels))
        again = to_host(cupy_backend, sum_by_cluster(cupy_backend, count, X, weights, labels))
        exact = sum_by_cluster.generic(
            cupy_backend, count, X.astype(float), weights.astype(float), labels
        )
    np.testing.assert_array_equal(sums.total, again.total)
    for ours, theirs in zip(sums, to_host(cupy_backend, exact), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("n", "features"), [(1_000_000, 32), (300_000, 3), (2000, 784), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian(cupy_backend, n, features, dtype):
    """Moments and log densities; the moments have the same bits each time."""
    random = np.random.default_rng(0)
    X = (3 + random.standard_normal((n, features))).astype(dtype)
    X, weights = map(cupy_backend.asarray, (X, random.uniform(0.1, 2, n)))
    first, again, expected = (
        to_host(cupy_backend, body(cupy_backend, "diag", X, weights))
        for body in (moments, moments, moments.generic)
    )
    for a, b, c in zip(first, again, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-10)
    gaussian = make_gaussian(first.mean, np.full(features, 0.7), dtype)
    gaussian = tree_map(lambda x: cupy_backend.asarray(x, dtype), gaussian)
    compare(cupy_backend, log_density, (), (gaussian, X), dtype, units=256)


def parameters(cupy_backend, layout, dtype, seed, count):
    random = np.random.default_rng(seed)

    def draw():
        return tuple(
            Layer(random.standard_normal((i + 1, 7)).astype(dtype),
                  random.standard_normal(7).astype(dtype))
            for i in range(count)
        )  # fmt: skip

    trees = [on_device(cupy_backend, layout, draw()) for _ in range(4)]
    return (*trees[:3], tree_map(cupy_backend.xp.abs, trees[3]))


@given(st.integers(1, 40), cases.dtypes, cases.layouts, cases.seeds, st.integers(0, 10_000))
@cases.SETTINGS
def test_adam_step(cupy_backend, count, dtype, layout, seed, steps):
    scalar = lambda x: cupy_backend.asarray(x, np.float64)  # noqa: E731
    x, g, m, v = parameters(cupy_backend, layout, dtype, seed, count)
    settings = tree_map(scalar, AdamSettings(1e-2, 0.9, 0.999, 1e-8))
    memory = Moments(m, v, scalar(steps))
    compare(cupy_backend, adam_step, (), (x, g, memory, settings), dtype, units=64)


@given(st.booleans(), st.integers(1, 40), cases.dtypes, cases.layouts, cases.seeds)
@cases.SETTINGS
def test_sgd_step(cupy_backend, nesterov, count, dtype, layout, seed):
    x, g, v, _ = parameters(cupy_backend, layout, dtype, seed, count)
    settings = tree_map(lambda s: cupy_backend.asarray(s, np.float64), SGDSettings(0.1, 0.9))
    compare(cupy_backend, sgd_step, (nesterov,), (x, g, v, settings), dtype, units=64)


@pytest.mark.parametrize(("rule", "settings"), RULES, ids=["adam", "sgd", "nesterov"])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_epochs(cupy_backend, reference, rule, settings, output, dtype):
    losses, learner = train(cupy_backend, rule, settings, output, dtype)
    expected_losses, expected = train(reference, rule, settings, output, dtype)
    rtol = 1e-9 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for a, b in zip(leaves(learner.params), leaves(expected.params), strict=True):
        np.testing.assert_allclose(cupy_backend.to_numpy(a), b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("rule", "settings"), RULES, ids=["adam", "sgd", "nesterov"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(784, 128, 10), (5, 7, 33, 3), (3, 2)])
def test_an_epoch_as_a_graph(monkeypatch, cupy_backend, rule, settings, dtype, sizes):
    """It is captured; the same bits come of it each time, and those of the separate launches."""
    random = np.random.default_rng(0)
    rows = 2000
    data = Batch(
        random.standard_normal((rows, sizes[0])).astype(dtype),
        random.integers(0, sizes[-1], rows).astype(np.int32),
        random.uniform(0, 2, rows).astype(dtype),
    )
    batches = epoch_batches(np.arange(rows), 128, shuffle=True, generator=random)
    params = tree_map(lambda x: x.astype(dtype), initial_parameters(sizes, "relu", random))
    graphs_made = []

    def spy(cupy, work):
        graphs_made.append(graphs_captured(cupy, work))
        return graphs_made[-1]

    graphs_captured = graphs.captured
    monkeypatch.setattr(graphs, "captured", spy)
    with cupy_backend.context():
        learner = tree_map(cupy_backend.asarray, Learner(params, rule.start(np, params)))
        arguments = tree_map(cupy_backend.asarray, (data, batches))
        scalar = lambda value: cupy_backend.asarray(value, np.float64)  # noqa: E731
        rest = (learner, *arguments, scalar(0.1), tree_map(scalar, settings))
        kernel = lambda: train_epoch(  # noqa: E731
            cupy_backend, MultilayerPerceptron(), rule, *rest
        )
        first, again = (to_host(cupy_backend, kernel()) for _ in range(2))
        assert len(graphs_made) == 2
        assert None not in graphs_made
        monkeypatch.setattr(graphs, "WORTHWHILE", 10**9)
        one_by_one = to_host(cupy_backend, kernel())
        expected = to_host(
            cupy_backend,
            train_epoch.generic(cupy_backend, MultilayerPerceptron(), rule, *rest),
        )
    assert len(graphs_made) == 2
    for other in (again, one_by_one):
        for a, b in zip(leaves(first), leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)
    rtol = 1e-9 if dtype is np.float64 else 2e-3
    cases.assert_trees_equal(first, expected, rtol, rtol)


@pytest.mark.parametrize("check_every", [1, 2, 7, 50])
def test_while_loop(cupy_backend, check_every):
    def step(state):
        return state[0] * 0.5, state[1] + 1

    def done(state):
        return state[0] < 1e-3

    xp = cupy_backend.xp
    start = (cupy_backend.asarray(1.0, xp.float64), cupy_backend.asarray(0, xp.int32))
    for limit in (6, cupy_backend.asarray(6, xp.int32), 40):
        x, count = cupy_backend.while_loop(step, done, start, limit, check_every)
        expected = Backend.while_loop(cupy_backend, step, done, start, limit)
        assert float(x) == float(expected[0])
        assert int(count) == int(expected[1])


def test_scan(cupy_backend):
    xp = cupy_backend.xp
    xs = (cupy_backend.asarray(np.arange(300.0)),)
    last, sums = cupy_backend.scan(lambda s, x: (s + x[0], s + x[0]), xp.zeros(()), xs)
    np.testing.assert_array_equal(cupy_backend.to_numpy(sums), np.cumsum(np.arange(300.0)))
    assert float(last) == 299 * 150


class TestCrossings:
    """To the device once, and back."""

    def test_what_is_there_is_not_copied(self, cupy_backend):
        x = cupy_backend.asarray(np.ones((3, 2), np.float32))
        assert cupy_backend.asarray(x) is x
        assert cupy_backend.asarray(x, np.float32) is x
        assert cupy_backend.device_of(x) == cupy_backend.device

    @pytest.mark.parametrize("size", [3, 2**18])
    @pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
    def test_types(self, cupy_backend, size, dtype):
        host = np.arange(size).astype(dtype)
        x = cupy_backend.asarray(host, np.float32)
        assert x.dtype == np.float32
        np.testing.assert_array_equal(cupy_backend.to_numpy(x), host.astype(np.float32))

    def test_lists_scalars_and_strides(self, cupy_backend):
        for host in ([[1.0, 2.0]], 3, np.arange(12.0).reshape(3, 4)[::2, ::-1], np.float32(2)):
            back = cupy_backend.to_numpy(cupy_backend.asarray(host))
            np.testing.assert_array_equal(back, np.asarray(host))

    def test_another_library_on_the_same_gpu(self, cupy_backend):
        jax = pytest.importorskip("jax", exc_type=Exception)
        try:
            device = jax.devices("cuda")[cupy_backend.number]
        except RuntimeError as error:
            pytest.skip(f"JAX has no GPU here ({error})")
        theirs = jax.device_put(np.arange(5, dtype=np.float32), device)
        ours = cupy_backend.asarray(theirs)
        assert cupy_backend.address(ours) == theirs.unsafe_buffer_pointer()
        np.testing.assert_array_equal(cupy_backend.to_numpy(ours), np.arange(5))

    def test_another_gpu(self, cupy_backend):
        if len(cupy_backend.status().devices) < 2:
            pytest.skip("one GPU")
        with cupy_backend.cupy.cuda.Device(1):
            x = cupy_backend.cupy.arange(5)
        assert cupy_backend.device_of(x) == "gpu:1"
        assert cupy_backend.device_of(cupy_backend.asarray(x)) == "gpu:0"


def test_products_are_at_full_precision_inside_a_fit(cupy_backend):
    from cupy._core import _routines_linalg as linalg

    if int(cupy_backend.cupy.cuda.Device(cupy_backend.number).compute_capability) < 80:
        pytest.skip("this GPU has no TF32")
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((512, 512)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    before = linalg.get_compute_type("float32")
    linalg.set_compute_type("float32", linalg.COMPUTE_TYPE_TF32)
    try:
        with cupy_backend.context():
            product = cupy_backend.asarray(a) @ cupy_backend.asarray(b)
        assert linalg.get_compute_type("float32") == linalg.COMPUTE_TYPE_TF32
    finally:
        linalg.set_compute_type("float32", before)
    # TF32 rounds to 11 bits and is off by about 1e-2 here.
    assert np.max(np.abs(cupy_backend.to_numpy(product) - exact)) < 1e-3
