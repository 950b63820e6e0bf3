"""How far two backends may be apart: one table, for the checks and for the documentation."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """How far a quantity may be from what NumPy computes with the generic bodies.

    Attributes
    ----------
    float64, float32 : float
        The largest distance for data of each dtype.
    measure : {"of the largest entry", "share of rows", "share of the count"}
        What the distance is: the largest difference of two entries over the largest absolute
        entry of NumPy's; the share of entries that are not equal; or the difference of two counts
        over NumPy's.
    covers : str
        Which attributes and outputs it is for.
    """

    float64: float
    float32: float
    measure: str
    covers: str

    def limit(self, dtype: Any) -> float:
        """The tolerance for data of one dtype."""
        return self.float32 if np.dtype(dtype) == np.float32 else self.float64


ENTRY, ROWS, COUNT = "of the largest entry", "share of rows", "share of the count"

TOLERANCES = MappingProxyType(
    {
        "kernel": Tolerance(1e-12, 1e-5, ENTRY, "what one call of an overridden kernel gives"),
        "parameters": Tolerance(
            1e-6, 1e-3, ENTRY,
            "`coef_`, `intercept_`, `coefs_`, `intercepts_`, `singular_`, `cluster_centers_`, "
            "`counts_`, `mean_`, `var_`, `scale_`, `location_`, `scatter_`, `precision_cholesky_`, "
            "`offset_`",
        ),
        "loss": Tolerance(1e-9, 1e-4, ENTRY, "`loss_`, `loss_curve_`, `inertia_`"),
        "predictions": Tolerance(
            1e-6, 1e-3, ENTRY,
            "`predict` of numbers, `predict_proba`, `decision_function`, `score_samples`, "
            "`transform`",
        ),
        "labels": Tolerance(0.0, 0.005, ROWS, "`labels_`, `predict` of classes and clusters"),
        "iterations": Tolerance(0.0, 0.2, COUNT, "`n_iter_`, `n_steps_`, `rank_`"),
    }
)  # fmt: skip


def distance(quantity: str, found: Any, expected: Any) -> float:
    """How far apart two results are, in the measure of the quantity.

    Parameters
    ----------
    quantity : str
        A key of ``TOLERANCES``.
    found, expected : array-like
        On the host.

    Returns
    -------
    float
        Infinite where the shapes differ, or something is not a number in one of the two only.

    Examples
    --------
    >>> from accelml.testing import distance
    >>> distance("parameters", [1.0, 4.0], [1.0, 5.0])
    0.2
    >>> distance("labels", ["a", "b"], ["a", "c"])
    0.5
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    if expected.size == 0:
        return 0.0
    if TOLERANCES[quantity].measure == ROWS:
        return float(np.mean(found != expected))
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return np.inf
    error = np.max(np.abs(found - expected), where=finite, initial=0.0)
    if error == 0:
        return 0.0
    # Where everything is nearly zero, roundings are of numbers near one that cancelled.
    floor = 1e-6 if quantity == "kernel" else 0.0
    scale = max(float(np.max(np.abs(expected), where=finite, initial=0.0)), floor)
    answer = float(error / scale) if scale > 0 else np.inf
    return np.inf if np.isnan(answer) else answer


def tolerances_page() -> str:
    """The table as a page of the documentation.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> from accelml.testing import tolerances_page
    >>> print(tolerances_page().splitlines()[0])
    # How closely the backends agree
    """
    rows = [
        f"| {name} | {row.float64:g} | {row.float32:g} | {row.measure} | {row.covers} |"
        for name, row in TOLERANCES.items()
    ]
    return "\n".join([INTRODUCTION, *rows]) + "\n"


INTRODUCTION = """\
# How closely the backends agree

From the same seed, every estimator gives the same on every backend, up to the roundings of another
order of summation. This is how far each quantity may be from what NumPy computes with the generic
bodies; `accelml.testing.check_backend` holds every plug-in to it. An entry of 0 means equal.

This page is written by `python -m accelml.testing --tolerances`, from
`accelml.testing.TOLERANCES`.

| quantity | float64 | float32 | measured as | covers |
|---|---|---|---|---|"""
