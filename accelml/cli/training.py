"""What ``accelml train`` does, apart from reading its options."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from accelml import __version__
from accelml.cli.console import new_table
from accelml.cli.data import load_data
from accelml.cli.settings import parse_settings
from accelml.exceptions import TrainingInterrupted
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.selection import backend_status, get_backend

MODELS: dict[str, Any] = {"mlp": MLPClassifier, "logistic": LogisticRegression}


class Settings(NamedTuple):
    """The options of the command."""

    model: str
    data: str
    target: str | None
    test_fraction: float
    samples: int | None
    backend: str
    device: str | None
    seed: int
    epochs: int | None
    settings: tuple[str, ...]


class Outcome(NamedTuple):
    """A trained model and what is to be said of it."""

    pipeline: Pipeline
    figures: dict[str, Any]
    messages: list[str]


def new_estimator(wanted: Settings) -> Any:
    """The estimator that the options describe, its parameters checked."""
    make = MODELS[wanted.model]
    params = parse_settings(wanted.settings, make().get_params())
    if wanted.epochs is not None:
        params["max_iter"] = wanted.epochs
    params = {"verbose": True, "random_state": wanted.seed} | params
    estimator = make(**params, backend=wanted.backend, device=wanted.device)
    estimator._validate_params()
    return estimator


def check_settings(wanted: Settings) -> None:
    """Raise for what is wrong with the options before any data is loaded."""
    new_estimator(wanted)
    if wanted.backend != "auto":
        get_backend(wanted.backend, wanted.device)


def run_training(
    wanted: Settings, *, keep: Callable[[Pipeline, dict[str, str]], None] = lambda *_: None
) -> Outcome:
    """Load, train and test.

    Parameters
    ----------
    wanted : Settings
    keep : callable
        ``keep(pipeline, notes)`` is called as soon as training has ended.
    """
    estimator = new_estimator(wanted)
    data = load_data(
        wanted.data, target=wanted.target, test_fraction=wanted.test_fraction,
        samples=wanted.samples, seed=wanted.seed,
    )  # fmt: skip
    X_train = data.scaler.fit_transform(data.X_train)
    messages, seconds = _fit(estimator, X_train, data.y_train)
    pipeline = Pipeline([("scale", data.scaler), ("model", estimator)])
    keep(pipeline, {"data": wanted.data, "target": data.target})
    categories = {category for _, category in messages}
    is_interrupted = any(issubclass(category, TrainingInterrupted) for category in categories)
    has_converged = not any(issubclass(category, ConvergenceWarning) for category in categories)
    figures = {
        "model": wanted.model,
        "data": wanted.data,
        "backend": str(estimator.backend_),
        "backend_reason": estimator.backend_.reason,
        "device": estimator.device_,
        "seed": wanted.seed,
        "train_accuracy": accuracy(estimator, X_train, data.y_train),
        "test_accuracy": accuracy(pipeline, data.X_test, data.y_test),
        "loss": last_loss(estimator),
        "seconds": seconds,
        "samples_per_second": rows_seen(estimator, len(data.y_train)) / seconds,
        "epochs": int(np.sum(estimator.n_iter_)),
        "n_train": len(data.y_train),
        "n_test": len(data.y_test),
        "n_features": int(estimator.n_features_in_),
        "n_classes": len(estimator.classes_),
        "parameters": _parameters(estimator),
        "converged": has_converged and not is_interrupted,
        "interrupted": is_interrupted,
        "versions": _versions(str(estimator.backend_)),
    }
    return Outcome(pipeline, figures, [text for text, _ in messages])


def _fit(estimator: Any, X: Any, y: Any) -> tuple[list[tuple[str, type[Warning]]], float]:
    """Train; also what there was to warn of, and the seconds."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds = time.perf_counter() - start
    return [(str(w.message), w.category) for w in caught], seconds


def accuracy(estimator: Any, X: Any, y: Any) -> float:
    """The share of the rows whose label is predicted."""
    return float(np.mean(estimator.predict(X) == y))


def last_loss(estimator: Any) -> float | None:
    """The loss that training ended with; summed over the classes if each has a model."""
    curve = estimator.loss_curve_
    if not len(curve):
        return None
    if isinstance(curve[0], (list, np.ndarray)):
        return float(sum(part[-1] for part in curve if len(part)))
    return float(curve[-1])


def rows_seen(estimator: Any, rows: int) -> int:
    """How many times training looked at a row."""
    return int(getattr(estimator, "t_", rows * int(np.sum(estimator.n_iter_))))


def _parameters(estimator: Any) -> dict[str, Any]:
    hidden = {"backend", "device", "verbose"}
    return {name: value for name, value in estimator.get_params().items() if name not in hidden}


def _versions(backend: str) -> dict[str, str]:
    return {
        "accelml": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "backend": backend_status(backend).version,
    }


def save_outcome(outcome: Outcome, plot: Path | None) -> Path | None:
    """Draw the learning curve, where one is asked for and there is one; where it was drawn."""
    estimator = outcome.pipeline["model"]
    if plot is None:
        return None
    if not any(np.size(part) for part in estimator.loss_curve_):
        outcome.messages.append("no picture: no epoch was made, so there is no curve to draw")
        return None
    from accelml.plotting import save_figure, training_figure

    figures = outcome.figures
    title = f"{type(estimator).__name__} on {figures['data']}, {figures['backend']}"
    save_figure(training_figure(estimator, title=title), plot)
    return plot


def finished_table(outcome: Outcome, out: Path | None, plot: Path | None) -> Table:
    """What to print for people."""
    figures = outcome.figures
    unit = "epochs" if figures["model"] == "mlp" else "iterations"
    end = "interrupted" if figures["interrupted"] else "converged"
    ended = end if figures["interrupted"] or figures["converged"] else "limit reached"
    rows = {
        "backend": f"{figures['backend']} ({figures['backend_reason']})",
        "device": figures["device"],
        "data": f"{figures['data']}: {figures['n_train']:,} rows to train on, "
        f"{figures['n_test']:,} to test on",
        "accuracy, training data": f"{figures['train_accuracy']:.2%}",
        "accuracy, test data": f"{figures['test_accuracy']:.2%}",
        "training loss": "none" if figures["loss"] is None else f"{figures['loss']:.6f}",
        unit: f"{figures['epochs']} ({ended})",
        "seconds of training": f"{figures['seconds']:.2f}",
        "samples per second": f"{figures['samples_per_second']:,.0f}",
    }
    files = {"model file": out, "learning curve": plot}
    table = new_table(f"{type(outcome.pipeline['model']).__name__} on {figures['data']}")
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (rows | {k: str(v) for k, v in files.items() if v}).items():
        table.add_row(name, value)
    return table
