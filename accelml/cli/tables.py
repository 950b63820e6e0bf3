"""Data from files: CSV, Parquet, and NumPy's archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from accelml.cli.console import did_you_mean, listed

TARGETS = ("target", "label", "class")
ENDINGS = (".csv", ".npz", ".parquet")


class Table(NamedTuple):
    """Features and, where a file has them, labels."""

    X: Any  # DataFrame or ndarray of shape (n, d)
    y: np.ndarray[Any, Any] | None
    target: str  # what the labels are called, "" if there are none
    extra: tuple[str, ...] = ()  # columns that are neither


def read_training(path: Path, target: str | None) -> tuple[Table, Table | None]:
    """The rows of a file to train on and, where it sets some apart, to test on.

    Parameters
    ----------
    path : Path
        Ends in .csv, .parquet or .npz.
    target : str or None
        The column of labels; one called target, label or class by default.

    Raises
    ------
    ValueError
        If the file cannot be read, has no such column, or has features that are no numbers.
    """
    if path.suffix.lower() == ".npz":
        return _training_arrays(path, target)
    frame = read_frame(path)
    target = find_target(path, frame.columns, target)
    features = number_columns(path, frame.drop(columns=target))
    if features.shape[1] == 0:
        raise ValueError(f"{path}: has no column but the target {target!r}")
    return Table(features, labels_of(path, frame[target]), target), None


def read_rows(path: Path, names: Sequence[str] | None, count: int, target: str | None) -> Table:
    """The rows of a file to predict.

    Parameters
    ----------
    path : Path
    names : sequence of str or None
        The columns that the model was trained on, if they had names.
    count : int
        How many there were.
    target : str or None
        What the column of labels was called in training.

    Raises
    ------
    ValueError
        If the file cannot be read, or lacks a column.
    """
    if path.suffix.lower() == ".npz":
        return _rows_of_arrays(path, target)
    frame = read_frame(path)
    candidates = [target] if target else [*TARGETS] if frame.shape[1] == count + 1 else []
    # A feature may be called "label", so what the model was trained on is never the target.
    found = [name for name in candidates if name in frame.columns and name not in (names or ())]
    y = labels_of(path, frame[found[0]]) if found else None
    features = frame.drop(columns=found[:1])
    extra: tuple[str, ...] = ()
    if names is not None:
        missing = [name for name in names if name not in features.columns]
        if missing:
            close = did_you_mean(missing[0], features.columns)
            raise ValueError(
                f"{path}: lacks the columns {listed(missing)} that the model was trained on{close} "
                f"It has {listed(frame.columns)}"
            )
        extra = tuple(name for name in features.columns if name not in names)
        features = features[list(names)]
    return Table(number_columns(path, features), y, found[0] if found else "", extra)


def read_frame(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{path}: is no kind of table; use a file ending in {listed(ENDINGS)}")
    # Read here, because pandas makes a parser's error of a Ctrl-C that comes while it reads.
    content = io.BytesIO(path.read_bytes())
    try:
        frame = pd.read_csv(content) if ending == ".csv" else pd.read_parquet(content)
    except ImportError as error:
        raise ValueError(
            f"{path}: Parquet needs pyarrow; pip install 'accelml[parquet]'"
        ) from error
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: does not read as {ending[1:]}: {error}") from error
    frame.columns = frame.columns.map(str)
    # pandas has renamed the second of two columns by now: look at what the file says.
    written = header_of(content) if ending == ".csv" else list(frame.columns)
    if len(set(written)) < len(written):
        raise ValueError(f"{path}: has two columns of one name; rename one of them")
    if ending == ".csv" and _is_row_of_numbers(frame.columns):
        raise ValueError(
            f"{path}: its first line holds numbers; add a line with the names of the columns"
        )
    if len(frame) == 0:
        raise ValueError(f"{path}: has no rows")
    return frame


def header_of(content: io.BytesIO) -> list[str]:
    """The names in the first line of a CSV file, as they stand there."""
    content.seek(0)
    first = pd.read_csv(content, header=None, nrows=1, dtype=str, keep_default_na=False)
    return [str(name) for name in first.iloc[0] if name]


def _is_row_of_numbers(names: pd.Index[Any]) -> bool:
    """Whether a line of data stands where names should; 0, 1, 2, … are names."""
    counted = {tuple(map(str, range(first, first + len(names)))) for first in (0, 1)}
    try:
        [float(name) for name in names]
    except ValueError:
        return False
    return len(names) > 1 and tuple(names) not in counted


def find_target(path: Path, columns: pd.Index[Any], target: str | None) -> str:
    """The name of the column of labels."""
    if target is not None and target in columns:
        return target
    if target is not None:
        close = did_you_mean(target, columns) or ";"
        raise ValueError(f"{path}: has no column {target!r}{close} its columns: {listed(columns)}")
    found = [name for name in TARGETS if name in columns]
    if len(found) != 1:
        has = f"has {listed(found)}" if found else f"has none of {listed(TARGETS)}"
        raise ValueError(
            f"{path}: say with --target which column to predict (it {has}); its columns: "
            f"{listed(columns)}"
        )
    return found[0]


def number_columns(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """The features as numbers, whole ones as they are, all else in float64."""
    text = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if text:
        example = frame[text[0]].iloc[0]
        raise ValueError(
            f"{path}: the columns {listed(text)} are not numbers (such as {example!r}); encode "
            "them, or drop them"
        )
    missing = [name for name in frame.columns if frame[name].isna().any()]
    if missing:
        raise ValueError(
            f"{path}: values are missing in the columns {listed(missing)}; fill them in, or drop "
            "these rows"
        )
    if all(pd.api.types.is_integer_dtype(dtype) for dtype in frame.dtypes):
        return frame.astype(np.int64)
    frame = frame.astype(np.float64)
    infinite = [name for name in frame.columns if not np.isfinite(frame[name]).all()]
    if infinite:
        raise ValueError(f"{path}: the columns {listed(infinite)} hold infinite values")
    return frame


def labels_of(path: Path, column: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """A column of labels: numbers, truth values or text."""
    missing = int(column.isna().sum())
    if missing:
        raise ValueError(
            f"{path}: the target column {column.name!r} lacks {missing} of its {len(column)} "
            "values; drop these rows"
        )
    for is_kind, dtype in (
        (pd.api.types.is_bool_dtype, np.bool_),
        (pd.api.types.is_integer_dtype, np.int64),
        (pd.api.types.is_float_dtype, np.float64),
    ):
        if is_kind(column.dtype):
            return np.asarray(column.to_numpy(dtype=dtype))
    return np.array([str(label) for label in column])


def _training_arrays(path: Path, target: str | None) -> tuple[Table, Table | None]:
    arrays = read_arrays(path)
    if target is not None:
        raise ValueError("--target is for CSV and Parquet; in an .npz file the labels are array y")
    for train, test in (("X_train", "X_test"), ("x_train", "x_test")):
        if {train, test, "y_train", "y_test"} <= set(arrays):
            return (
                _labelled(path, arrays[train], arrays["y_train"]),
                _labelled(path, arrays[test], arrays["y_test"]),
            )
    for X, y in (("X", "y"), ("data", "target"), ("X_train", "y_train"), ("x_train", "y_train")):
        if {X, y} <= set(arrays):
            return _labelled(path, arrays[X], arrays[y]), None
    raise ValueError(
        f"{path}: needs the arrays X and y, or data and target, or X_train, y_train, X_test and "
        f"y_test; it has {listed(arrays)}"
    )


def _rows_of_arrays(path: Path, target: str | None) -> Table:
    arrays = read_arrays(path)
    for X, y in (("X", "y"), ("data", "target"), ("X_test", "y_test"), ("x_test", "y_test")):
        if X in arrays and y in arrays:
            return _labelled(path, arrays[X], arrays[y])
        if X in arrays:
            return Table(_flat(path, arrays[X]), None, "")
    if len(arrays) == 1:
        return Table(_flat(path, next(iter(arrays.values()))), None, "")
    raise ValueError(f"{path}: needs an array called X; it has {listed(arrays)}")


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an .npz file; nothing pickled is loaded."""
    with path.open("rb") as file:  # a missing file is an OSError that names it
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: does not read as npz: {error}") from error


def _labelled(path: Path, X: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Table:
    if y.ndim != 1 or X.ndim == 0 or len(y) != len(X):
        raise ValueError(
            f"{path}: its labels have shape {y.shape} and its features {X.shape}; there must be "
            "one label a row"
        )
    return Table(_flat(path, X), y, "y")


def _flat(path: Path, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One row a sample: pictures become rows of pixels."""
    if X.ndim < 2 or X.dtype.kind not in "biuf":
        raise ValueError(
            f"{path}: the features must be numbers of shape (rows, columns), and are {X.dtype} of "
            f"shape {X.shape}"
        )
    return X.reshape(len(X), -1)
