"""The exponential, the logarithm and the tangent that LLVM makes vectors of, to the last digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))

# Units in the last place that a value may be off.
CLOSE = 4


@pytest.fixture(scope="module")
def evaluate() -> Callable[[str, Any], Any]:
    from accelml_numba import elementary
    from accelml_numba.compilation import compiled

    def loop_of(function: Any) -> Any:
        @compiled
        def loop(x: Any, out: Any) -> None:
            for i in range(x.size):
                out[i] = function(x[i])

        return loop

    loops = {name: loop_of(getattr(elementary, name)) for name in EXACT}

    def of(name: str, x: Any) -> Any:
        out = np.empty_like(x)
        loops[name](x, out)
        return out

    return of


EXACT: dict[str, Callable[[Any], Any]] = {
    "exp_minus": np.exp,
    "log1p_of": np.log1p,
    "tanh_of": np.tanh,
}


def arguments(name: str, dtype: Any) -> Any:
    rng = np.random.default_rng(0)
    small = 10.0 ** -np.arange(0, 37, 0.1)
    lowest = 86 if dtype == np.float32 else 707
    return {
        "exp_minus": np.concatenate(
            [-rng.uniform(0, lowest, 5000), -rng.uniform(0, 1, 500), -small]
        ),
        "log1p_of": np.concatenate([rng.uniform(0, 1, 5000), small, [1.0]]),
        "tanh_of": np.concatenate([rng.normal(0, 3, 5000), small, -small, [20.0, -700.0, 1e30]]),
    }[name].astype(dtype)


@pytest.mark.parametrize("name", list(EXACT))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_digits_but_the_last(evaluate: Any, name: str, dtype: Any) -> None:
    x = arguments(name, dtype)
    found, exact = evaluate(name, x), EXACT[name](x.astype(np.longdouble))
    assert found.dtype == dtype
    assert np.abs(found / exact - 1).max() <= CLOSE * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends(evaluate: Any, dtype: Any) -> None:
    x = np.array([0.0, -0.0, -1e4, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(evaluate("exp_minus", x), np.array([1, 1, 0, 0, np.nan], dtype))
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    found = evaluate("tanh_of", x)
    np.testing.assert_array_equal(found, np.array([0, 0, 1, -1, np.nan], dtype))
    assert np.signbit(found[1])
    np.testing.assert_array_equal(evaluate("log1p_of", np.array([0.0, np.nan], dtype)), [0, np.nan])
