"""What a classifier makes of the plane, and which classes it takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import confusion_matrix

from accelml.plotting.style import COLORS, MARKERS, SEQUENTIAL, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of each side of the plane; enough that a curved boundary looks smooth.
GRID = 200


def plot_decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    *,
    feature_names: Sequence[str] = ("feature 1", "feature 2"),
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Colour the plane by what a classifier predicts, and draw the rows over it.

    Where the model has ``predict_proba`` and there are two classes, dashed lines show where it is
    sure to 10 % and to 90 %.

    Parameters
    ----------
    model : fitted classifier
        Of two features; a pipeline, for instance, that makes more of them.
    X : array-like of shape (n, 2)
    y : array-like of shape (n,)
    feature_names : sequence of two str
        What the axes show, with the unit.
    class_names : sequence of str, optional
        In the order of ``model.classes_``, which are written otherwise.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``X`` has not two columns, or there is not a name for each class.

    Examples
    --------
    >>> from accelml.datasets import make_microchips
    >>> from accelml.linear_model import LogisticRegression
    >>> from accelml.plotting import plot_decision_boundary
    >>> X, y = make_microchips(random_state=0)
    >>> ax = plot_decision_boundary(LogisticRegression().fit(X, y), X, y)
    >>> ax.get_xlabel()
    'feature 1'
    """
    from matplotlib.colors import ListedColormap

    X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != 2:
        raise ValueError(f"X has the shape {X.shape}; a plane needs rows of two features, (n, 2)")
    classes = np.asarray(model.classes_)
    names = [str(label) for label in classes] if class_names is None else list(class_names)
    if len(names) != len(classes):
        raise ValueError(f"class_names has {len(names)} names for {len(classes)} classes")
    ax = new_axes(ax, (6, 5))
    margin = 0.05 * (np.ptp(X, axis=0) + (np.ptp(X, axis=0) == 0))
    sides = np.linspace(X.min(axis=0) - margin, X.max(axis=0) + margin, GRID).T
    first, second = np.meshgrid(*sides)
    plane = np.stack([first.ravel(), second.ravel()], axis=1)
    found = np.searchsorted(classes, np.asarray(model.predict(plane))).reshape(first.shape)
    colors = [COLORS[k % len(COLORS)] for k in range(len(classes))]
    levels = np.arange(len(classes) + 1) - 0.5
    ax.contourf(first, second, found, levels=levels, cmap=ListedColormap(colors), alpha=0.18)
    ax.contour(first, second, found, levels=levels[1:-1], colors="black", linewidths=1.2)
    if len(classes) == 2 and hasattr(model, "predict_proba"):
        sure = np.asarray(model.predict_proba(plane))[:, 1].reshape(first.shape)
        if sure.min() < 0.9 and sure.max() > 0.1:
            lines = ax.contour(
                first, second, sure, levels=[0.1, 0.9], colors="black", linewidths=0.8,
                linestyles="dashed",
            )  # fmt: skip
            ax.clabel(lines, fmt={0.1: "10 %", 0.9: "90 %"}, fontsize="small")
    for k, (label, name) in enumerate(zip(classes, names, strict=True)):
        rows = X[y == label]
        ax.scatter(
            rows[:, 0], rows[:, 1], label=name, color=colors[k], marker=MARKERS[k % len(MARKERS)],
            s=28, edgecolors="white", linewidths=0.6,
        )  # fmt: skip
    ax.set(xlabel=feature_names[0], ylabel=feature_names[1], xlim=sides[0, [0, -1]],
           ylim=sides[1, [0, -1]])  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=True, framealpha=0.9)
    return ax


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    *,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Count which classes are taken for which, a row for each true class.

    Colours show the share of the row, so that a rare class is seen as well as a frequent one; the
    numbers are rows of the data.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
    class_names : sequence of str, optional
        In ascending order of the labels, which are written otherwise.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not a name for each class.

    Examples
    --------
    >>> from accelml.plotting import plot_confusion_matrix
    >>> ax = plot_confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], class_names=["no", "yes"])
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '0', '2']
    """
    labels = np.unique(np.concatenate([np.asarray(y_true), np.asarray(y_pred)]))
    counts = confusion_matrix(y_true, y_pred, labels=labels)
    names = [str(label) for label in labels] if class_names is None else list(class_names)
    if len(names) != len(labels):
        raise ValueError(f"class_names has {len(names)} names for {len(labels)} classes")
    ax = new_axes(ax, (1.5 + 0.55 * len(labels), 1.2 + 0.5 * len(labels)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        color = "white" if shares[i, j] > 0.5 else "black" if count else "#6E6E6E"
        ax.text(j, i, f"{count:,}", ha="center", va="center", color=color, fontsize="small")
    places = range(len(labels))
    ax.set_xticks(places, names, rotation=0 if max(map(len, names)) < 4 else 45)
    ax.set_yticks(places, names)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def plot_clusters(
    X: Any,
    labels: Any,
    centers: Any = None,
    *,
    feature_names: Sequence[str] = ("feature 1", "feature 2"),
    ax: Axes | None = None,
) -> Axes:
    """Draw rows in the colour of their cluster, and the centers.

    Parameters
    ----------
    X : array-like of shape (n, 2)
    labels : array-like of shape (n,), integers
        Such as ``KMeans.labels_``.
    centers : array-like of shape (k, 2), optional
        Such as ``KMeans.cluster_centers_``.
    feature_names : sequence of two str
        What the axes show, with the unit.
    ax : matplotlib Axes, optional
        Where to draw; axes of a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``X`` or ``centers`` have not two columns, or there is not a label for each row.

    Examples
    --------
    >>> from accelml.plotting import plot_clusters
    >>> ax = plot_clusters([[0, 0], [1, 1], [9, 9]], [0, 0, 1], [[0.5, 0.5], [9, 9]])
    >>> len(ax.collections)
    3
    """
    X, labels = np.asarray(X, dtype=np.float64), np.asarray(labels)
    centers = None if centers is None else np.asarray(centers, dtype=np.float64)
    for name, rows in (("X", X), ("centers", centers)):
        if rows is not None and (rows.ndim != 2 or rows.shape[1] != 2):
            raise ValueError(f"{name} has the shape {rows.shape}; a plane needs (n, 2)")
    if labels.shape != X.shape[:1]:
        raise ValueError(f"labels has the shape {labels.shape}; X has {len(X)} rows")
    ax = new_axes(ax, (6, 5))
    for k in np.unique(labels):
        ax.scatter(
            X[labels == k, 0], X[labels == k, 1], color=COLORS[k % len(COLORS)],
            marker=MARKERS[k % len(MARKERS)], s=28, edgecolors="white", linewidths=0.6,
            label=f"cluster {k}",
        )  # fmt: skip
    if centers is not None:
        ax.scatter(
            centers[:, 0], centers[:, 1], color="black", marker="*", s=220,
            edgecolors="white", linewidths=1.2, label="center", zorder=3,
        )  # fmt: skip
    ax.set(xlabel=feature_names[0], ylabel=feature_names[1])
    plain(ax)
    ax.legend(frameon=True, framealpha=0.9)
    return ax
