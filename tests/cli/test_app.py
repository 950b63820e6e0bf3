"""The command itself: its version, its help, and how fast it is there."""

import subprocess
import sys

import pytest

import accelml
from accelml.cli.settings import parse_value

HEAVY = ("jax", "numba", "cupy", "torch", "sklearn", "pandas", "matplotlib", "scipy")


def test_version(run):
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"accelml {accelml.__version__}\n"


@pytest.mark.parametrize("command", ["train", "predict", "doctor", "demo", "data"])
def test_help_of_each_command(command, run):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert command in run("--help").stdout


def test_an_unknown_command_is_a_usage_error(run):
    assert run("trian").exit_code == 2
    assert run("train", "forest").exit_code == 2


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from accelml.cli.app import app; app(['train', '--help'], "
        f"standalone_mode=False); sys.exit(' '.join(set({HEAVY!r}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("256,128", (256, 128)), ("256", 256), ("1e-3", 1e-3), ("relu", "relu"), ("None", None),
        ("true", True), ("inf", float("inf")), ("{'a': 2}", {"a": 2}), ("(3,", "(3,"), ("", ""),
    ],
)  # fmt: skip
def test_values_are_literals_or_text(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)
