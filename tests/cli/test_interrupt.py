"""Ctrl-C: the best model so far is kept, and nothing ends in a traceback."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import accelml
from accelml.persistence import load_model

ENDLESS = ("--epochs", "1000000", "--set", "tol=0", "--set", "n_iter_no_change=1000000")


def interrupt_when(process, condition, *, limit=120):
    """Send SIGINT as soon as ``condition()``; what the process then says, and its status."""
    deadline = time.monotonic() + limit
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=limit)
    return output, errors, process.returncode


def trained_for(process, seconds):
    """True ``seconds`` after the progress bar has shown a loss, hence after an epoch."""
    started = []

    def condition():
        if not started:
            shown = ""
            while "loss" not in shown:
                character = process.stderr.read(1)
                assert character, shown
                shown += character
            started.append(time.monotonic())
        return time.monotonic() - started[0] > seconds

    return condition


@pytest.fixture
def terminal(monkeypatch):
    """Draw the progress bar while training, as on a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")


@pytest.mark.parametrize("name", accelml.available_backends())
def test_an_interrupted_training_leaves_a_model(name, start, terminal, tmp_path):
    out, plot = tmp_path / "m.model", tmp_path / "m.png"
    process = start("train", "mlp", *ENDLESS, "--backend", name, "--json",
                    "--out", out, "--plot", plot)  # fmt: skip
    output, errors, status = interrupt_when(process, trained_for(process, 4))
    assert status == 130, errors
    assert "Traceback" not in errors
    assert "Training was interrupted" in errors
    found = json.loads(output)
    assert found["interrupted"] is True
    assert found["converged"] is False
    assert found["epochs"] >= 1
    assert found["test_accuracy"] > 0.5
    model = load_model(out)
    assert model[-1].n_iter_ == found["epochs"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert sorted(tmp_path.iterdir()) == [out, plot]


def test_the_kept_model_predicts(start, run, terminal, flowers, tmp_path):
    out = tmp_path / "m.model"
    process = start("train", "mlp", *ENDLESS, "--data", flowers, "--target", "species",
                    "--backend", "numpy", "--out", out)  # fmt: skip
    output, _, status = interrupt_when(process, trained_for(process, 1))
    assert status == 130
    assert "interrupted" in output
    result = run("predict", out, flowers)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 91


def test_an_interrupt_before_training_is_one_line(start, tmp_path):
    """While data loads there is no model yet, and none is left behind."""
    slow = tmp_path / "slow.csv"
    os.mkfifo(slow)
    process = start("train", "mlp", "--data", slow, "--target", "a", "--out", tmp_path / "m")
    ends = []

    def is_reading():
        if not ends:
            try:
                ends.append(os.open(slow, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # nobody has opened it to read
                return False
            time.sleep(0.5)
        return True

    output, errors, status = interrupt_when(process, is_reading)
    os.close(ends[0])
    assert status == 130
    assert output == ""
    assert errors == "accelml: interrupted\n"
    assert list(tmp_path.iterdir()) == [slow]


def test_a_second_interrupt_does_not_cost_the_model(run, monkeypatch, tmp_path):
    from accelml import persistence

    save_model = persistence.save_model

    def interrupted(*args, **options):
        signal.raise_signal(signal.SIGINT)
        save_model(*args, **options)

    monkeypatch.setattr(persistence, "save_model", interrupted)
    out = tmp_path / "m"
    assert run("train", "logistic", "--epochs", "3", "--out", out).exit_code == 0
    assert load_model(out).n_features_in_ == 64


def test_an_interrupt_while_the_program_loads_is_one_line():
    code = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "accelml.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from accelml.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "accelml: interrupted\n")


def test_an_interrupt_during_the_demo_is_one_line(run, monkeypatch, tmp_path):
    from accelml.cli import comparison

    def interrupted(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison.TimedMLP, "_record", interrupted)
    result = run("demo", "--out", tmp_path, "--epochs", "2")
    assert result.exit_code == 130
    assert result.stderr.endswith("accelml: interrupted\n")
    assert list(tmp_path.iterdir()) == []
