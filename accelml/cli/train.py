"""``accelml train``."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from accelml.cli.training import Outcome


class Model(StrEnum):
    """What can be trained."""

    mlp = "mlp"
    logistic = "logistic"


def train(
    model: Annotated[Model, typer.Argument(help="What to train.")],
    data: Annotated[
        str,
        typer.Option(
            help="digits, iris, microchips, mnist-like, mnist, fashion-mnist, or a file: "
            ".csv, .npz, .parquet."
        ),
    ] = "digits",
    target: Annotated[
        str | None,
        typer.Option(help="The column to predict. Default: target, label or class, if there."),
    ] = None,
    test_fraction: Annotated[
        float, typer.Option(help="Share of the rows to test on, if the data sets none apart.")
    ] = 0.2,
    samples: Annotated[
        int | None, typer.Option(min=100, help="Training images of mnist-like. Default: 10000.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="numpy, numba, jax, cupy, or auto: by the size of the work.")
    ] = "auto",
    device: Annotated[str | None, typer.Option(help="Such as cpu, gpu or gpu:1.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(help="The most epochs (mlp, default 200) or iterations (logistic, 100)."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A parameter of the estimator, such as hidden_layer_sizes=256,128. Repeatable.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the model to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the learning curve (.png, .svg).")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Train a classifier, test it and, with --out, keep it.

    Ctrl-C ends training early and keeps the best model so far; the exit status is then 130.
    """
    from accelml.cli.console import note, print_json, require_folder, show
    from accelml.cli.training import (
        Settings,
        check_settings,
        finished_table,
        run_training,
        save_outcome,
    )

    require_folder(out, "--out")
    require_folder(plot, "--plot")
    if plot is not None:
        from accelml.plotting import check_picture_name

        check_picture_name(plot)
    if not 0 < test_fraction < 1:
        raise ValueError(f"--test-fraction {test_fraction}: must lie between 0 and 1")
    wanted = Settings(
        model.value, data, target, test_fraction, samples, backend, device, seed, epochs,
        tuple(settings or ()),
    )  # fmt: skip
    check_settings(wanted)
    outcome: Outcome = run_training(
        wanted, keep=lambda pipeline, notes: _keep(pipeline, notes, out)
    )
    plot = save_outcome(outcome, plot)
    for message in outcome.messages:
        note(message)
    if as_json:
        print_json(outcome.figures | {"out": out, "plot": plot})
    else:
        show(finished_table(outcome, out, plot))
    if outcome.figures["interrupted"]:
        raise typer.Exit(130)


def _keep(pipeline: object, notes: dict[str, str], out: Path | None) -> None:
    """Write the model as soon as there is one: before the tests, which an interrupt may end."""
    if out is not None:
        from accelml.persistence import save_model

        with uninterrupted():
            save_model(pipeline, out, notes=notes)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no second, impatient Ctrl-C take what the first one was to keep."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
