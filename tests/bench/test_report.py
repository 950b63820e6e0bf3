"""Ratios, equality and the file, from times that are given."""

import json

import pytest

from accelml.bench.report import Judge, Report, evaluate, seconds_text, significant
from accelml.bench.table import caption, cells, markdown_table
from accelml.bench.tasks import Work

LIMITS = {"gflops": 100.0, "gbytes": 10.0}


def row(name, seconds, quality=1.0, kind="peer", **extra):
    library = name.removeprefix("accelml ")
    return {
        "name": name, "kind": kind, "library": library, "seconds": seconds, "cold": 1.0,
        "transfer": 0.0, "quality": quality, "memory": 0.5, "iterations": None, **extra,
    }  # fmt: skip


def judge(target=None, higher=False, work=(1e9, 1e9), iterations=None):
    return Judge("loss", 0.01, higher, target, Work(*work), iterations)


def test_the_ratio_is_the_median_over_the_rounds_and_to_the_fastest_equal_peer():
    rows = [
        row("a", [2.0, 4.0, 6.0]),
        row("b", [1.0, 1.0, 1.0], quality=1.5),  # fast, and worse
        row("accelml numpy", [1.0, 1.0, 6.0], kind="backend"),
    ]
    a, b, ours = evaluate(rows, judge(), LIMITS)
    assert (a["ratio"], ours["ratio"], b["ratio"]) == (1.0, 2.0, 4.0)
    assert (a["equal"], b["equal"]) == (True, False)


def test_quality_may_be_better_when_higher():
    rows = [row("a", [1.0], 0.9), row("b", [1.0], 0.995), row("c", [1.0], 1.0)]
    assert [r["equal"] for r in evaluate(rows, judge(higher=True), LIMITS)] == [False, True, True]


def test_with_a_target_everyone_who_reaches_it_is_equal():
    rows = [row("a", [1.0], 0.5), row("b", [1.0], 0.9), row("c", [1.0], 1.1)]
    assert [r["equal"] for r in evaluate(rows, judge(target=1.0), LIMITS)] == [True, True, False]


def test_the_share_is_of_the_limit_that_binds():
    (found,) = evaluate([row("a", [0.1])], judge(work=(5e9, 0.1e9)), LIMITS)
    assert (found["bound"], found["share_of_limit"]) == ("GFLOP/s", pytest.approx(0.5))
    (found,) = evaluate([row("a", [0.1])], judge(work=(1e9, 0.9e9)), LIMITS)
    assert (found["bound"], found["share_of_limit"]) == ("GB/s", pytest.approx(0.9))


def test_more_iterations_are_more_work():
    rows = [row("a", [1.0], iterations=100)]
    (found,) = evaluate(rows, judge(work=(1e9, 1e9), iterations=50), LIMITS)
    assert found["gflops"] == pytest.approx(2.0)


def test_no_peer_no_ratio_and_a_failure_has_a_line():
    rows = [
        row("accelml numpy", [1.0], kind="backend"),
        {"name": "b", "kind": "peer", "library": "b", "error": "it raised"},
    ]
    found = evaluate(rows, judge(), LIMITS)
    assert found[0]["ratio"] is None
    assert cells(found[1])[:2] == ("b", "failed")


def test_the_file_gives_back_what_was_saved(tmp_path):
    report = Report({"gpu": ""}, {"cpu": LIMITS})
    report.add("w", "title", "data", judge(), [row("a", [1.0])])
    report.add("w", "title", "data", judge(), [row("a", [2.0])])  # takes the place of the first
    report.save(tmp_path / "report.json")
    again = Report.load(tmp_path / "report.json")
    assert again.content == json.loads(json.dumps(report.content))
    assert [race["rows"][0]["median"] for race in again.workloads] == [2.0]


@pytest.mark.parametrize(("text", "what"), [("{", "is not JSON"), ("[]", "is not a report")])
def test_another_file_is_refused(tmp_path, text, what):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=f"x.json: {what}"):
        Report.load(tmp_path / "x.json")


def test_the_table_marks_worse_answers_and_says_what_they_were():
    report = Report({"gpu": ""}, {"cpu": LIMITS})
    rows = [row("a", [1.0]), row("b", [0.5], quality=2.0)]
    report.add("w", "title", "data", judge(), rows)
    (race,) = report.workloads
    assert "| b † | 500 ms |" in markdown_table(race)
    assert "a worse answer: 2.000000 (b)" in caption(race)


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.50 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 µs"), (0, "0 µs")]
)
def test_seconds_in_words(seconds, text):
    assert seconds_text(seconds) == text


def test_significant_digits():
    numbers = (1234567.0, 123.4, 0.001234, float("nan"), None)
    assert [significant(x) for x in numbers] == ["1,234,567", "123", "0.00123", "–", "–"]
