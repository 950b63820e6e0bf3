"""Steps in place, beside the same formulas in float64."""

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))
# A rounding at each operation, and an estimated quotient's last digit.
EPS = {"f4": 6e-7, "f8": 1e-15}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", [1, 15, 16, 100, 1000])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_to_the_last_digits(decay, size, dtype):
    """Of steps of any size, where nothing has been learnt yet, too."""
    from accelml_numba.steps import adam

    rng = np.random.default_rng(size)
    scale = 10.0 ** rng.uniform(-12, 6, size)
    x, g, m = (scale * rng.standard_normal((3, size))).astype(dtype)
    v = ((scale * rng.standard_normal(size)) ** 2).astype(dtype)
    g[::7] = m[::7] = v[::7] = 0
    x[::2] = 0  # so that the step is all there is
    numbers = [np.dtype(dtype).type(number) for number in (decay, 1e-3, 0.9, 0.1, 0.999, 1e-3)]
    epsilon = np.dtype(dtype).type(1e-8)
    wide = [part.astype("f8") for part in (x, g, m, v)]
    square = adam(x, g, m, v, *numbers, epsilon)

    before, slope, mean, second = wide
    decay, rate, keep_1, take_1, keep_2, take_2 = map(float, numbers)
    slope = slope + decay * before
    mean = keep_1 * mean + take_1 * slope
    second = keep_2 * second + take_2 * slope**2
    divisor = np.sqrt(second) + float(epsilon)
    step = rate * mean / divisor
    eps = EPS[dtype]
    # The two parts of the mean, and of the slope, may be of opposite signs.
    parts = keep_1 * np.abs(wide[2]) + take_1 * (np.abs(wide[1]) + decay * np.abs(before))
    assert (np.abs(m - mean) <= eps * parts).all()
    assert (np.abs(x - (before - step)) <= eps * (np.abs(before) + rate * parts / divisor)).all()
    np.testing.assert_allclose(v, second, rtol=10 * eps, atol=1e-30)
    assert square == pytest.approx(np.sum(before**2) if decay else 0.0, rel=1e-5)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_quotient_of_zero_is_zero(dtype):
    from accelml_numba.steps import adam

    x, g, m, v = (np.zeros(40, dtype) for _ in range(4))
    x += 3
    numbers = [np.dtype(dtype).type(number) for number in (0, 1e-3, 0.9, 0.1, 0.999, 1e-3, 1e-8)]
    adam(x, g, m, v, *numbers)
    assert (x == 3).all()
