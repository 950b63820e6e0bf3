"""Small races, run for real: every family, every backend here, every peer that is installed."""

import multiprocessing

import pytest

from accelml.bench.contestant import BACKEND, PEER, Contestant
from accelml.bench.problems import make_task
from accelml.bench.race import Failed, processes, run_race
from accelml.bench.report import Judge, Report
from accelml.bench.worker import iterations_to, peak_of
from accelml.bench.workloads import WORKLOADS, Workload, contestants

TINY = [
    Workload("k", "k", "kmeans", {"clusters": 3, "rows": 500, "features": 4, "iterations": 3}),
    Workload("lo", "lo", "logistic", {"rows": 500, "features": 4, "iterations": 30}),
    Workload("m", "m", "perceptron", {"rows": 1024, "epochs": 10}),
    Workload("le", "le", "least-squares", {"rows": 500, "features": 4}),
    Workload("d", "d", "descent", {"rows": 500, "features": 4, "iterations": 10}),
    Workload("g", "g", "gaussian", {"rows": 500, "features": 4}),
    Workload("t", "t", "threshold", {"rows": 2000}),
    Workload("s", "s", "small", {"estimator": "KMeans"}),
    Workload("i", "i", "import", {}),
]


def is_quick(contestant):
    """Without torch.compile, which calls a C++ compiler."""
    return not contestant.problem() and "compiled" not in contestant.name


@pytest.mark.slow
@pytest.mark.parametrize("workload", TINY, ids=lambda w: w.family)
def test_everyone_gives_an_answer_that_is_as_good(workload):
    taking_part = [c for c in contestants(workload.family) if is_quick(c)]
    rows = run_race(workload, taking_part, rounds=2)
    assert {row["name"]: row.get("error") for row in rows} == dict.fromkeys(
        c.name for c in taking_part
    )
    report = Report({"gpu": ""}, {"cpu": {"gflops": 1.0, "gbytes": 1.0}})
    judge = Judge.of(make_task(workload.family, workload.arguments))
    report.add(workload.name, workload.title, "", judge, rows)
    for row in report.workloads[0]["rows"]:
        assert row["equal"], row
        assert len(row["seconds"]) == 2
        assert 0 < row["median"] < 10
        assert row["cold"] >= row["median"] / 2


def test_a_contestant_that_fails_leaves_the_others_alone():
    workload = next(w for w in TINY if w.family == "gaussian")
    numpy = next(c for c in contestants("gaussian") if c.library == "numpy")
    absent = numpy._replace(name="nobody", library="nobody")
    rows = run_race(workload, [absent, numpy], rounds=1)
    assert "nobody" in rows[0]["error"]
    assert len(rows[1]["seconds"]) == 1
    assert multiprocessing.active_children() == []


def test_a_process_that_ends_is_reported():
    with processes([Contestant("accelml numpy", BACKEND, "gaussian", "numpy")]) as (runner,):
        runner.process.terminate()
        runner.process.join()
        with pytest.raises(Failed, match="its process ended"):
            runner.ask("fit")


@pytest.mark.parametrize(
    "loss", [lambda n: 2 + 0.97**n, lambda n: 2 + 0.99**n, lambda n: 2 + 1 / n**2, lambda n: 2.0]
)
def test_the_iterations_that_reach_a_loss(loss):
    asked = []

    def quality_after(n):
        asked.append(n)
        return loss(n)

    found = iterations_to(2 + 1e-4, quality_after)
    fewest = next(n for n in range(1, 5000) if loss(n) <= 2 + 1e-4)
    assert fewest <= found <= max(1.06 * fewest, fewest + 2)
    assert len(asked) <= 12


def test_a_loss_that_is_never_reached():
    with pytest.raises(ValueError, match="after 128 iterations"):
        iterations_to(0.0, lambda n: 1.0, most=128)


def test_the_work_that_an_estimator_expects_is_found_without_a_fit():
    from accelml.bench.ours import expected_work
    from accelml.cluster import KMeans

    model = KMeans(2, n_init=1)
    X = make_task("gaussian", {"rows": 50, "features": 3}).X
    assert expected_work(model, X) == 2 * expected_work(model, X[:25]) > 50 * 3 * 2
    assert not hasattr(model, "cluster_centers_")
    assert hasattr(model.fit(X), "cluster_centers_")


def test_peak_memory_sees_what_is_freed_again():
    import numpy as np

    def allocate():
        np.ones(2**25).sum()  # 256 MiB

    peak = peak_of(allocate)
    if peak is None:
        pytest.skip("this system does not tell the peak of resident memory")
    assert 0.95 * 2**28 < peak < 1.2 * 2**28
    assert peak_of(lambda: None) < 2**22


def test_an_absent_library_is_a_problem_and_no_error():
    contestant = Contestant("x", PEER, "gaussian", "x", ("no_such_module",))
    assert contestant.problem() == "no_such_module not installed"


def test_every_workload_has_an_opponent_and_every_peer_a_workload():
    families = {w.family for w in WORKLOADS.values()}
    for family in families:
        kinds = {c.kind for c in contestants(family)}
        assert kinds == {BACKEND, PEER}
    assert {c.family for f in families for c in contestants(f)} == families
