"""A pytest plug-in that runs the tests on one mutant after another.

pytest collects once. Then every mutant has a process of its own, forked from that: it runs the
tests that call the mutated function, up to the first that fails: those first that are quick and
call few others. That is a few milliseconds a mutant in place of the start of pytest, which is where
mutmut's own runner would spend most of a run of thousands.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import resource
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from mutmut.configuration import config as mutmut_config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from accelml import exceptions, selection
from tests.backends import CASES
from tests.mutation.processes import Failed, in_processes, say
from tests.mutation.scope import BACKENDS

# Seconds that one test may take before its mutant counts as endless: so many, and so many times
# what it takes without a mutant.
PATIENCE, FACTOR = 3.0, 10.0
MEMORY = 6 * 2**30  # bytes that a mutant may ask for


class Profile(NamedTuple):
    """What one test does without a mutant."""

    failure: str  # empty if it passes
    seconds: float
    functions: set[str]  # those with mutants that it calls
    modules: set[str]  # those that it was the first to import

    @property
    def price(self) -> float:
        """Seconds, and more where it looks at much else besides."""
        return self.seconds * len(self.functions)


def pytest_configure(config: pytest.Config) -> None:
    """Nothing that compiles, and property-based tests that are quick and repeatable."""
    others = {name: point for name, point in selection.plugins().items() if name == "numpy"}
    setattr(selection, "plugins", lambda: others)  # noqa: B010  (typed as the cached function)
    # A trampoline is not the caller that a warning is meant for.
    setattr(exceptions, "OURS", (*exceptions.OURS, "mutmut"))  # noqa: B010
    mutmut_config()  # read before a test changes the folder
    settings.register_profile(
        "mutation",
        phases=[Phase.explicit, Phase.generate],
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what compiles, what is slow, and scikit-learn's checks, which are many."""
    items[:] = [item for item in items if is_wanted(item)]


def is_wanted(item: pytest.Item) -> bool:
    """Whether a test is to judge mutants."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if item.get_closest_marker("slow") or item.get_closest_marker("mnist"):
        return False
    others = set(CASES) - set(BACKENDS)
    return "check" not in params and not any(
        isinstance(value, str) and value in others for value in params.values()
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """In place of one run of all tests: a profile of each, and then every mutant."""
    plan = json.loads(Path(os.environ["ACCELML_MUTATION_PLAN"]).read_text())
    profiles = profile_all(session.items, plan["workers"])
    for name in sorted(set().union(*(profile.modules for profile in profiles.values()))):
        import_early(name)
    gc.freeze()  # what is shared with the forks stays shared
    seconds = {item: profile.seconds for item, profile in profiles.items()}
    say(f"{len(seconds)} tests, {sum(seconds.values()):.0f} s")
    calling: dict[str, list[pytest.Item]] = {}
    for item in sorted(profiles, key=lambda item: profiles[item].price):
        for function in profiles[item].functions:
            calling.setdefault(function, []).append(item)
    tests = {
        name: affordable(calling.get(name.partition("__mutmut_")[0], []), seconds, plan["budget"])
        for name in plan["mutants"]
    }
    with Path(plan["results"]).open("a") as results:
        names, started = list(tests), time.monotonic()

        def note(index: int, status: int, payload: bytes) -> None:
            name = names[index]
            entry = {"name": name, "tests": len(tests[name]), **judge(status, payload)}
            print(json.dumps(entry), file=results, flush=True)
            if (index + 1) % 100 == 0:
                say(f"{index + 1} of {len(names)} mutants, {time.monotonic() - started:.0f} s")

        jobs = [partial(try_mutant, name, tests[name], seconds) for name in names]
        in_processes(jobs, plan["workers"], note)
    return True


def profile_all(items: list[pytest.Item], workers: int) -> dict[pytest.Item, Profile]:
    """How each test fares alone, and what it calls; without those that fail anyway."""
    profiles: dict[pytest.Item, Profile] = {}

    def note(index: int, status: int, payload: bytes) -> None:
        item = items[index]
        profile = pickle.loads(payload) if status == 0 else None
        if profile is not None and not profile.failure:
            profiles[item] = profile
            return
        why = "it crashes" if profile is None else profile.failure
        say(f"left out, because it fails without any mutant: {item.nodeid}\n{why}")

    in_processes([partial(profile_one, item) for item in items], workers, note)
    return profiles


def profile_one(item: pytest.Item) -> bytes:
    """Run one test with mutmut's trampolines noting the functions that they stand for."""
    modules = set(sys.modules)
    set_mutant_under_test("stats")
    state()._stats.clear()
    started = time.perf_counter()
    failure = run_test(item, None)
    seconds = time.perf_counter() - started
    functions = set(state()._stats)
    return pickle.dumps(Profile(failure, seconds, functions, set(sys.modules) - modules))


def import_early(name: str) -> None:
    """Import what tests import late, once for all processes."""
    try:
        __import__(name)
    except Exception:
        return


def affordable(
    items: list[pytest.Item], seconds: dict[pytest.Item, float], budget: float
) -> list[pytest.Item]:
    """The first of the tests, as many as the budget allows; one at least."""
    chosen: list[pytest.Item] = []
    total = 0.0
    for item in items:
        total += seconds[item]
        if chosen and total > budget:
            break
        chosen.append(item)
    return chosen


def try_mutant(name: str, items: list[pytest.Item], seconds: dict[pytest.Item, float]) -> bytes:
    """Run the tests up to the first that fails."""
    set_mutant_under_test(name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    following: list[pytest.Item | None] = [*items[1:], None]
    for item, after in zip(items, following, strict=True):
        signal.setitimer(signal.ITIMER_REAL, PATIENCE + FACTOR * seconds[item])
        if run_test(item, after):
            raise Failed(item.nodeid)
    return b""


def judge(status: int, payload: bytes) -> dict[str, Any]:
    """What the end of a mutant's process means, and which test, if any, has failed."""
    if status == 0:
        return {"verdict": "survived", "by": ""}
    endless = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
    return {"verdict": "endless" if endless else "killed", "by": payload.decode()}


REPORTS: list[pytest.TestReport] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what pytest says of the test that runs."""
    REPORTS.append(report)


def run_test(item: pytest.Item, following: pytest.Item | None) -> str:
    """Why a test fails; empty where it passes."""
    REPORTS.clear()
    item.config.pluginmanager.set_blocked("terminalreporter")
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return "".join(report.longreprtext for report in REPORTS if report.failed)
