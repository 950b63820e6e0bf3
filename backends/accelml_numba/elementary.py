"""Elementary functions that LLVM makes vector instructions of: a call of the C library it cannot.

Their errors are a few units in the last place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

# The lowest exponent, the two parts of log 2, and the degree of the series, of each dtype.
OF_DTYPE: dict[Any, tuple[Any, ...]] = {
    types.float32: (
        np.float32, np.int32, np.float32(-87),
        np.float32(355 / 512), np.float32(math.log(2) - 355 / 512), 7,
    ),
    types.float64: (
        np.float64, np.int64, -708.0,
        float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33"), 13,
    ),
}  # fmt: skip


@intrinsic
def power_of_two(typing: Any, exponent: Any, like: Any) -> Any:
    """2 to an integer power, which is that of a normal number, in the dtype of ``like``."""
    is_short = like == types.float32
    bits, bias, digits = (32, 127, 23) if is_short else (64, 1023, 52)
    whole = types.int32 if is_short else types.int64

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(bits)
        place = context.cast(builder, arguments[0], exponent, whole)
        raised = builder.shl(builder.add(place, integer(bias)), integer(digits))
        return builder.bitcast(raised, context.get_data_type(like))

    return like(exponent, like), generate


def split(x: Any) -> Any:
    """2ⁿ and r, so that e to the power of x is 2ⁿ eʳ, |r| ≤ ½ log 2; x is above the lowest.

    log 2 is taken off in two parts, the first of so few digits that n of it are exact.

    References
    ----------
    Muller, Elementary Functions: Algorithms and Implementation, 3rd ed., chapter 11.
    """


@overload(split)
def _split(x: Any) -> Any:
    number, integer, _, high, low, _ = OF_DTYPE[x]
    scale, half = number(1 / math.log(2)), number(0.5)

    def parts(x: Any) -> Any:
        n = np.floor(x * scale + half)
        return power_of_two(integer(n), x), x - n * high - n * low

    return parts


def exp_minus(x: Any) -> Any:
    """The power of e to x ≤ 0; zero where that is less than the smallest normal number.

    The Taylor series of eʳ goes up to where the next term is less than what rounding adds.
    """


@overload(exp_minus)
def _exp_minus(x: Any) -> Any:
    number, _, lowest, _, _, degree = OF_DTYPE[x]
    zero = number(0)
    factors = tuple(number(1 / math.factorial(k)) for k in range(degree + 1))

    def power(x: Any) -> Any:
        scale, r = split(lowest if x < lowest else x)
        series = factors[degree]
        for k in range(degree - 1, -1, -1):
            series = series * r + factors[k]
        return zero if x < lowest else series * scale

    return power


def log1p_of(e: Any) -> Any:
    """log(1 + e) for 0 ≤ e ≤ 1: twice the series of artanh at e / (2 + e), which is at most ⅓.

    References
    ----------
    Abramowitz and Stegun, Handbook of Mathematical Functions, 4.1.27.
    """


@overload(log1p_of)
def _log1p_of(e: Any) -> Any:
    number, degree = (np.float32, 7) if e == types.float32 else (np.float64, 16)
    factors = tuple(number(2 / (2 * k + 1)) for k in range(degree + 1))
    two = number(2)

    def log(e: Any) -> Any:
        s = e / (two + e)
        square = s * s
        series = factors[degree]
        for k in range(degree - 1, -1, -1):
            series = series * square + factors[k]
        return series * s

    return log


def tanh_of(x: Any) -> Any:
    """The hyperbolic tangent, (1 − e) / (1 + e) of its sign, where e is the power of −2 |x|.

    Of 1 − e no digits are lost: 1 − 2ⁿ and 2ⁿ (1 − eʳ) are added up, and 1 − eʳ is a series without
    its first term.
    """


@overload(tanh_of)
def _tanh_of(x: Any) -> Any:
    number, _, lowest, _, _, degree = OF_DTYPE[x]
    one, two = number(1), number(2)
    factors = tuple(number(1 / math.factorial(k + 1)) for k in range(degree + 1))

    def tangent(x: Any) -> Any:
        z = -two * abs(x)
        power, r = split(lowest if z < lowest else z)
        series = factors[degree]
        for k in range(degree - 1, -1, -1):
            series = series * r + factors[k]
        rest = (one - power) - power * (series * r)
        return math.copysign(rest / (two - rest), x)

    return tangent
