"""Every body of the kernels of anomaly detection equals the generic one."""

import numpy as np
import pytest

from accelml.kernel import REGISTRY
from accelml.tree import leaves, tree_map
from tests.anomaly.kernel_cases import KERNEL_CASES, ROUNDINGS
from tests.backends import CASES


@pytest.mark.parametrize("key", KERNEL_CASES, ids=lambda key: key.rpartition(".")[2])
@pytest.mark.backends("numpy", "numpy-readonly", "array-api-strict", "numba", "cupy")
def test_every_body_equals_the_generic_one(backend, key):
    target, plain = REGISTRY[key], CASES["numpy-generic"].make()
    for label, arguments in KERNEL_CASES[key]():
        before = tree_map(lambda leaf: np.array(leaf, copy=True), arguments)
        with backend.context():
            given = tree_map(
                lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf,
                arguments,
            )
            found = tree_map(backend.to_numpy, target(backend, *given))
        with plain.context():
            expected = tree_map(np.asarray, target.generic(plain, *arguments))
        for then, now in zip(leaves(before), leaves(arguments), strict=True):
            np.testing.assert_array_equal(now, then, err_msg=f"{label}: an argument changed")
        for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
            assert ours.dtype == theirs.dtype, label
            assert ours.shape == theirs.shape, label
            scale = max(1.0, np.abs(theirs).max(initial=0.0))
            eps = 0.0 if theirs.dtype.kind == "i" else np.finfo(theirs.dtype).eps
            atol = ROUNDINGS.get(key, 64) * eps * scale
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol, err_msg=label)
