"""``--data``: a data set by its name, or a file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets

from accelml.cli.console import did_you_mean, listed
from accelml.cli.tables import ENDINGS, labels_of, read_training
from accelml.datasets._catalogue import CATALOGUE
from accelml.datasets._files import read_files
from accelml.datasets._iris import IRIS
from accelml.datasets._microchips import MICROCHIPS
from accelml.preprocessing import PixelScaler

NAMES = ("digits", "iris", "microchips", "mnist-like", "mnist", "fashion-mnist")
TABLES = {"iris": IRIS, "microchips": MICROCHIPS}


class Data(NamedTuple):
    """What to train and test on, and how to scale it."""

    X_train: Any
    y_train: np.ndarray[Any, Any]
    X_test: Any
    y_test: np.ndarray[Any, Any]
    scaler: Any
    target: str = ""


def load_data(
    name: str, *, target: str | None, test_fraction: float, samples: int | None, seed: int
) -> Data:
    """Load and split.

    Parameters
    ----------
    name : str
        One of NAMES, or the path of a file.
    target : str or None
        The column of labels of a file.
    test_fraction : float
        The share of the rows to test on, where the data does not set some apart.
    samples : int or None
        How many images of mnist-like to train on; 10,000 by default, and a fifth of it to test on.
    seed : int
        Decides the split and the images of mnist-like.

    Raises
    ------
    ValueError
        If there is no such data, or the file cannot be used; the message says why.
    """
    if samples is not None and name != "mnist-like":
        raise ValueError("--samples is for --data mnist-like only")
    if name in NAMES:
        if target is not None:
            raise ValueError(f"--target is for files; {name} has labels of its own")
        return _named(name, test_fraction, samples, seed)
    if name in CATALOGUE:
        raise ValueError(
            f"--data {name}: has no classes to learn, and train makes classifiers; it is for "
            f"{CATALOGUE[name].purpose}. Choose among {listed(NAMES)}"
        )
    path = Path(name)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"--data {name}: is neither one of {listed(NAMES)} nor a file ending in "
            f"{listed(ENDINGS)}{did_you_mean(name, NAMES)}"
        )
    return _from_file(path, target, test_fraction, seed)


def _named(name: str, test_fraction: float, samples: int | None, seed: int) -> Data:
    from accelml import datasets

    if name == "digits":
        X, y = datasets.load_digits(return_X_y=True)
        return Data(
            *_split("digits", X.astype(np.float32), y, test_fraction, seed), PixelScaler(16)
        )
    if name in TABLES:
        return _table(name, test_fraction, seed)
    if name == "mnist-like":
        count = 10_000 if samples is None else samples
        X_train, y_train = datasets.make_digits(count, subset="train", random_state=seed)
        X_test, y_test = datasets.make_digits(max(10, count // 5), subset="test", random_state=seed)
    else:
        load = datasets.load_mnist if name == "mnist" else datasets.load_fashion_mnist
        X_train, y_train = load("train", return_X_y=True)
        X_test, y_test = load("test", return_X_y=True)
    return Data(X_train, y_train, X_test, y_test, PixelScaler(255))


def _table(name: str, test_fraction: float, seed: int) -> Data:
    """The columns and labels as the file has them, so that a model of it reads such a file."""
    table = TABLES[name]
    (content,) = read_files([table.file])
    frame = pd.read_csv(io.BytesIO(content))
    X, y = frame[list(table.features)], labels_of(Path(name), frame[table.target])
    return Data(*_split(name, X, y, test_fraction, seed), StandardScaler(), table.target)


def _from_file(path: Path, target: str | None, test_fraction: float, seed: int) -> Data:
    train, test = read_training(path, target)
    assert train.y is not None
    scaler = PixelScaler(255) if is_pixels(train.X) else StandardScaler()
    X = train.X if isinstance(train.X, np.ndarray) else train.X.astype(np.float64)
    if test is not None and test.y is not None:
        return Data(X, train.y, test.X, test.y, scaler, train.target)
    title = f"{path}: target {train.target!r}"
    return Data(*_split(title, X, train.y, test_fraction, seed), scaler, train.target)


def is_pixels(X: Any) -> bool:
    """Whether these are pictures: bytes, not just numbers that happen to be small."""
    return isinstance(X, np.ndarray) and X.dtype == np.uint8


def _split(title: str, X: Any, y: Any, fraction: float, seed: int) -> tuple[Any, Any, Any, Any]:
    """Rows to train and to test on, each class in proportion."""
    try:
        check_classification_targets(y)
        classes, counts = np.unique(y, return_counts=True)
        if (counts < 2).any():
            raise ValueError(
                f"the classes {listed(classes[counts < 2])} have one row only, which cannot be "
                "both trained on and tested on; drop them"
            )
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=fraction, stratify=y, random_state=seed
        )
    except ValueError as error:
        raise ValueError(f"{title}: {error} (--test-fraction {fraction})") from error
    return X_train, y_train, X_test, y_test
