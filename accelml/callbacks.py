"""scikit-learn's callbacks (1.9 and later), where its version has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from accelml.progress import Update

F = TypeVar("F", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: F) -> F:
        """Nothing: this scikit-learn has no callbacks."""
        return method


__all__ = ["TEARDOWN", "CallbackSupportMixin", "FitTasks", "with_callbacks"]

# What scikit-learn keeps on the estimator during a fit, and removes itself.
TEARDOWN = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


class FitTasks:
    """One fit as callbacks see it: a task with a subtask for each iteration.

    A context manager around the fit. Costs nothing unless a callback is set.

    Parameters
    ----------
    estimator : estimator
        The one that is fitted; its ``fit`` is decorated with ``with_callbacks``.
    X, y : array-like
        As the user passed them.
    sample_weight : array-like, optional
    steps : int or None
        The most iterations, 0 for a fit without; None where ``begin`` will say.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any = None, sample_weight: Any = None,
        steps: int | None = 0,
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self.context: Any = None
        self.steps = steps
        self.losses: list[float] = []
        self.data: dict[str, Any] = {"X": X, "y": y}
        if sample_weight is not None:
            self.data["metadata"] = {"sample_weight": sample_weight}

    @property
    def are_followed(self) -> bool:
        """Whether a callback is set, which then hears of every iteration."""
        able = hasattr(self.estimator, "_init_callback_context")
        return able and hasattr(self.estimator, "_skl_callbacks")

    def __enter__(self) -> Self:
        if self.steps is not None:
            self.begin(self.steps)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.end()

    def noting(self, update: Update) -> Update:
        """The same monitor, which notes losses for the callbacks: their ``loss_curve_`` so far."""

        def note(iteration: int, **figures: float) -> None:
            self.losses.append(figures["loss"])
            update(iteration, **figures)

        return note if self.are_followed else update

    def begin(self, steps: int) -> None:
        """Report the begin of the fit."""
        if self.are_followed:
            self.context = self.estimator._init_callback_context(max_subtasks=steps)
            self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def iteration(self, fitted: Callable[[], Mapping[str, Any]]) -> bool:
        """Report one more iteration; whether a callback wants it to be the last.

        ``fitted()`` is what an estimator would have learned had it stopped here; it is called only
        where a callback wants to know.
        """
        if self.context is None:
            return False
        task = self.context.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

        def with_curve() -> Mapping[str, Any]:
            curve = {"loss_curve_": list(self.losses)} if self.losses else {}
            return {**fitted(), **curve}

        stop = task.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=with_curve
        )
        return bool(stop)

    def end(self) -> None:
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes={}
            )
