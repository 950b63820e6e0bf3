"""A canvas for one digit, and what makes a drawing look like one of MNIST's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from scipy import ndimage

from accelml.interactive.choice import with_text

Floats = np.ndarray[Any, Any]

# MNIST's images: the digit fits into a square of 20 pixels, in one of 28, and its center of mass is
# nearest to pixel (14, 14), counted from 0, as measured on the images themselves.
SIDE, INSIDE, MIDDLE = 28, 20, 14


class Pad(anywidget.AnyWidget):
    """What is drawn on, in the browser; it sends its pixels whenever a stroke ends."""

    _esm = Path(__file__).with_name("canvas.js")
    _css = Path(__file__).with_name("canvas.css")
    side = traitlets.Int(SIDE).tag(sync=True)
    pixels = traitlets.List(traitlets.Float()).tag(sync=True)


class DigitCanvas(ipywidgets.VBox):
    """A canvas to draw a digit on, and beside it what a classifier makes of the drawing.

    Parameters
    ----------
    scores : callable
        ``scores(X)`` of shape (1, n_classes), for images of shape (1, 784) from 0 to 1, such as
        ``model.predict_proba``.
    names : sequence of str
        Of the classes.

    Attributes
    ----------
    image : ndarray of shape (28, 28), float32
        The drawing as the classifier sees it, from 0 to 1; zeros at first.
    """

    def __init__(self, scores: Callable[[Floats], Any], names: Any = "0123456789") -> None:
        self._scores, self._names = scores, [str(name) for name in names]
        self.image: Floats = np.zeros((SIDE, SIDE), np.float32)
        self.pad = Pad()
        self.answer = ipywidgets.HTML("<p>Draw a digit with the mouse or a finger.</p>")
        clear = ipywidgets.Button(description="clear", tooltip="an empty canvas")
        clear.on_click(lambda _: self.clear())
        self.pad.observe(lambda change: self._look(change.new), names="pixels")
        super().__init__([ipywidgets.HBox([self.pad, self.answer]), clear])

    def clear(self) -> None:
        """Empty the canvas."""
        self.pad.pixels = []

    def _look(self, pixels: list[float]) -> None:
        drawing = np.array(pixels, np.float32)
        if not drawing.any():
            self.image = np.zeros((SIDE, SIDE), np.float32)
            self.answer.value = "<p>Draw a digit with the mouse or a finger.</p>"
            return
        side = round(len(drawing) ** 0.5)
        self.image = centered_digit(drawing.reshape(side, side))
        scores = np.asarray(self._scores(self.image.reshape(1, -1)))[0]
        self.answer.value = bars(self._names, scores)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_text(
            super()._repr_mimebundle_(**kwargs),
            "A canvas to draw a digit on; it needs a running notebook.",
        )


def bars(names: list[str], scores: Floats) -> str:
    """A row of HTML for each class, the most likely one in bold."""
    best, rows = int(scores.argmax()), []
    for number, (name, score) in enumerate(zip(names, scores, strict=True)):
        text = f"<strong>{name}</strong>" if number == best else name
        rows.append(
            f'<tr><td style="text-align:right">{text}</td>'
            f'<td><div style="background:#0072B2;height:.8em;width:{160 * float(score):.0f}px">'
            f"</div></td><td>{100 * float(score):.0f} %</td></tr>"
        )
    heading = f'<p class="accelml-answer">This looks like <strong>{names[best]}</strong>.</p>'
    return f"{heading}<table>{''.join(rows)}</table>"


def centered_digit(drawing: Floats) -> Floats:
    """A drawing as MNIST's makers prepared theirs.

    The ink is scaled, with its proportions kept, to fit a square of 20 pixels, and moved by whole
    pixels until its center of mass is in the middle of 28 × 28.

    Parameters
    ----------
    drawing : array of shape (height, width)
        Not negative; the larger, the more ink.

    Returns
    -------
    ndarray of shape (28, 28), float32
        From 0 to 1; zeros where there is no ink.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition,
    Proceedings of the IEEE 86, 1998, section III.A.
    """
    ink = np.asarray(drawing, np.float64)
    if ink.ndim != 2 or not np.isfinite(ink).all() or (ink < 0).any():
        raise ValueError("drawing needs two dimensions, and finite numbers that are not negative")
    if not ink.any():
        return np.zeros((SIDE, SIDE), np.float32)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    zoom = INSIDE / max(ink.shape)
    # Shrunk without this, a thin stroke would fall between the pixels that are looked at.
    smooth = ndimage.gaussian_filter(ink, 0.35 / zoom, mode="constant") if zoom < 1 else ink
    small = np.clip(
        ndimage.zoom(smooth, zoom, order=1, grid_mode=True, mode="grid-constant"), 0, None
    )
    # MNIST's images were moved by whole pixels, to where their center of mass is nearest to MIDDLE.
    corner = np.rint(MIDDLE - np.array(ndimage.center_of_mass(small))).astype(int)
    top, left = np.clip(corner, 0, SIDE - np.array(small.shape))
    image = np.zeros((SIDE, SIDE), np.float32)
    image[top : top + small.shape[0], left : left + small.shape[1]] = small / small.max()
    return image
