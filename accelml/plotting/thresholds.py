"""Precision, recall and F1 against the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelml.plotting.style import COLORS, DASHES, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_thresholds(detector: Any, *, ax: Axes | None = None) -> Axes:
    """Draw what each threshold would have given, and where the chosen one lies.

    Parameters
    ----------
    detector : GaussianAnomalyDetector
        After ``select_threshold``.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no threshold has been selected.

    Examples
    --------
    >>> from accelml.anomaly import GaussianAnomalyDetector
    >>> from accelml.datasets import make_server_metrics
    >>> from accelml.plotting import plot_thresholds
    >>> X, y = make_server_metrics(random_state=0)
    >>> ax = plot_thresholds(GaussianAnomalyDetector().fit(X).select_threshold(X, y))
    >>> ax.get_xlabel()
    'threshold of the log density (nats)'
    """
    if not hasattr(detector, "best_f1_"):
        raise ValueError("detector has no thresholds yet: call select_threshold with labelled rows")
    thresholds = detector.thresholds_
    curves = {
        "precision": detector.precision_curve_,
        "recall": detector.recall_curve_,
        "F1": detector.f1_curve_,
    }
    ax = new_axes(ax)
    for (name, values), color, dashes in zip(curves.items(), COLORS, DASHES, strict=False):
        ax.step(
            thresholds, 100 * np.asarray(values), where="mid", label=name, color=color,
            linestyle=dashes, linewidth=2.4 if name == "F1" else 1.6,
        )  # fmt: skip
    ax.plot(
        [detector.offset_], [100 * detector.best_f1_], marker="*", markersize=14, color="black",
        linestyle="none", label=f"chosen: F1 {100 * detector.best_f1_:.1f} %",
    )  # fmt: skip
    ax.set(xlabel="threshold of the log density (nats)", ylabel="share (%)", ylim=(-3, 103))
    plain(ax)
    ax.legend(frameon=True, framealpha=0.9)
    return ax
