"""``accelml demo``: the same network from the same seed on every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="The folder for the picture.")] = Path("demo"),
    epochs: Annotated[int, typer.Option(min=2, help="Passes over the data.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
) -> None:
    """Train one network on real digits with every backend here, and compare.

    Needs no network. The exit status is 1 if the backends disagree or the gradient is wrong.
    """
    from accelml.cli.comparison import (
        backend_table,
        check_backpropagation,
        compare_backends,
        curves_of,
        disagreement,
        gradient_table,
    )
    from accelml.cli.console import complain, note, show
    from accelml.plotting import comparison_figure, save_figure

    out.mkdir(parents=True, exist_ok=True)
    runs, absent, failures = compare_backends(epochs=epochs, seed=seed)
    for name, reason in absent.items():
        note(f"{name} is not here: {reason}")
    for name, reason in failures.items():
        complain(f"error: {name} failed: {reason}")
    if not runs:
        raise typer.Exit(1)
    show(backend_table(runs, epochs))
    message, agree = disagreement(runs)
    show(message)
    report = check_backpropagation(seed)
    show(gradient_table(report))
    right = "Backpropagation is right" if report.passed else "Backpropagation is WRONG"
    show(f"{right}: tolerance {report.tolerance:g}, against {report.method}.")
    picture = out / "learning-curves.png"
    curves, seconds = curves_of(runs)
    title = f"One perceptron, one seed, {len(runs)} backends: training on 1,437 digits"
    save_figure(comparison_figure(curves, seconds, title=title), picture)
    show(f"The learning curves: {picture}")
    if failures or not agree or not report.passed:
        raise typer.Exit(1)
