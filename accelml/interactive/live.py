"""A learning curve that grows while a model is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from IPython.display import Image, display

from accelml.interactive.figures import picture
from accelml.plotting import plot_learning_curves

# Seconds between two pictures: often enough to follow, and little of the training's time.
PAUSE = 0.5


class LiveCurve:
    """A scikit-learn callback that draws what the loss has been so far.

    Parameters
    ----------
    x_label : str, default="epoch"
    y_label : str, default="training loss (nats per sample)"
    y_scale : str, default="linear"

    Examples
    --------
    In a notebook, where the figure grows below the cell::

        curve = LiveCurve()
        curve.follow(model).fit(X, y)

    Notes
    -----
    Where scikit-learn is older than 1.9 and has no callbacks, the curve is drawn once, by ``draw``.
    """

    def __init__(
        self,
        x_label: str = "epoch",
        y_label: str = "training loss (nats per sample)",
        y_scale: str = "linear",
    ) -> None:
        self.x_label, self.y_label, self.y_scale = x_label, y_label, y_scale
        self.losses: list[float] = []
        self._handle: Any = None
        self._last = 0.0

    def __deepcopy__(self, memo: Any) -> LiveCurve:
        """The same: what is copied is an estimator, and there is one figure."""
        return self

    def follow(self, estimator: Any) -> Any:
        """Let an estimator report to this curve; returns the estimator."""
        if hasattr(estimator, "set_callbacks"):
            estimator.set_callbacks(self)
        return estimator

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew, with the fit."""
        self.losses, self._last = [], time.monotonic()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Draw the whole curve, when the fit has ended."""
        if self.losses:
            self.draw(self.losses)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing is to be drawn before the first iteration."""

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        """Note the loss of an iteration, and draw now and then."""
        curve = getattr(fitted_estimator, "loss_curve_", None)
        if context.task_name == "iteration" and curve is not None and len(curve):
            self.losses = [float(loss) for loss in curve]
            if time.monotonic() - self._last > PAUSE:
                self.draw(self.losses)
        return False

    def draw(self, losses: Sequence[float]) -> None:
        """Draw these losses where the curve stands, or below the cell at first."""
        self._last = time.monotonic()
        axes = plot_learning_curves(
            {"training": losses}, x_label=self.x_label, y_label=self.y_label, y_scale=self.y_scale
        )
        alt = f"{self.y_label}: {losses[0]:.3g} at first, {losses[-1]:.3g} after {len(losses)}"
        image = Image(picture(axes), format="png", alt=f"{alt} {self.x_label}s.")
        if self._handle is None:
            self._handle = display(image, display_id=True)
        else:
            self._handle.update(image)
