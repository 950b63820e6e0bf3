"""The masked loop, on NumPy and array-api-strict, against the loop of the base class."""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelml.backend import Backend
from accelml_cupy.loops import while_loop
from tests.cupy.cases import SETTINGS

NAMESPACES = [array_api_compat.numpy, array_api_strict]


class State(NamedTuple):
    """A value that moves and a value that is passed on, with a count of steps."""

    x: Any
    pair: tuple[Any, Any]
    iteration: Any


def problem(xp: Any, start: float, factor: float, tol: float) -> tuple[Any, Any, State, list[int]]:
    calls: list[int] = []

    def step(state: State) -> State:
        calls.append(1)
        x = state.x * factor
        # Past the end this is not a number, and must not leak into the result.
        spoiled = xp.where(xp.abs(state.x) <= tol, x * xp.nan, x)
        return State(spoiled, (state.pair[0], state.pair[1] + x), state.iteration + 1)

    def done(state: State) -> Any:
        return xp.abs(state.x) <= tol

    zero = xp.asarray(0.0, dtype=xp.float64)
    initial = State(
        xp.asarray(start, dtype=xp.float64), (xp.ones(3), zero), xp.asarray(0, dtype=xp.int32)
    )
    return step, done, initial, calls


def numbers(state: State) -> list[Any]:
    return [np.asarray(x).tolist() for x in (state.x, *state.pair, state.iteration)]


@pytest.mark.parametrize("xp", NAMESPACES, ids=["numpy", "strict"])
@given(
    start=st.floats(0, 100),
    factor=st.floats(-0.9, 0.9),
    max_iter=st.integers(0, 40),
    check_every=st.integers(1, 50),
    on_device=st.booleans(),
)
@SETTINGS
def test_result_and_count_do_not_depend_on_check_every(
    xp, start, factor, max_iter, check_every, on_device
):
    step, done, initial, _ = problem(xp, start, factor, tol=0.1)
    expected = Backend.while_loop(None, step, done, initial, max_iter)
    limit = xp.asarray(max_iter, dtype=xp.int32) if on_device else max_iter
    actual = while_loop(xp, step, done, initial, limit, check_every)
    assert numbers(actual) == numbers(expected)
    assert actual.x.dtype == initial.x.dtype
    assert actual.iteration.dtype == initial.iteration.dtype


@pytest.mark.parametrize(("check_every", "steps"), [(1, 4), (3, 6), (5, 5), (100, 20)])
def test_steps_made_in_vain_are_fewer_than_check_every(check_every, steps):
    xp = array_api_compat.numpy
    step, done, initial, calls = problem(xp, 1.0, 0.5, tol=0.1)
    result = while_loop(xp, step, done, initial, 20, check_every)
    assert int(result.iteration) == 4
    assert len(calls) == steps


def test_looks_at_the_device_only_every_so_often():
    xp = array_api_compat.numpy
    looks = []

    class Flag:
        """An answer that notes when the host asks for it."""

        def __init__(self, value: Any) -> None:
            self.value = value

        def __or__(self, other: Any) -> Flag:
            return Flag(self.value | other)

        def __bool__(self) -> bool:
            looks.append(1)
            return bool(self.value)

    class Namespace:
        where = staticmethod(lambda flag, a, b: xp.where(flag.value, a, b))

    def step(x: Any) -> Any:
        return x + 1

    def done(x: Any) -> Any:
        return Flag(x >= 7)

    result = while_loop(Namespace, step, done, xp.asarray(0), xp.asarray(100), check_every=5)
    assert int(result) == 7
    assert len(looks) == 3


def test_what_a_step_passes_on_is_not_copied():
    xp = array_api_compat.numpy
    data = xp.ones(3)
    _, kept = while_loop(
        xp, lambda s: (s[0] + 1, s[1]), lambda s: s[0] >= 2, (xp.asarray(0), data), 9, check_every=4
    )
    assert kept is data
