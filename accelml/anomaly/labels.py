"""Which rows are anomalies, in either of the two ways to say it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from accelml.validation import check_finite_labels, to_host


def check_anomalies(y: Any, n: int, pos_label: int | None) -> np.ndarray[Any, Any]:
    """Labels of ``select_threshold`` as booleans, of shape (n,).

    Parameters
    ----------
    y : array-like of shape (n,)
        Of 1 (an anomaly) and 0, or of −1 (an anomaly) and 1.
    n : int
    pos_label : {1, -1, None}
        The label of an anomaly; None finds it out by whether there is a −1.

    Raises
    ------
    ValueError
        If there are other labels, or another number of them, or ``pos_label`` is something else.
    """
    if pos_label not in (None, 1, -1):
        raise ValueError(f"pos_label={pos_label!r} is not 1, -1 or None.")
    if y is None:
        raise ValueError("select_threshold needs y_val: which rows are anomalies.")
    y = column_or_1d(to_host(y), warn=True)
    if len(y) != n:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X_val has {n} rows and "
            f"y_val has {len(y)}."
        )
    if y.dtype == np.bool_ and pos_label != -1:
        return np.array(y)
    check_finite_labels(y)
    is_sign = y == -1
    if pos_label is None:
        pos_label = -1 if np.any(is_sign) else 1
    is_one = y == 1
    is_anomaly, is_ordinary = (is_one, y == 0) if pos_label == 1 else (is_sign, is_one)
    if not np.all(is_anomaly | is_ordinary):
        found = sorted(map(repr, set(y.tolist())))
        shown = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
        raise ValueError(
            f"y_val has the labels {shown}: an anomaly is 1 (or True) and an ordinary row 0, or an "
            "anomaly is -1 and an ordinary row 1, as predict says it; relabel the rows so."
        )
    return np.asarray(is_anomaly, dtype=np.bool_)
