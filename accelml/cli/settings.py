"""``--set NAME=VALUE``: parameters of an estimator, from text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from accelml.cli.console import did_you_mean, listed

# Parameters with an option of their own.
OPTIONS = {
    "backend": "--backend",
    "device": "--device",
    "max_iter": "--epochs",
    "random_state": "--seed",
    "epochs": "--epochs",
    "seed": "--seed",
}
WORDS = {
    "true": True,
    "false": False,
    "none": None,
    "inf": float("inf"),
    "-inf": float("-inf"),
    "nan": float("nan"),
}


def parse_settings(settings: Sequence[str], known: Iterable[str]) -> dict[str, Any]:
    """The parameters that a list of ``NAME=VALUE`` sets.

    Parameters
    ----------
    settings : sequence of str
        Such as ``"alpha=1e-3"``, ``"hidden_layer_sizes=256,128"`` or ``"activation=tanh"``.
    known : iterable of str
        The names of the estimator's parameters.

    Raises
    ------
    ValueError
        If an entry has no ``=``, or its name is no parameter, has an option of its own, or comes
        twice.
    """
    known = sorted(known)
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            raise ValueError(f"--set {setting}: write NAME=VALUE, such as --set alpha=0.001")
        if name in OPTIONS:
            raise ValueError(f"--set {setting}: use {OPTIONS[name]} for {name}")
        if name not in known:
            names = listed((name for name in known if name not in OPTIONS), limit=40)
            raise ValueError(
                f"--set {setting}: no parameter {name!r}{did_you_mean(name, known) or ';'} "
                f"there are {names}"
            )
        if name in values:
            raise ValueError(f"--set {setting}: {name} is set twice")
        values[name] = parse_value(text.strip())
    return values


def parse_value(text: str) -> Any:
    """A Python literal, or else the text itself."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
