"""What is committed agrees with itself, and the gate notices what it is there for."""

import copy

import pytest
from typer.testing import CliRunner

from accelml.bench.contestant import BACKEND
from accelml.bench.report import Report
from benchmarks import gate, publish


@pytest.fixture(scope="module")
def committed():
    return Report.load(publish.CPU)


def test_the_page_and_the_readme_are_made_of_the_committed_figures(committed):
    assert publish.PAGE.read_text() == publish.page(committed)
    assert (publish.ROOT / "README.md").read_text() == publish.readme(committed)
    assert publish.GUIDE.read_text() == publish.guide(committed)


def test_auto_goes_by_the_committed_figures(committed):
    assert publish.COSTS.read_text() == publish.costs_text(committed)


def test_the_committed_figures_hold_every_workload_with_a_target(committed):
    wanted = {name for name, workload in publish.WORKLOADS.items() if workload.targets}
    assert {race["name"] for race in committed.workloads} == wanted


def test_the_pictures_of_the_page_are_there(committed):
    for line in publish.page(committed).splitlines():
        if line.startswith("!["):
            assert (publish.PAGE.parent / line.split("](")[1].rstrip(")")).is_file(), line


def test_what_was_measured_anew_keeps_its_place(committed, tmp_path):
    file = tmp_path / "cpu.json"
    committed.save(file)
    for key in ("workloads", "sizes"):
        anew = copy.deepcopy(committed)
        for other in ("workloads", "sizes"):
            anew.content[other] = [anew.content[other][0]] if other == key else []
        publish.merge(anew, file)
        assert Report.load(file).content[key] == committed.content[key]


def slowed(report, factor):
    """The same run with one of our rows slower."""
    changed = Report({}, {})
    changed.content = copy.deepcopy(report.content)
    row = next(r for r in changed.workloads[0]["rows"] if r["kind"] == BACKEND)
    row["seconds"] = [factor * s for s in row["seconds"]]
    return changed


def test_the_gate_lets_the_same_run_through(committed):
    found, compared = gate.losses(committed, committed, 0.2)
    assert found == []
    assert compared > 20


def test_the_gate_does_not_mind_another_machine(committed):
    faster = Report({}, {})
    faster.content = copy.deepcopy(committed.content)
    for race in faster.workloads:
        for row in race["rows"]:
            row["seconds"] = [s / 3 for s in row.get("seconds", [])] or row.get("seconds")
    assert gate.losses(committed, faster, 0.05)[0] == []


def test_the_gate_stops_what_became_slower(committed, tmp_path):
    assert len(gate.losses(committed, slowed(committed, 1.5), 0.2)[0]) == 1
    assert gate.losses(committed, slowed(committed, 1.1), 0.2)[0] == []
    slowed(committed, 1.5).save(tmp_path / "slow.json")
    result = run_gate(publish.CPU, tmp_path / "slow.json")
    assert result.exit_code == 1
    assert "times as fast as" in result.stdout


def test_the_gate_stops_worse_answers_and_absent_backends(committed):
    worse = slowed(committed, 1.0)
    rows = worse.workloads[0]["rows"]
    first, second = [r for r in rows if r["kind"] == BACKEND][:2]
    first["equal"] = False
    rows.remove(second)
    found, _ = gate.losses(committed, worse, 0.2)
    assert sorted(line.partition(": ")[2][:11] for line in found) == ["does not ru", "its answer "]


def test_the_gate_says_when_there_is_nothing_to_compare(committed, tmp_path):
    Report({}, {}).save(tmp_path / "empty.json")
    assert run_gate(publish.CPU, tmp_path / "empty.json").exit_code == 2


def run_gate(old, new):
    import typer

    app = typer.Typer()
    app.command()(gate.main)
    return CliRunner().invoke(app, [str(old), str(new)])


def test_it_says_of_how_many_runs_the_lines_are(committed):
    other = copy.deepcopy(committed)
    for race in other.workloads:
        race["limits"] = {"cpu": {"gflops": 2.0, "gbytes": 2.0}}
    assert publish.runs_text(other) == "These lines are from one run."
    other.workloads[0]["limits"]["cpu"] = {"gflops": 1.0, "gbytes": 1.0}
    assert "from 2 runs" in publish.runs_text(other)
