"""Pictures of training and of what was learnt; they need no display and leave pyplot alone.

Every function draws on the ``ax`` that it is given, or on those of a new figure, which
``ax.figure.savefig`` writes, and returns them.
"""

from accelml.plotting.classes import plot_clusters, plot_confusion_matrix, plot_decision_boundary
from accelml.plotting.files import check_picture_name, save_figure
from accelml.plotting.learning_curves import (
    comparison_figure,
    plot_learning_curves,
    training_figure,
)
from accelml.plotting.style import COLORS, DASHES, MARKERS
from accelml.plotting.thresholds import plot_thresholds
from accelml.plotting.weights import plot_weight_images

__all__ = [
    "COLORS",
    "DASHES",
    "MARKERS",
    "check_picture_name",
    "comparison_figure",
    "plot_clusters",
    "plot_confusion_matrix",
    "plot_decision_boundary",
    "plot_learning_curves",
    "plot_thresholds",
    "plot_weight_images",
    "save_figure",
    "training_figure",
]
