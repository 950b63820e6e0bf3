"""``accelml demo``: the comparison, and that it notices what is wrong."""

import numpy as np
import pytest

import accelml
from accelml.cli import comparison


def test_the_whole_demonstration(start, tmp_path):
    process = start("demo", "--out", tmp_path / "deep" / "demo", "--epochs", "5")
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    for name in accelml.available_backends():
        assert f"training on {name}" in errors, "a progress bar for each"
        assert any(line.split()[:1] == [name] for line in output.splitlines())
    for name in set(accelml.selection.plugins()) - set(accelml.available_backends()):
        assert f"{name} is not here: " in errors
    assert "The backends agree" in output or len(accelml.available_backends()) == 1
    for layer in ("[0].weights", "[0].bias", "[1].weights", "[1].bias"):
        assert layer in output
    assert "Backpropagation is right" in output
    (picture,) = (tmp_path / "deep" / "demo").iterdir()
    assert picture.name in output
    assert picture.read_bytes().startswith(b"\x89PNG")


def run_of(name, last_loss):
    return comparison.Run(name, "cpu", [1.0, last_loss], [2.0, 2.5, 3.0, 5.0], 100, 0.9)


def test_figures_of_a_run():
    run = run_of("numpy", 0.5)
    assert run.cold_start == 2.0
    assert run.epoch_seconds == 0.5


@pytest.mark.parametrize(("other", "agree"), [(0.5, True), (0.5004, True), (0.501, False)])
def test_disagreement_is_noticed(other, agree):
    message, verdict = comparison.disagreement([run_of("numpy", 0.5), run_of("jax", other)])
    assert verdict is agree
    assert ("DISAGREE" in message) is not agree


def test_not_a_number_is_disagreement():
    assert comparison.disagreement([run_of("a", 0.5), run_of("b", np.nan)])[1] is False
    assert comparison.disagreement([run_of("a", np.nan), run_of("b", 0.5)])[1] is False


def test_one_run_for_each_kind_of_device():
    assert comparison.one_of_each_kind(("gpu:0", "gpu:1", "cpu")) == ["gpu:0", "cpu"]


def test_a_backend_that_computes_something_else_fails_the_demo(run, monkeypatch, tmp_path):
    train_on = comparison.train_on

    def distorted(backend, *args, **options):
        made = train_on(backend, *args, **options)
        return made._replace(losses=[2 * x for x in made.losses]) if backend == "numba" else made

    monkeypatch.setattr(comparison, "train_on", distorted)
    result = run("demo", "--out", tmp_path, "--epochs", "2")
    assert result.exit_code == 1
    assert "DISAGREE" in result.stdout


def test_a_backend_that_breaks_is_reported_and_the_others_go_on(run, monkeypatch, tmp_path):
    train_on = comparison.train_on

    def broken(backend, *args, **options):
        if backend == "numba":
            raise RuntimeError("no more registers")
        return train_on(backend, *args, **options)

    monkeypatch.setattr(comparison, "train_on", broken)
    result = run("demo", "--out", tmp_path, "--epochs", "2")
    assert result.exit_code == 1
    assert "numba (cpu) failed: no more registers" in result.stderr
    assert any(line.split()[:1] == ["numpy"] for line in result.stdout.splitlines())


def test_a_wrong_gradient_fails_the_demo(run, monkeypatch, tmp_path):
    check = comparison.check_backpropagation

    def wrong(seed):
        report = check(seed)
        report.rows[1] = report.rows[1]._replace(max_relative_error=0.5, passed=False)
        return report

    monkeypatch.setattr(comparison, "check_backpropagation", wrong)
    result = run("demo", "--out", tmp_path, "--epochs", "2")
    assert result.exit_code == 1
    assert "Backpropagation is WRONG" in result.stdout
    assert result.stdout.count("right") == 3
