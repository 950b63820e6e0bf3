"""Checks of what users pass in, for arrays of every library."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from accelml._typing import Array
from accelml.backend import Backend
from accelml.blas import count_threads, one_thread_each
from accelml.threads import side_by_side

# The dtypes that are computed in.
REAL = (np.float64, np.float32)
# Numbers from which on several threads look for NaN and infinity.
LARGE = 2**22
# Numbers that are summed at a time.
LONG = 1024
# What scikit-learn calls labels to choose from.
DISCRETE = ("binary", "multiclass", "multilabel-indicator")


def check_X(
    estimator: Any, X: Any, *, backend: Backend, owned: Backend | None, reset: bool,
    finite: bool = True,
) -> Array:  # fmt: skip
    """A finite array of shape (n, d) on the backend, float32 if ``X`` is and float64 if not.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` (and the names of the columns) if ``reset``, and is compared if not.
    X : array-like of shape (n, d)
    backend : Backend
        Where the array is wanted.
    owned : Backend or None
        The backend whose own array ``X`` is; that is checked on its device, without a copy.
    reset : bool
    finite : bool
        Whether to look for NaN and infinity, which reads all of ``X``. A caller that does not ask
        for it looks at its own result, and calls ``refuse_not_finite`` where that is not finite.

    Raises
    ------
    ValueError
        If ``X`` is not two-dimensional, is empty, is not finite, or has other columns than the
        data of ``fit``.
    """
    if owned is None or (owned.device.startswith("cpu") and owned.name != backend.name):
        if not accept_as_it_is(estimator, X, reset=reset):
            is_large = isinstance(X, np.ndarray) and X.size >= LARGE
            X = validate_data(
                estimator, X, reset=reset, dtype=REAL, order=None, accept_sparse=False,
                ensure_min_samples=1, ensure_all_finite=finite and not is_large,
            )  # fmt: skip
        if finite and not has_finite_sum(X):
            refuse_not_finite(estimator, X, backend=backend)
        return backend.asarray(X)
    return _check_device_array(estimator, X, backend=backend, reset=reset, finite=finite)


def accept_as_it_is(estimator: Any, X: Any, *, reset: bool) -> bool:
    """Take an array that scikit-learn's checks could only return; False where they are needed.

    They take half of the time of a fit of few rows. All that they convert, refuse, or warn of, is
    left to them; NaN and infinity are not looked for.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype not in REAL or not X.size:
        return False
    fitted = vars(estimator)
    if reset:
        fitted["n_features_in_"] = X.shape[1]
        fitted.pop("feature_names_in_", None)
        return True
    return "feature_names_in_" not in fitted and fitted.get("n_features_in_") == X.shape[1]


def has_finite_sum(X: np.ndarray[Any, Any]) -> bool:
    """Whether the sum of all entries is finite, and so each of them; by several threads.

    It may also be infinite, or not a number, where all entries are finite but large.
    """
    if X.size < LARGE:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(X.sum()))
    rows = X if X.flags.c_contiguous else X.T
    rest = rows[:0]
    if rows.flags.c_contiguous:  # as long rows of equal length, and what is left
        entries = rows.reshape(-1)
        whole = entries.size - entries.size % LONG
        rows, rest = entries[:whole].reshape(-1, LONG), entries[whole:]
    ones = np.ones(rows.shape[1], rows.dtype)
    threads = count_threads()
    ends = np.arange(threads + 1) * len(rows) // threads

    def is_finite(part: np.ndarray[Any, Any]) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            # A matrix library reads memory faster than NumPy's sums, but would copy what has gaps.
            is_long = part.ndim == 2 and part.flags.c_contiguous
            sums = part @ ones if is_long else part.sum()
        return bool(np.isfinite(sums).all())

    parts = [rows[start:stop] for start, stop in itertools.pairwise(ends)]
    with one_thread_each():
        return all(side_by_side(is_finite, [*parts, rest], threads))


def _check_device_array(
    estimator: Any, X: Array, *, backend: Backend, reset: bool, finite: bool
) -> Array:
    xp = backend.xp
    name = type(estimator).__name__
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got X of shape {tuple(X.shape)} instead: reshape a single feature "
            "to X[:, None] and a single sample to X[None, :]."
        )
    rows, columns = X.shape
    if rows == 0 or columns == 0:
        raise ValueError(
            f"Found array with {rows} sample(s) and {columns} feature(s) (X of shape={X.shape}) "
            f"while a minimum of 1 is required by {name}."
        )
    if not xp.isdtype(X.dtype, ("real floating", "integral", "bool")):
        raise ValueError(f"X has dtype {X.dtype}; {name} takes real numbers.")
    if reset:
        estimator.n_features_in_ = columns
        vars(estimator).pop("feature_names_in_", None)
    elif columns != estimator.n_features_in_:
        raise ValueError(
            f"X has {columns} features, but {name} is expecting {estimator.n_features_in_} "
            "features as input."
        )
    X = backend.asarray(X, X.dtype if X.dtype in (xp.float32, xp.float64) else xp.float64)
    if finite:
        _refuse_not_finite_on_device(name, xp, X)
    return X


def refuse_not_finite(estimator: Any, X: Array, *, backend: Backend) -> None:
    """Raise where ``X``, as ``check_X`` returned it, has NaN or infinity."""
    name = type(estimator).__name__
    if isinstance(X, np.ndarray):
        with np.errstate(invalid="ignore"):  # of infinities of both signs, scikit-learn's sum warns
            assert_all_finite(X, estimator_name=name, input_name="X")
    else:
        _refuse_not_finite_on_device(name, backend.xp, X)


def _refuse_not_finite_on_device(name: str, xp: Any, X: Array) -> None:
    # A sum reads X once. To ask of each entry, JAX writes an array of answers, a quarter of X.
    with np.errstate(over="ignore", invalid="ignore"):
        has_finite_sum = bool(xp.isfinite(xp.sum(X)))
    if not has_finite_sum and not bool(xp.all(xp.isfinite(X))):
        raise ValueError(
            f"Input X contains NaN or infinity. {name} does not accept missing values: drop these "
            "rows or impute them first."
        )


def check_labels(X_length: int, y: Any, *, multilabel: bool = False) -> Any:
    """The class labels on the host, of shape (n,); (n, k) of 0 and 1 if several are allowed."""
    if y is None:
        raise ValueError("This classifier requires y to be passed, but the target y is None.")
    y = to_host(y)
    if isinstance(y, np.ndarray):
        check_finite_labels(y)  # first: what looks at the labels next casts them to integers
    check_one_type(y)
    kind = type_of_target(y, input_name="y") if multilabel else ""
    y = np.asarray(y) if kind == "multilabel-indicator" else column_or_1d(y, warn=True)
    check_finite_labels(y)
    if kind not in DISCRETE:
        check_classification_targets(y)
    if len(y) != X_length:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {X_length} rows "
            f"and y has {len(y)}."
        )
    return y


def check_targets(X_length: int, y: Any, dtype: Any) -> Any:
    """The numbers to predict on the host, of shape (n,) or (n, k)."""
    if y is None:
        raise ValueError("This regressor requires y to be passed, but the target y is None.")
    y = to_host(y)
    dtypes = dtype if isinstance(dtype, tuple) else (dtype,)
    is_plain = type(y) is np.ndarray and y.dtype in dtypes and y.ndim in (1, 2) and y.size
    if not (is_plain and has_finite_sum(y)):
        y = check_array(y, dtype=dtype, ensure_2d=False, input_name="y", ensure_min_features=0)
    if y.ndim > 2 or y.ndim == 0:
        raise ValueError(
            f"y has {y.ndim} dimensions; it must be of shape (n_samples,) or "
            "(n_samples, n_targets)."
        )
    if len(y) != X_length:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {X_length} rows "
            f"and y has {len(y)}."
        )
    return y


def check_finite_labels(y: np.ndarray[Any, Any]) -> None:
    """Raise where a label is NaN or infinite."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("Input y contains NaN or infinity: drop these rows or give them a class.")


def check_one_type(y: Any) -> None:
    """Raise where labels have no order, which classes are numbered by."""
    try:
        labels = np.asarray(y)
    except ValueError:
        return  # rows of several lengths, which are refused for that
    if labels.dtype != object:
        return
    kinds = sorted({type(label).__name__ for label in labels.flat})
    try:
        if len(kinds) > 1:
            np.unique(labels)
    except TypeError as error:
        raise TypeError(
            f"y mixes labels of the types {', '.join(kinds)}, which cannot be sorted: drop rows "
            "without a label, and make the others of one type, for example y.astype(str)."
        ) from error


def check_weights(
    sample_weight: Any, class_weight: Any, y: np.ndarray[Any, Any], dtype: Any
) -> Any:
    """The weight of each row, of shape (n,): its own times that of its class."""
    if sample_weight is None and class_weight is None:
        return np.ones(len(y), dtype)
    stand_in = np.empty((len(y), 1), dtype=np.float32)  # only its length is looked at
    if sample_weight is not None:
        sample_weight = to_host(sample_weight)
    weights = _check_sample_weight(sample_weight, stand_in, dtype=np.float64)
    if (weights < 0).any():
        raise ValueError("sample_weight has negative entries; weights must be 0 or more.")
    if class_weight is not None:
        by_class = compute_sample_weight(class_weight, y)
        if not np.isfinite(by_class).all() or (by_class < 0).any():
            raise ValueError(f"class_weight={class_weight} has weights that are not 0 or more.")
        weights = weights * by_class
    if not weights.any():
        raise ValueError("sample_weight is 0 everywhere (with class_weight), so no row counts.")
    check_consistent_length(weights, y)
    return weights.astype(dtype)


def equal_weights(rows: int) -> np.ndarray[Any, Any]:
    """A weight of 1 for each row, of shape (n,): one place in memory for all of them."""
    return np.broadcast_to(np.ones(1), rows)


def to_host(x: Any) -> Any:
    """A device array brought to the host; anything else as it is."""
    from accelml.selection import owner

    owned = owner(x)
    return x if owned is None else owned.to_numpy(x)
