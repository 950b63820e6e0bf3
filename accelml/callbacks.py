"""scikit-learn's callbacks (1.9 and later), where its version has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: F) -> F:
        """Nothing: this scikit-learn has no callbacks."""
        return method


__all__ = ["CallbackSupportMixin", "FitTasks", "with_callbacks"]


class FitTasks:
    """One fit as callbacks see it: a task with a subtask for each iteration.

    Costs nothing unless a callback is set.

    Parameters
    ----------
    estimator : estimator
        The one that is fitted; its ``fit`` is decorated with ``with_callbacks``.
    X, y : array-like
        As the user passed them.
    sample_weight : array-like, optional
    steps : int
        The most iterations.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, steps: int) -> None:
        self.estimator = estimator
        self.context: Any = None
        self.data: dict[str, Any] = {"X": X, "y": y}
        if sample_weight is not None:
            self.data["metadata"] = {"sample_weight": sample_weight}
        if hasattr(estimator, "_init_callback_context") and hasattr(estimator, "_skl_callbacks"):
            self.context = estimator._init_callback_context(max_subtasks=steps)
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def iteration(self, fitted: Callable[[], Mapping[str, Any]]) -> bool:
        """Report one more iteration; whether a callback wants it to be the last.

        ``fitted()`` is what an estimator would have learned had it stopped here.
        """
        if self.context is None:
            return False
        attributes = dict(fitted())
        task = self.context.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        stop = task.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=attributes
        )
        return bool(stop)

    def end(self) -> None:
        """Report the end of the fit."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes={}
            )
