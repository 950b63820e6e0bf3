"""The command line in this process, and in one of its own."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.mirror import content, default_cache, mirror, promise_head, published

__all__ = ["content", "default_cache", "mirror", "promise_head", "published"]

# What the console script does. SIGINT may be ignored in whoever runs the tests, and is inherited.
SCRIPT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from accelml.cli import main; main()"
)
COMMAND = [sys.executable, "-c", SCRIPT]


@pytest.fixture
def run():
    """``run("train", "mlp", ...)`` in this process; every warning is an error here."""
    from accelml.cli.app import app

    def invoke(*args, columns=120):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            runner = CliRunner(env={"COLUMNS": str(columns), "ACCELML_DEBUG": ""})
            return runner.invoke(app, list(map(str, args)))

    return invoke


@pytest.fixture
def run_json(run):
    """The JSON object that a command prints, and nothing else."""

    def invoke(*args):
        result = run(*args, "--json")
        assert result.exit_code == 0, result.stderr
        assert result.stdout.count("\n") == 1, result.stdout
        return json.loads(result.stdout)

    return invoke


@pytest.fixture
def start():
    """``start("train", ...)`` as a process of its own, with pipes."""
    processes = []

    def launch(*args, unbuffered="1"):
        process = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": unbuffered},
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def flowers(tmp_path):
    """A CSV of 90 flowers of two kinds that one feature tells apart; the labels are text."""
    generator = np.random.default_rng(0)
    kind = np.arange(90) % 2
    frame = pd.DataFrame(
        {
            "height": kind * 4 + generator.normal(size=90),
            "width": generator.normal(loc=100, scale=50, size=90),
            "petals": generator.integers(3, 9, 90),
            "species": np.array(["aster", "bellis"])[kind],
        }
    )
    path = tmp_path / "flowers.csv"
    frame.to_csv(path, index=False)
    return path
