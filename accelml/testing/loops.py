"""Checks of ``compile``, ``while_loop`` and ``scan`` against plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from accelml.backend import Backend


class Count(NamedTuple):
    """A state: how many steps were made, and what they gave."""

    steps: Any  # () float64
    total: Any  # (2,) float64


class Rows(NamedTuple):
    """What a scan steps through."""

    X: Any  # (n, 2)
    weight: Any  # (n,)


def loop_checks(backend: Backend) -> Iterator[tuple[str, Callable[[], object]]]:
    """One check for each thing that a loop must do."""
    yield "compile: the same results", lambda: check_compile(backend)
    yield "while_loop: stops when done", lambda: check_while(backend, stop=5, limit=100, steps=5)
    yield "while_loop: stops at max_iter", lambda: check_while(backend, stop=50, limit=3, steps=3)
    yield "while_loop: max_iter=0", lambda: check_while(backend, stop=5, limit=0, steps=0)
    yield "while_loop: done at once", lambda: check_while(backend, stop=0, limit=9, steps=0)
    yield "while_loop: any check_every", lambda: check_check_every(backend)
    for n in (4, 1):
        yield f"scan: {n} step{'s' if n > 1 else ''}", partial(check_scan, backend, n)


def check_compile(backend: Backend) -> None:
    """Twice with the same static values, and once with another."""

    def power(backend: Backend, x: Any, exponent: int, shift: Any = 0.0) -> Any:
        for _ in range(exponent - 1):
            x = x * x
        return x + shift

    with backend.context():
        x = backend.asarray(np.array([2.0, 3.0]))
        compiled = backend.compile(power, ("backend", "exponent"))
        assert callable(compiled), f"compile() gives {compiled!r}, which cannot be called"
        for exponent, expected in ((2, [5.0, 10.0]), (2, [5.0, 10.0]), (1, [3.0, 4.0])):
            one = backend.asarray(np.asarray(1.0))
            found = backend.to_numpy(compiled(backend, x, exponent, shift=one))
            same(found, np.array(expected), f"x^{exponent} + 1 of [2, 3]")


def run_while(backend: Backend, stop: int, limit: Any, check_every: int = 1) -> Count:
    """Count up to ``stop``, on the host."""
    with backend.context():
        target = backend.asarray(np.asarray(float(stop)))
        state = Count(backend.asarray(np.asarray(0.0)), backend.asarray(np.zeros(2)))
        found = backend.while_loop(
            lambda state: Count(state.steps + 1.0, state.total + state.steps),
            lambda state: state.steps >= target,
            state,
            limit,
            check_every,
        )
        assert isinstance(found, Count), f"the state comes back as {type(found).__name__}"
        return Count(*map(backend.to_numpy, found))


def check_while(backend: Backend, stop: int, limit: int, steps: int) -> None:
    """The right number of steps, with the limit as a number and as an array."""
    with backend.context():
        array = backend.asarray(np.asarray(limit))
    for max_iter in (limit, array):
        found = run_while(backend, stop, max_iter)
        assert float(found.steps) == steps, (
            f"{float(found.steps):g} steps instead of {steps}, where done() holds from {stop} on "
            f"and max_iter={limit}"
        )
        same(found.total, np.full(2, sum(range(steps)), float), "the state after the loop")


def check_check_every(backend: Backend) -> None:
    """The result does not depend on how often ``done`` is looked at."""
    for check_every in (1, 3, 7):
        steps = float(run_while(backend, 5, 100, check_every).steps)
        assert steps == 5, f"check_every={check_every} makes {steps:g} steps instead of 5"


def check_scan(backend: Backend, n: int) -> None:
    """Against a loop over the rows."""
    X = np.arange(2.0 * n).reshape(n, 2) + 0.5
    weight = np.linspace(1.0, 2.0, n)
    total, outputs = np.ones(2), []
    for row, share in zip(X, weight, strict=True):
        total = total * 0.5 + share * row
        outputs.append(total.sum())

    def step(total: Any, row: Rows) -> tuple[Any, Any]:
        total = total * 0.5 + row.weight * row.X
        return total, backend.xp.sum(total)

    with backend.context():
        rows = Rows(backend.asarray(X), backend.asarray(weight))
        last, stacked = backend.scan(step, backend.asarray(np.ones(2)), rows)
        same(backend.to_numpy(last), total, "the last state")
        same(backend.to_numpy(stacked), np.array(outputs), "the stacked outputs")


def same(found: Any, expected: Any, what: str) -> None:
    """Raise unless two arrays are equal up to a rounding."""
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, not {expected.shape}"
    right = np.allclose(found, expected, rtol=1e-14, atol=0)
    assert right, f"{what}: {found.tolist()}, not {expected.tolist()}"
