"""What all pictures share: colours for every eye, quiet axes, and no display needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette with a red and a grey violet in place of its three pale colours, which
# are hard to see on white: told apart with any kind of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#A80000", "#5C4F62", "#000000")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = "osD^vPX"
# Pale to dark in one hue, and two hues on both sides of white, as told apart.
SEQUENTIAL, DIVERGING = "Blues", "RdBu"


def new_axes(ax: Axes | None, size: tuple[float, float] = (6, 4)) -> Axes:
    """The axes given, or those of a new figure, which pyplot does not know of."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").subplots() if ax is None else ax


def plain(ax: Axes) -> None:
    """A pale grid, and no frame but the two axes."""
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def log_axis(ax: Axes, which: Literal["x", "y"]) -> None:
    """A logarithmic axis with plain numbers: 0.5, 1, 2, 5, 10."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set(**{f"{which}scale": "log"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
