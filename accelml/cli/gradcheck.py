"""``accelml gradcheck``: the hand-derived gradients against ones that nobody derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from accelml.gradcheck import GradientReport


def gradcheck(
    model: Annotated[
        list[str] | None,
        typer.Option(help="mlp, mlp-regressor, logistic, linear or ridge; all by default."),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="What computes the hand-derived gradients.")
    ] = "numpy",
    seed: Annotated[int, typer.Option(min=0, help="Decides the parameters.")] = 0,
) -> None:
    """Check every gradient, parameter by parameter, in float64.

    Against jax.grad where JAX is installed, and against central differences; with JAX also how the
    gradient changes along a random direction. The exit status is 1 if one is wrong.
    """
    from accelml.cli.console import did_you_mean, listed, note, show
    from accelml.gradcheck import TOLERANCE
    from accelml.selection import backend_status, get_backend

    known = models()
    for name in model or ():
        if name not in known:
            hint = did_you_mean(name, known)
            raise ValueError(f"--model {name}: choose among {listed(known)}{hint}")
    get_backend(backend)
    lacks = backend_status("jax").problem
    if lacks:
        note(f"against central differences only: {lacks}; {backend_status('jax').remedy}")
    methods = [method for method in TOLERANCE if not (method == "jax.grad" and lacks)]
    right = True
    for name in model or known:
        for title, estimator, X, y in known[name]():
            reports = check(estimator, X, y, methods, backend, seed)
            show(report_table(f"{title}, on {backend}", reports))
            right &= all(report.passed for report in reports)
    bounds = ", ".join(f"{TOLERANCE[method]:g} of {method}" for method in methods)
    show(f"Every gradient is right: within {bounds}." if right else "A gradient is WRONG.")
    raise typer.Exit(0 if right else 1)


def check(
    estimator: Any, X: Any, y: Any, methods: list[str], backend: str, seed: int
) -> list[GradientReport]:
    """One report for each method."""
    from accelml.gradcheck import check_gradients

    return [
        check_gradients(
            estimator, X, y, backend=backend, method=method, random_state=seed,
            hessian=method == "jax.grad",
        )
        for method in methods
    ]  # fmt: skip


Cases = Callable[[], Iterator[tuple[str, Any, Any, Any]]]


def models() -> dict[str, Cases]:
    """What there is to check, by the name of ``--model``."""
    from sklearn.datasets import load_diabetes

    from accelml import linear_model, neural_network
    from accelml.datasets import load_digits
    from accelml.objectives.activations import ACTIVATIONS

    X, digits = load_digits(return_X_y=True)
    X = X[:60] / 16
    digits = digits[:60]
    table, number = load_diabetes(return_X_y=True)
    table, number = 20 * table[:60], number[:60] / 100

    def mlp() -> Iterator[tuple[str, Any, Any, Any]]:
        for activation in ACTIVATIONS:
            estimator = neural_network.MLPClassifier((6, 4), activation, alpha=0.1)
            yield f"MLPClassifier, {activation}", estimator, X, digits
        yield "MLPClassifier, two classes", neural_network.MLPClassifier(5), X, digits % 2

    def mlp_regressor() -> Iterator[tuple[str, Any, Any, Any]]:
        estimator = neural_network.MLPRegressor(hidden_layer_sizes=(6, 4), alpha=0.1)
        yield "MLPRegressor", estimator, table, number

    def logistic() -> Iterator[tuple[str, Any, Any, Any]]:
        for form in ("multinomial", "ovr"):
            estimator = linear_model.LogisticRegression(multi_class=form)
            yield f"LogisticRegression, {form}", estimator, X, digits % 3
        yield "LogisticRegression, two classes", linear_model.LogisticRegression(), X, digits % 2

    def linear() -> Iterator[tuple[str, Any, Any, Any]]:
        yield "LinearRegression", linear_model.LinearRegression(), table, number

    def ridge() -> Iterator[tuple[str, Any, Any, Any]]:
        yield "Ridge", linear_model.Ridge(alpha=3.0), table, number

    return {
        "mlp": mlp,
        "mlp-regressor": mlp_regressor,
        "logistic": logistic,
        "linear": linear,
        "ridge": ridge,
    }


def report_table(title: str, reports: list[GradientReport]) -> Any:
    """One row for each array of parameters, below what it is compared with; 80 columns will do."""
    from rich.text import Text

    from accelml.cli.console import new_table
    from accelml.gradcheck import HESSIAN

    table = new_table(title)
    table.add_column("parameter", no_wrap=True)
    for heading in ("relative", "absolute", "worst entry"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for report in reports:
        for judge, prefix in ((report.method, ""), (f"jax.jvp, {HESSIAN}", f"{HESSIAN}, ")):
            rows = [row for row in report.rows if row.name.startswith(HESSIAN) == bool(prefix)]
            if rows:
                table.add_row(Text(f"against {judge}", "bold"))
            for row in rows:
                table.add_row(
                    f"  {row.name.removeprefix(prefix)}",
                    f"{row.max_relative_error:.1e}",
                    f"{row.max_absolute_error:.1e}",
                    str(row.worst),
                    "right" if row.passed else "WRONG",
                )
    table.caption = "Largest errors: over the largest entry (relative) and as they are."
    table.caption_justify = "left"
    return table
