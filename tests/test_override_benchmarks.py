"""No override without a benchmark, and none that its benchmark does not speak for."""

import json

import pytest

from benchmarks.override_cases import CASES
from benchmarks.overrides import PAGE, RESULTS, WORTH, best_ratio, page
from tests.kernel_arguments import ARGUMENTS
from tests.overrides import overrides

MEASURED = ("numpy", "numba", "jax")  # what two cores run; those on a GPU are still to come


@pytest.fixture(scope="module")
def results():
    return json.loads(RESULTS.read_text())


def test_every_override_has_a_benchmark():
    missing = sorted({override.kernel for override in overrides()} - set(CASES))
    assert not missing, f"add these kernels to benchmarks/override_cases.py: {missing}"


def test_every_benchmark_is_of_arguments_that_can_be_made():
    assert set(CASES) <= set(ARGUMENTS)
    for cases in CASES.values():
        assert len({case.label for case in cases}) == len(cases) > 0


@pytest.mark.parametrize(
    "override",
    [override for override in overrides() if override.backend in MEASURED],
    ids=lambda override: override.label,
)
def test_every_override_was_measured_and_is_worth_it(override, results):
    best = best_ratio(results, override.backend, override.kernel)
    assert best > 0, "not measured: run benchmarks/bench_overrides.py, then benchmarks.overrides"
    assert best >= WORTH, f"{best:.2f} times the speed of the generic body at best: not worth it"


def test_every_result_is_of_an_override_that_is_there(results):
    known = {(override.backend, override.kernel) for override in overrides()}
    found = {(row["backend"], row["kernel"]) for row in results["rows"]}
    assert found <= known, f"written anew by python -m benchmarks.overrides: {found - known}"
    for row in results["rows"]:
        assert row["case"] in {case.label for case in CASES[row["kernel"]]}, row


def test_the_page_is_that_of_the_results(results):
    assert PAGE.read_text() == page(results)
