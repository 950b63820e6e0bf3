"""Awkward inputs, and the comparison of an override with its generic body."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from accelml.tree import leaves, tree_map

SETTINGS = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# For kernels with many threads and barriers, which the emulation takes long to run.
FEW = settings(SETTINGS, max_examples=20)

dtypes = st.sampled_from([np.float32, np.float64])
label_dtypes = st.sampled_from([np.int32, np.int64, np.uint8])
seeds = st.integers(0, 2**32 - 1)
rows = st.one_of(st.sampled_from([1, 2, 127, 128, 129]), st.integers(1, 60))
columns = st.one_of(st.sampled_from([1, 2, 3, 10, 31, 32, 33, 64, 100]), st.integers(1, 50))
layouts = st.sampled_from(["C", "F", "strided", "reversed"])


def arrange(x: Any, layout: str, xp: Any = np) -> Any:
    """The same numbers, laid out otherwise."""
    if layout == "F":
        return xp.asfortranarray(x)
    if layout == "strided":
        return xp.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return xp.ascontiguousarray(x[::-1])[::-1]
    return xp.ascontiguousarray(x)


def tolerance(dtype: Any, units: float = 64) -> float:
    return units * float(np.finfo(dtype).eps)


def assert_trees_equal(actual: Any, expected: Any, rtol: float, atol: float = 0.0) -> None:
    actual, expected = list(leaves(actual)), list(leaves(expected))
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def read_only(tree: Any) -> Any:
    """The same arrays in the same layouts, not to be written to."""

    def protect(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        view = x.view()
        view.flags.writeable = False
        return view

    return tree_map(protect, tree)
