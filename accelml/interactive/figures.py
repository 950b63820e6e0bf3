"""Figures that are drawn anew when a slider moves, and that stand for themselves without one."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
from IPython.display import Image, display

from accelml.exceptions import DivergenceError
from accelml.interactive.choice import Choice, with_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 90


def picture(drawn: Figure | Axes) -> bytes:
    """A figure as a PNG file, without a date or the name of a program in it."""
    figure: Any = getattr(drawn, "figure", drawn)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return content.getvalue()


def show(drawn: Figure | Axes, alt: str) -> None:
    """Display a figure with a text that says what it shows.

    Parameters
    ----------
    drawn : matplotlib Figure or Axes
    alt : str
        For readers who cannot see it: the message and the numbers that matter, not the shapes.
    """
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the figure shows")
    display(Image(picture(drawn), format="png", alt=alt))


class Explorer(ipywidgets.VBox):
    """Controls and a figure that follows them; what :func:`explore` returns.

    Where there are no widgets, as on a page, it is the figure as the controls first were.

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
        Whose ``value`` can be set, too.
    values : dict
        What ``draw`` was last called with.
    """

    def __init__(
        self,
        draw: Callable[..., Figure | Axes],
        alt: str,
        choice: Choice | None,
        controls: dict[str, Any],
    ) -> None:
        self._draw, self._alt, self._choice = draw, alt, choice
        self.controls = controls
        self.values: dict[str, Any] = {}
        self._png = b""
        self._output = ipywidgets.HTML().add_class("accelml-figure")
        watched = list(controls.values())
        if choice is not None:
            watched += [choice.backend_menu, choice.seed_menu]
        for widget in watched:
            widget.observe(self._follow, names="value")
        self._update()
        super().__init__([*controls.values(), self._output])
        self.add_class("accelml-explorer")

    def _follow(self, change: Any) -> None:
        self._update()

    def _update(self) -> None:
        self.values = {name: widget.value for name, widget in self.controls.items()}
        if self._choice is not None:
            self.values |= {"backend": self._choice.backend, "seed": self._choice.seed}
        try:
            self._png = picture(self._draw(**self.values))
        except DivergenceError as error:
            self._output.value = f"<p><strong>Diverged.</strong> {html.escape(str(error))}</p>"
            return
        data = base64.b64encode(self._png).decode()
        alt = html.escape(self._alt, quote=True)
        self._output.value = (
            f'<img style="max-width:100%" alt="{alt}" src="data:image/png;base64,{data}">'
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data = with_text(super()._repr_mimebundle_(**kwargs), self._alt)
        data["image/png"] = base64.b64encode(self._png).decode()
        return data, {"image/png": {"alt": self._alt}}


def explore(
    draw: Callable[..., Figure | Axes],
    *,
    alt: str,
    choice: Choice | None = None,
    **controls: Any,
) -> Explorer:
    """A figure with controls: ``draw`` is called anew whenever one of them changes.

    Parameters
    ----------
    draw : callable
        ``draw(name=value, …)`` with the value of each control, and with ``backend`` and ``seed``
        where there is a ``choice``; returns a figure or its axes. What diverges may raise
        ``DivergenceError``, which is shown in place of the figure.
    alt : str
        What the figure shows, for readers who cannot see it.
    choice : Choice, optional
        Menus whose changes the figure follows as well.
    **controls : ipywidgets.Widget
        By the names that ``draw`` knows them by, each with a ``description``.

    Returns
    -------
    Explorer
        To be the last expression of a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from ipywidgets import FloatSlider
    >>> from accelml.interactive import explore
    >>> from accelml.plotting import plot_learning_curves
    >>> def draw(rate):
    ...     return plot_learning_curves({"loss": np.exp(-rate * np.arange(20))})
    >>> explorer = explore(
    ...     draw, alt="A loss that falls faster with a higher rate.",
    ...     rate=FloatSlider(0.1, min=0, max=1, description="rate"),
    ... )
    >>> explorer.controls["rate"].value = 0.5
    >>> explorer.values
    {'rate': 0.5}
    """
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the figure shows")
    return Explorer(draw, alt, choice, controls)
