"""Kernels: how they are dispatched, and that every override equals its generic body."""

import importlib
import itertools
import pkgutil

import numpy as np
import pytest

import accelml
from accelml import available_backends, get_backend
from accelml.backend import Backend
from accelml.kernel import REGISTRY, Kernel, kernel
from accelml.tree import leaves, names, tree_map
from tests.anomaly.kernel_cases import KERNEL_CASES as ANOMALY
from tests.backends import CASES, problem
from tests.cluster.kernel_cases import KERNEL_CASES as CLUSTER
from tests.kernel_arguments import ARGUMENTS
from tests.kernel_cases import KERNEL_CASES as GENERAL
from tests.linear_model.kernel_cases import KERNEL_CASES as LINEAR_MODEL
from tests.preprocessing.kernel_cases import KERNEL_CASES as PREPROCESSING

KERNEL_CASES = GENERAL | LINEAR_MODEL
# These have a test_kernels.py of their own, with what their results are allowed to differ by.
ELSEWHERE = ANOMALY | CLUSTER | PREPROCESSING

for module in pkgutil.walk_packages(accelml.__path__, "accelml."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in available_backends():
    get_backend(name)

# Roundings that one call may make, in units in the last place of the largest entry. An epoch is
# many calls, and Adam divides by what may be nearly zero.
ROUNDINGS = {
    "accelml.neural_network.training.train_epoch": 3e4,
    "accelml.optimize.gradient_descent.largest_eigenvalue": 1e3,
    "accelml.linear_model.logistic_regression.linear_scores": 300,
    "accelml.objectives.linear_classifier.statistics": 1000,
    "accelml.objectives.multilayer_perceptron.dense": 300,
    "accelml.objectives.multilayer_perceptron.dense_backward": 300,
}


def bring(backend, arguments):
    """The arrays of the arguments, on the backend; the rest as it is."""
    return tree_map(
        lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, arguments
    )


def call(backend, target, body, arguments):
    """What a body makes of the arguments, on the host."""
    with backend.context():
        on_device = bring(backend, arguments)
        found = backend.compile(body, target.static)(backend, *on_device)
        result = tree_map(backend.to_numpy, found)
        after = tree_map(
            lambda leaf, now: backend.to_numpy(now) if isinstance(leaf, np.ndarray) else leaf,
            arguments,
            on_device,
        )
    return result, after


def assert_close(target, label, found, expected):
    assert list(names(found)) == list(names(expected)), label
    for name, ours, theirs in zip(names(found), leaves(found), leaves(expected), strict=True):
        where = f"{target}, {label}: {name}"
        assert ours.dtype == theirs.dtype, where
        assert ours.shape == theirs.shape, where
        if theirs.dtype.kind != "f":
            np.testing.assert_array_equal(ours, theirs, err_msg=where)
            continue
        # A float64 sum of float32 terms has their roundings.
        dtypes = [leaf.dtype for leaf in leaves(expected) if leaf.ndim] or [theirs.dtype]
        coarsest = max(np.finfo(d).eps for d in [*dtypes, theirs.dtype] if d.kind == "f")
        if "float32" in label:
            coarsest = np.finfo(np.float32).eps
        scale = max(1.0, float(np.max(np.abs(np.nan_to_num(theirs)), initial=0.0)))
        error = ROUNDINGS.get(target.name, 64) * float(coarsest) * scale
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=error, err_msg=where)


def overridden():
    """Each override of a backend of the table."""
    for case, entry in CASES.items():
        if problem(case):
            continue
        backend_name = entry.make().name
        for key, target in sorted(REGISTRY.items()):
            if backend_name in target.overrides and key in KERNEL_CASES:
                yield pytest.param(case, key, id=f"{case}-{key.rpartition('.')[2]}")


@pytest.mark.parametrize(("case", "key"), list(overridden()))
def test_every_override_equals_its_generic_body(case, key):
    backend, target = CASES[case].make(), REGISTRY[key]
    body = target.overrides[backend.name]
    # What a second device could do wrong, it does wrong with the first arguments.
    some = 1 if "second-device" in case else None
    for label, arguments in itertools.islice(KERNEL_CASES[key](), some):
        before = tree_map(lambda leaf: np.array(leaf, copy=True), arguments)
        found, after = call(backend, target, body, arguments)
        for then, now in zip(leaves(before), leaves(after), strict=True):
            if isinstance(now, np.ndarray):
                np.testing.assert_array_equal(now, then, err_msg=f"{label}: an argument changed")
        expected, _ = call(backend, target, target.generic, arguments)
        assert_close(target, label, found, expected)


def test_every_override_is_tested():
    missing = [
        key
        for key, target in REGISTRY.items()
        if key.startswith("accelml")
        and target.overrides
        and key not in KERNEL_CASES | ELSEWHERE | ARGUMENTS
    ]
    assert not missing, f"add these kernels to KERNEL_CASES: {missing}"


def test_every_case_is_of_a_kernel():
    assert set(KERNEL_CASES | ELSEWHERE) <= set(REGISTRY)


@pytest.mark.parametrize("key", KERNEL_CASES, ids=lambda key: key.rpartition(".")[2])
@pytest.mark.parametrize("case", ["numpy-readonly", "array-api-strict"])
def test_every_generic_body_needs_the_standard_alone(case, key):
    """And writes into none of its arguments."""
    backend, target = CASES[case].make(), REGISTRY[key]
    numpy = CASES["numpy-generic"].make()
    for label, arguments in KERNEL_CASES[key]():
        found, _ = call(backend, target, target.generic, arguments)
        expected, _ = call(numpy, target, target.generic, arguments)
        assert_close(target, label, found, expected)


class Other(Backend):
    """A backend that only has a name."""

    name = "other"
    xp = np


class Same(Other):
    """Another class of the same name."""


class Renamed(Other):
    """The same class under another name."""

    name = "renamed"


@pytest.fixture
def registry():
    """Forget the kernels that a test makes."""
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.usefixtures("registry")
def test_dispatch_is_by_name_alone():
    @kernel
    def twice(backend, x):
        return "generic", x

    @twice.register("other")
    def _(backend, x):
        return "override", x

    assert twice(Other(), 3) == ("override", 3)
    assert twice(Same(), 3) == ("override", 3)
    assert twice(Renamed(), 3) == ("generic", 3)
    assert twice(get_backend("numpy"), x=3) == ("generic", 3)
    assert twice.generic(Other(), 3) == ("generic", 3)


@pytest.mark.usefixtures("registry")
def test_register_gives_the_function_back_and_the_last_one_wins():
    @kernel
    def plain(backend):
        return 0

    def first(backend):
        return 1

    assert plain.register("other")(first) is first
    assert plain.overrides == {"other": first}
    assert plain(Other()) == 1
    plain.register("other")(lambda backend: 2)
    assert plain(Other()) == 2


def test_registry_holds_kernels_by_their_full_name(registry):
    @kernel
    def documented(backend, x):
        """What it says."""

    assert isinstance(documented, Kernel)
    assert documented.__doc__ == "What it says."
    assert documented.__name__ == "documented"
    assert registry[documented.name] is documented
    assert documented.name.endswith("documented")
    assert "no backend" in repr(documented)
    documented.register("other")(lambda backend, x: x)
    assert "'other'" in repr(documented)


@pytest.mark.usefixtures("registry")
def test_static_arguments_need_not_be_arrays(backend):
    traces = []

    @kernel(static=("power", "shift"))
    def raise_to(backend, x, power, shift=(0.0,)):
        traces.append(power)
        # Python's own control flow, which nothing traced would allow.
        for _ in range(power - 1):
            x = x * x
        return x + shift[0]

    assert raise_to.static == ("backend", "power", "shift")
    with backend.context():
        x = backend.asarray(np.array([2.0, 3.0]))
        for power, shift, expected in [(2, (0.0,), [4, 9]), (1, (1.0,), [3, 4])]:
            found = raise_to(backend, x, power, shift=shift)
            np.testing.assert_array_equal(backend.to_numpy(found), expected)
        traces.clear()
        raise_to(backend, x + 1, 2, shift=(0.0,))
    assert traces == ([] if backend.name == "jax" else [2])


@pytest.mark.usefixtures("registry")
def test_a_wrong_signature_is_refused():
    before = set(REGISTRY)
    for function in (lambda: 0, lambda x, backend: 0, lambda xp: 0):
        with pytest.raises(TypeError, match="first parameter of a kernel is 'backend'"):
            kernel(function)
    with pytest.raises(TypeError, match=r"static=\('missing',\)"):
        kernel(static=("missing",))(lambda backend, x: 0)
    assert set(REGISTRY) == before
