"""Weights as images, for what was learnt from images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from accelml.plotting.style import DIVERGING, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_weight_images(
    weights: Any,
    shape: tuple[int, int] | None = None,
    *,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights of each unit as an image, side by side.

    Blue is where a bright pixel speaks for the unit, red where it speaks against it, white where it
    says nothing. All images have one scale, symmetric about zero.

    Parameters
    ----------
    weights : array-like of shape (n_pixels, n_units)
        Such as ``MLPClassifier.coefs_[0]`` or ``LogisticRegression.coef_.T``.
    shape : (int, int), optional
        Rows and columns of pixels; a square by default.
    columns : int, optional
        Images beside each other; about as many as below each other by default.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        With a colour bar beside it.

    Raises
    ------
    ValueError
        If the pixels do not make up an image of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.plotting import plot_weight_images
    >>> ax = plot_weight_images(np.random.default_rng(0).normal(size=(64, 10)))
    >>> ax.images[0].get_array().shape
    (26, 35)
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"weights has the shape {weights.shape}; pass (n_pixels, n_units)")
    pixels, units = weights.shape
    side = math.isqrt(pixels)
    height, width = (side, side) if shape is None else shape
    if height * width != pixels:
        raise ValueError(f"{pixels} weights make up no image of {height} × {width}: pass its shape")
    across = math.ceil(math.sqrt(units)) if columns is None else min(columns, units)
    down = -(-units // across)
    # One pixel of nothing between images.
    canvas = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for unit, image in enumerate(weights.T.reshape(units, height, width)):
        top, left = unit // across * (height + 1), unit % across * (width + 1)
        canvas[top : top + height, left : left + width] = image
    ax = new_axes(ax, (1 + 5 * across / max(across, down), 5 * down / max(across, down)))
    largest = float(np.abs(weights).max()) or 1.0
    drawn = ax.imshow(canvas, cmap=DIVERGING, vmin=-largest, vmax=largest, interpolation="nearest")
    ax.set_axis_off()
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    bar.set_label("weight (against the unit, for the unit)")
    return ax
