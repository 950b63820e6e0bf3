"""Checks of what the generators are called with."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

RandomState = int | np.integer[Any] | np.random.Generator | np.random.RandomState | None


def check_integer(name: str, value: object, *, at_least: int) -> int:
    """The value as an int, or a ValueError that names the argument."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} is {value!r}; pass an integer of at least {at_least}.")
    return int(value)


def check_number(name: str, value: object, *, at_least: float) -> float:
    """The value as a float, or a ValueError that names the argument."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not at_least <= float(value) < math.inf:  # type: ignore[arg-type]
        raise ValueError(f"{name} is {value!r}; pass a finite number of at least {at_least}.")
    return float(value)  # type: ignore[arg-type]


def check_generator(random_state: RandomState) -> np.random.Generator:
    """Where the random numbers come from; the same seed gives the same ones."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint64))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(
            f"random_state is {random_state!r}; pass a non-negative integer, a "
            "numpy.random.Generator, a numpy.random.RandomState or None."
        ) from None
