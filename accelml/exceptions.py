"""What goes wrong while training, and how users are told."""

from __future__ import annotations

import sys
import warnings

OURS = ("accelml", "sklearn", "contextlib")


class TrainingInterrupted(UserWarning):
    """Training was interrupted; the estimator holds the best parameters found until then."""


class DivergenceError(FloatingPointError, ValueError):
    """The loss stopped being finite; nothing was stored in the estimator."""


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, pointing at the line outside this library that led here."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
