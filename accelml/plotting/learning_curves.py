"""Learning curves as pictures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelml.plotting.style import COLORS, DASHES, MARKERS, log_axis, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_learning_curves(
    curves: Mapping[str, Sequence[float]],
    *,
    ax: Axes | None = None,
    x: Mapping[str, Sequence[float]] | None = None,
    x_label: str = "epoch",
    y_label: str = "training loss (nats per sample)",
    y_scale: str = "linear",
) -> Axes:
    """Draw how training went, one line a curve.

    Curves that coincide stay visible: each has its own colour, dashes and marker, the markers take
    turns, and an earlier line is wider than those drawn over it.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        What to write in the legend, and a value for each epoch, such as ``loss_curve_``.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default, which ``ax.figure.savefig`` writes.
    x : mapping of str to sequence of float, optional
        Where each value stands, such as seconds; 1, 2, 3, … by default.
    x_label, y_label : str
        What the axes show, with the unit.
    y_scale : {"linear", "log"}

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no curve, or ``x`` differs from ``curves`` in its names or lengths.

    Examples
    --------
    >>> from accelml.plotting import plot_learning_curves
    >>> ax = plot_learning_curves({"numpy": [2.3, 1.1, 0.6], "jax": [2.3, 1.1, 0.6]})
    >>> ax.get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator

    if not curves or not any(len(values) for values in curves.values()):
        raise ValueError("curves has no values to draw; train for an epoch at least")
    ax = new_axes(ax)
    # Wide under narrow only helps where lines lie on one another, and for a few of them.
    widest = 1.6 + 1.4 * (len(curves) - 1) if len(curves) <= 4 else 1.6
    styles = zip(itertools.cycle(COLORS), itertools.cycle(DASHES), itertools.cycle(MARKERS))
    for place, ((name, values), style) in enumerate(zip(curves.items(), styles, strict=False)):
        positions = list(range(1, len(values) + 1)) if x is None else list(x.get(name, ()))
        if len(positions) != len(values):
            raise ValueError(
                f"x[{name!r}] has {len(positions)} values, and its curve {len(values)}"
            )
        color, dashes, marker = style
        is_long = len(values) >= 2 * len(curves)
        step = max(len(curves), len(values) // 8) if is_long else 1
        ax.plot(
            positions, list(values), label=name, color=color, linestyle=dashes, marker=marker,
            linewidth=max(1.6, widest - 1.4 * place), markersize=6,
            markevery=(place * step // max(1, len(curves)) % step, step), markerfacecolor="white",
        )  # fmt: skip
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    if y_scale == "log":
        log_axis(ax, "y")
    if x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plain(ax)
    if len(curves) > 1:
        ax.legend(frameon=False, ncols=1 + len(curves) // 6, handlelength=4)
    return ax


def training_figure(estimator: Any, *, title: str = "") -> Figure:
    """The loss of a fitted estimator and, if it has one, its validation score.

    Parameters
    ----------
    estimator : estimator
        With ``loss_curve_``, and ``validation_scores_`` if it stopped early.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    scores = getattr(estimator, "validation_scores_", None)
    figure = Figure(figsize=(10, 4) if scores else (6, 4), layout="constrained")
    panels = figure.subplots(1, 2 if scores else 1, squeeze=False)[0]
    is_network = hasattr(estimator, "coefs_")
    unit = "epoch" if is_network else "iteration"
    curves = estimator.loss_curve_
    if len(curves) and not isinstance(curves[0], float):  # one against the rest
        named = {
            str(label): curve for label, curve in zip(estimator.classes_, curves, strict=False)
        }
    else:
        named = {"training": curves}
    plot_learning_curves(named, ax=panels[0], x_label=unit)
    if scores:
        percent = {"validation": [100 * score for score in scores]}
        label = "accuracy on the validation rows (%)"
        plot_learning_curves(percent, ax=panels[1], x_label=unit, y_label=label)
        _mark_best(panels[1], scores)
    figure.suptitle(title)
    return figure


def _mark_best(ax: Axes, scores: Sequence[float]) -> None:
    """A star where the kept parameters come from."""
    best = max(scores)
    ax.plot(
        [list(scores).index(best) + 1], [100 * best], marker="*", markersize=14, linestyle="none",
        color=COLORS[1], label=f"kept: {100 * best:.1f} %",
    )  # fmt: skip
    ax.legend(frameon=False, loc="lower right")


def comparison_figure(
    curves: Mapping[str, Sequence[float]], seconds: Mapping[str, Sequence[float]], *, title: str
) -> Figure:
    """The same training on several backends: loss by epoch, and by the clock.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        The loss of each epoch.
    seconds : mapping of str to sequence of float
        When each epoch ended, from the start of training.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        By epoch the curves should lie on one another; by the clock they part.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    plot_learning_curves(curves, ax=left, y_scale="log")
    left.set_title("By epoch: the curves should coincide", fontsize="medium")
    plot_learning_curves(
        curves, ax=right, x=seconds, x_label="seconds since the start, compilation included",
        y_label="", y_scale="log",
    )  # fmt: skip
    log_axis(right, "x")
    legend = right.get_legend()
    if legend is not None:  # the one on the left serves both
        legend.remove()
    right.set_title("By the clock: what a backend costs and gains", fontsize="medium")
    figure.suptitle(title)
    return figure
