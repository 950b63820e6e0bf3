"""What a solver ended with, as the warning or error that users see."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import ConvergenceWarning

from accelml.exceptions import DivergenceError, TrainingInterrupted, warn_user
from accelml.optimize.iterate import Result, Stop


def report(
    results: list[Result],
    *,
    solver: str,
    tol: float,
    max_iter: int,
    dtype: Any,
    rate: str = "learning_rate",
) -> None:
    """Raise or warn about what the iterations ended with.

    Parameters
    ----------
    results : list of Result
    solver, tol, max_iter, dtype
        Of the fit, for the message.
    rate : str
        What the estimator calls its step length.

    Raises
    ------
    DivergenceError
        If a loss is not finite.
    """
    worst = max(result.gradient_norm for result in results)
    stops = {result.stop for result in results if result.gradient_norm > tol} | {
        result.stop for result in results if result.stop in {Stop.INTERRUPTED, Stop.NOT_FINITE}
    }
    message: str | None = None
    category: type[Warning] = ConvergenceWarning
    if Stop.NOT_FINITE in stops:
        raise DivergenceError(
            f"the loss is not finite with solver={solver!r}; scale X (for example with "
            f"sklearn.preprocessing.StandardScaler), or lower {rate}"
        )
    if Stop.INTERRUPTED in stops:
        message = (
            "Training was interrupted; the model is the best found so far, and knows nothing of "
            "classes whose turn had not come."
        )
        category = TrainingInterrupted
    elif Stop.LIMIT in stops and any(result.curve[-1:] > result.curve[:1] for result in results):
        message = (
            f"solver={solver!r} ends at a higher loss than it began with, after "
            f"max_iter={max_iter} iterations; lower {rate}, or scale the features."
        )
    elif Stop.LIMIT in stops:
        message = (
            f"solver={solver!r} did not converge within max_iter={max_iter}: the gradient has "
            f"norm {worst:.1e}, tol={tol:.1e}. Increase max_iter, or scale the features."
        )
    elif Stop.STALLED in stops:
        message = (
            f"solver={solver!r} can lower the loss no further in {dtype}: the gradient has norm "
            f"{worst:.1e}, tol={tol:.1e}. Scale the features, or pass X in float64."
        )
    if message is not None:
        warn_user(message, category)
