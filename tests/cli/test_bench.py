"""``accelml bench`` as a user runs it."""

import json

import pytest

WORKLOAD = "iris-standardscaler"


def test_a_race_prints_a_table_and_saves_a_report_and_a_chart(run, tmp_path):
    folder = tmp_path / "new" / "results"
    result = run(
        "bench", WORKLOAD, "--backends", "numpy", "--peers", "scikit-learn", "--rounds", "2",
        "--save", folder, columns=80,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "StandardScaler, iris" in result.stdout
    assert "speed: over scikit-learn." in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    report = json.loads((folder / "report.json").read_text())
    (race,) = report["workloads"]
    assert [row["name"] for row in race["rows"]] == ["scikit-learn", "accelml numpy"]
    assert all(len(row["seconds"]) == 2 for row in race["rows"])
    assert report["machine"]["versions"]["numpy"]
    assert report["limits"]["cpu"]["gflops"] > 1
    assert (folder / f"{WORKLOAD}.png").read_bytes().startswith(b"\x89PNG")


def test_without_peers_there_is_no_ratio(run):
    result = run("bench", WORKLOAD, "--backends", "numpy", "--peers", "none", "--rounds", "1")
    assert result.exit_code == 0, result.stderr
    assert "scikit-learn" not in result.stdout


def test_the_list_names_workloads_curves_and_who_takes_part(run):
    result = run("bench", "--list")
    assert result.exit_code == 0
    for word in ("kmeans-10", "gaussian-rows --sizes", "scikit-learn", "numpy"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kmean-10"], "WORKLOAD kmean-10: choose among"),
        (["kmean-10"], "did you mean 'kmeans-10'?"),
        (["--backends", "numpi", WORKLOAD], "--backends numpi: choose among"),
        (["--peers", "scikit", WORKLOAD], "did you mean 'scikit-learn'?"),
        (["--sizes", "kmeans-10"], "WORKLOAD kmeans-10: choose among"),
        (["--rounds", "0", WORKLOAD], "--rounds"),
        (["--save", __file__, WORKLOAD], "is not a folder"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(run, arguments, message):
    result = run("bench", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_library_that_is_asked_for_and_absent_is_said(run):
    result = run(
        "bench", "threshold", "--peers", "PyTorch", "--backends", "none", "--rounds", "1"
    )  # fmt: skip
    assert "PyTorch, GPU takes no part: " in result.stderr
