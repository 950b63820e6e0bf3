"""An epoch of the perceptron on every backend, beside scikit-learn's, in one run.

``python -m benchmarks.mlp_epoch [--rounds 5] [--epochs 3] [--json FILE]``

784-128-10, batches of 128, Adam, 60,000 images in float32: MNIST where it is at hand, rendered
digits of the same shape where not. Each round times the whole ``fit`` of every competitor in turn;
the figures are medians over rounds, the ratios medians of the ratios within a round.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearn

import accelml
from accelml.datasets import load_mnist, make_digits
from accelml.neural_network import MLPClassifier
from accelml.selection import backend_status

SHARED = {"hidden_layer_sizes": (128,), "batch_size": 128, "random_state": 0}


def data() -> tuple[str, np.ndarray, np.ndarray]:
    """MNIST's training images in [0, 1], or as many rendered digits."""
    try:
        X, y = load_mnist("train", return_X_y=True, download_if_missing=False)
        name = "MNIST"
    except OSError:
        X, y = make_digits(60_000, random_state=0)
        name = "make_digits"
    return name, X.astype(np.float32) / np.float32(255), y


def competitors(epochs: int) -> dict[str, object]:
    """Who runs, by name."""
    ours = {
        f"accelml {name}": MLPClassifier(**SHARED, max_iter=epochs, backend=name)
        for name in accelml.available_backends()
    }
    return {"scikit-learn": ScikitLearn(**SHARED, max_iter=epochs), **ours}


def seconds_of(model: object, X: np.ndarray, y: np.ndarray) -> float:
    """The wall time of one ``fit``."""
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def main(
    rounds: Annotated[int, typer.Option(help="how often each runs")] = 5,
    epochs: Annotated[int, typer.Option(help="epochs of each fit")] = 3,
    save: Annotated[Path | None, typer.Option("--json", help="write the figures here")] = None,
) -> None:
    """Print one table, and write the figures where asked."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    name, X, y = data()
    models = competitors(epochs)
    cold = {who: seconds_of(model, X[:1280], y[:1280]) for who, model in models.items()}
    for model in models.values():
        seconds_of(model, X, y)  # compiles for these shapes
    times = {who: [] for who in models}
    for _ in range(rounds):
        for who, model in models.items():
            times[who].append(seconds_of(model, X, y) / epochs)

    rows = []
    for who, measured in times.items():
        ratios = [peer / mine for peer, mine in zip(times["scikit-learn"], measured, strict=True)]
        rows.append(
            {
                "who": who,
                "seconds_per_epoch": statistics.median(measured),
                "spread": [min(measured), max(measured)],
                "speed_over_scikit_learn": statistics.median(ratios),
                "first_fit_of_1280_rows": cold[who],
                "loss": models[who].loss_curve_[-1],
            }
        )
    versions = {who: backend_status(who).version for who in accelml.available_backends()}
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "versions": versions}
    title = (
        f"784-128-10, batch 128, Adam, {name} ({len(X)} rows, float32), {machine['cores']} cores"
    )
    table = Table(
        "", "s / epoch", "speed over scikit-learn", "first small fit, s", "loss", title=title
    )
    for row in rows:
        table.add_row(
            row["who"],
            f"{row['seconds_per_epoch']:.3f}",
            f"{row['speed_over_scikit_learn']:.2f}",
            f"{row['first_fit_of_1280_rows']:.2f}",
            f"{row['loss']:.4f}",
        )
    Console().print(table)
    if save is not None:
        report = {"workload": title, "data": name, **machine, "epochs": epochs, "rows": rows}
        save.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
