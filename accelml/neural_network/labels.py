"""Class labels and their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def known_classes(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The labels; the numbers of the columns where a row may have several."""
    return np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])


def numbered(classes: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Labels by their position among the classes; 0 and 1 as they are."""
    return (np.searchsorted(classes, y) if y.ndim == 1 else y).astype(np.int32)


def all_classes(classes: Any, before: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any]:
    """The classes that ``partial_fit`` was told of, now or (``before``) in an earlier call."""
    if classes is None:
        if before is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return before
    known = np.unique(np.asarray(classes))
    if before is not None and not np.array_equal(known, before):
        raise ValueError(
            f"classes={known} is not the same as on the last call to partial_fit, {before}."
        )
    return known
