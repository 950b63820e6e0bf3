"""What every override is worth: its time beside that of the generic body, on the same backend.

``python -m pytest benchmarks/bench_overrides.py --benchmark-json FILE``, and then
``python -m benchmarks.overrides FILE``, which makes the committed results and their page of it.

Two things are timed beside an override, in every round: the generic body with no override anywhere;
and, where that calls other kernels, the generic body with theirs, which is what would run if this
one override were taken out.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from accelml.backend import Backend
from accelml.tree import tree_map
from benchmarks.override_cases import CASES, Timed
from tests.backends import CASES as BACKENDS
from tests.backends import problem
from tests.overrides import Override, overrides, plain

# Seconds: of one sample at least, so that the clock's own cost does not count; and of one case.
SAMPLE, CASE = 0.01, 1.5
FEWEST, MOST = 5, 15
# Seconds before a sample: a matrix library's threads wait in a busy loop for a tenth of one, on
# cores that a body with threads of its own would have to share with those of the body before.
PAUSE = 0.12
# Calls before a sample: one body finds its arguments in the caches as another has left them there,
# which costs it a third of its time on a long table, and takes some calls to wear off.
WARM = 4

OVERRIDES = overrides()


class Contest(NamedTuple):
    """The bodies of one kernel, on the same arguments."""

    override: Callable[[], None]
    generic: Callable[[], None]
    alone: Callable[[], None] | None  # the generic body among the other overrides


def contest_of(override: Override, backend: Backend, case: Timed) -> Contest:
    target = override.target

    def arguments(of: Timed) -> Any:
        return tree_map(
            lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf,
            of.arguments(override.kernel),
        )

    # Few rows show as well which kernels are called.
    there, few = arguments(case), arguments(case._replace(rows=8))

    def body(function: Callable[..., Any], on: Backend) -> Callable[[], None]:
        def run() -> None:
            result = on.compile(function, target.static)(on, *there)
            on.synchronize()
            del result  # what nobody holds is not waited for

        run()  # compiles
        return run

    return Contest(
        body(target.overrides[backend.name], backend),
        body(target.generic, plain(backend)),
        body(target.generic, backend) if calls_overrides(target.generic, backend, few) else None,
    )


def calls_overrides(
    generic: Callable[..., Any], backend: Backend, arguments: tuple[Any, ...]
) -> bool:
    """Whether other kernels that the backend overrides are called on the way."""
    called = []
    watched = plain(backend)

    def note(function: Callable[..., Any], static: tuple[str, ...] = ()) -> Callable[..., Any]:
        called.append(function)
        return function

    watched.compile = note
    generic(watched, *arguments)
    others = [entry.target.generic for entry in OVERRIDES if entry.backend == backend.name]
    return any(function in others for function in called)


def seconds(run: Callable[[], None], times: int) -> float:
    """Seconds a call; many calls warm up by themselves."""
    settle(run, times)
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def settle(run: Callable[[], None], times: int) -> None:
    """Wait until nobody else is at work, and warm up."""
    time.sleep(PAUSE)
    for _ in range(max(0, WARM - times)):
        run()


@pytest.mark.parametrize(
    ("override", "case"),
    [
        pytest.param(override, case, id=f"{override.label}: {case.label}")
        for override in OVERRIDES
        for case in CASES.get(override.kernel, ())
    ],
)
def test_override(benchmark: Any, override: Override, case: Timed) -> None:
    if problem(override.backend):
        pytest.skip(problem(override.backend))
    backend = BACKENDS[override.backend].make()
    with backend.context():
        contest = contest_of(override, backend, case)
        bodies = {name: body for name, body in contest._asdict().items() if body is not None}
        once = {name: seconds(body, 1) for name, body in bodies.items()}
        times = {name: max(1, round(SAMPLE / taken)) for name, taken in once.items()}
        round_of_all = sum(max(SAMPLE, taken) for taken in once.values())
        rounds = max(FEWEST, min(MOST, round(CASE / round_of_all)))
        taken: dict[str, list[float]] = {name: [] for name in bodies if name != "override"}

        def time_the_others() -> None:
            for name, samples in taken.items():
                samples.append(seconds(bodies[name], times[name]))
            settle(contest.override, times["override"])

        def run() -> None:
            for _ in range(times["override"]):
                contest.override()

        gc.collect()
        benchmark.pedantic(run, setup=time_the_others, rounds=rounds, iterations=1)
    if benchmark.stats is None:
        return  # --benchmark-disable: it ran, and that is all
    taken["override"] = [sample / times["override"] for sample in benchmark.stats.stats.data]
    benchmark.extra_info.update(
        backend=override.backend, kernel=override.kernel, case=case.label, warm=WARM, seconds=taken
    )
