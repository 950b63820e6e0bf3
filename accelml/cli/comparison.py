"""What ``accelml demo`` does, apart from printing."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.table import Table

from accelml.cli.console import new_table, one_line
from accelml.cli.data import Data, load_data
from accelml.exceptions import TrainingInterrupted
from accelml.neural_network import MLPClassifier
from accelml.selection import backend_status, plugins

if TYPE_CHECKING:
    from accelml.gradcheck import GradientReport

TOLERANCE = 1e-3  # of the training loss, relative, between backends in float32


class TimedMLP(MLPClassifier):
    """A perceptron that notes when each of its epochs ended."""

    def _record(self, loss: float, score: tuple[float, float] | None, rows: int) -> None:
        super()._record(loss, score, rows)
        self.__dict__.setdefault("ends_", []).append(time.perf_counter())


class Run(NamedTuple):
    """One training."""

    backend: str
    device: str
    losses: list[float]
    ends: list[float]  # seconds from the start, after each epoch
    n_train: int
    test_accuracy: float

    @property
    def title(self) -> str:
        """What the legend says."""
        return f"{self.backend} ({self.device})"

    @property
    def cold_start(self) -> float:
        """Seconds to the end of the first epoch: import, start of the device, compilation."""
        return self.ends[0]

    @property
    def epoch_seconds(self) -> float:
        """Seconds of an epoch after the first, the median."""
        return float(np.median(np.diff(self.ends)))


def compare_backends(*, epochs: int, seed: int) -> tuple[list[Run], dict[str, str], dict[str, str]]:
    """Train on every backend and kind of device.

    Returns
    -------
    runs : list of Run
    absent : dict of str to str
        The backends that are not usable here, and why.
    failures : dict of str to str
        Those that should be and yet failed.
    """
    data = load_data("digits", target=None, test_fraction=0.2, samples=None, seed=seed)
    runs: list[Run] = []
    absent: dict[str, str] = {}
    failures: dict[str, str] = {}
    for name in plugins():
        start = time.perf_counter()
        try:
            status = backend_status(name)  # imports the library
        except Exception as error:  # a plug-in is anybody's code
            failures[name] = one_line(error)
            continue
        if status.problem:
            absent[name] = one_line(f"{status.problem}; {status.remedy}")
            continue
        for device in one_of_each_kind(status.devices):
            try:
                runs.append(train_on(name, device, data, epochs=epochs, seed=seed, start=start))
            except TrainingInterrupted as error:
                raise KeyboardInterrupt from error
            except Exception as error:
                failures[f"{name} ({device})"] = one_line(error)
            start = time.perf_counter()
    return runs, absent, failures


def one_of_each_kind(devices: Sequence[str]) -> list[str]:
    """The first of the GPUs, the first of the CPUs."""
    kinds: dict[str, str] = {}
    for device in devices:
        kinds.setdefault(device.partition(":")[0], device)
    return list(kinds.values())


def train_on(backend: str, device: str, data: Data, *, epochs: int, seed: int, start: float) -> Run:
    """Train the network of the demonstration; the clock began at ``start``."""
    estimator = TimedMLP(
        128, batch_size=32, max_iter=epochs, n_iter_no_change=epochs, random_state=seed,
        verbose=True, backend=backend, device=device,
    )  # fmt: skip
    scaled = data.scaler.fit_transform(data.X_train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the limit of epochs was reached is the plan
        warnings.simplefilter("error", TrainingInterrupted)
        estimator.fit(scaled, data.y_train)
    predicted = estimator.predict(data.scaler.transform(data.X_test))
    ends = [end - start for end in estimator.ends_]
    correct = float(np.mean(predicted == data.y_test))
    return Run(backend, estimator.device_, estimator.loss_curve_, ends, len(scaled), correct)


def disagreement(runs: Sequence[Run]) -> tuple[str, bool]:
    """How far the last training losses are apart, in words, and whether that is little."""
    losses = np.array([run.losses[-1] for run in runs])
    spread = float(np.ptp(losses) / np.min(losses))  # NaN if any is, and then nothing agrees
    if len(runs) == 1:
        return "There is one backend here, so there is nothing to compare it with.", True
    agree = spread <= TOLERANCE
    verdict = "agree" if agree else "DISAGREE"
    return (
        f"The backends {verdict}: their training losses are within {spread:.1e} of each other, "
        f"relative; {TOLERANCE:g} is allowed."
    ), agree


def check_backpropagation(seed: int) -> GradientReport:
    """The gradient of the same network on a few digits, in float64."""
    from accelml.gradcheck import check_gradients

    data = load_data("digits", target=None, test_fraction=0.2, samples=None, seed=seed)
    X = data.X_train[:100].astype(np.float64) / 16
    return check_gradients(MLPClassifier(128, random_state=seed), X, data.y_train[:100])


def curves_of(runs: Sequence[Run]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The losses, and when they were reached, by backend."""
    return {run.title: run.losses for run in runs}, {run.title: run.ends for run in runs}


def backend_table(runs: Sequence[Run], epochs: int) -> Table:
    """One row a run."""
    table = new_table(f"A perceptron (64-128-10, Adam, batches of 32), {epochs} epochs on digits")
    for heading in ("backend", "device"):
        table.add_column(heading, no_wrap=True)
    for heading in ("cold start", "s/epoch", "samples/s", "training loss", "test accuracy"):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            run.backend, run.device, f"{run.cold_start:.2f} s", f"{run.epoch_seconds:.4f}",
            f"{run.n_train / run.epoch_seconds:,.0f}", f"{run.losses[-1]:.6f}",
            f"{run.test_accuracy:.2%}",
        )  # fmt: skip
    return table


def gradient_table(report: Any) -> Table:
    """One row an array of parameters."""
    table = new_table(f"Backpropagation against {report.method}, float64")
    table.add_column("parameter", no_wrap=True)
    for heading in ("max relative error", "max absolute error", "worst entry"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for row in report.rows:
        is_right = row.max_relative_error <= report.tolerance
        place = ", ".join(str(int(i)) for i in row.worst)
        table.add_row(
            row.name, f"{row.max_relative_error:.1e}", f"{row.max_absolute_error:.1e}",
            f"({place})", "right" if is_right else "WRONG",
        )  # fmt: skip
    return table
