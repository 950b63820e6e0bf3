"""Real tables that the tests share; small ones from scikit-learn, others where they are at hand."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.preprocessing import StandardScaler


@functools.cache
def digits(dtype="float64"):
    X, y = datasets.load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y


@functools.cache
def table(name):
    """A standardised table of scikit-learn's: iris, wine or breast_cancer."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@functools.cache
def mnist():
    """The training and test set in [0, 1], float32; skips where the files are not at hand."""
    return images("mnist", "MNIST")


@functools.cache
def fashion_mnist():
    """The same of Fashion-MNIST."""
    return images("fashion_mnist", "Fashion-MNIST")


def images(name, called):
    folder(f"the real {called} files")
    import accelml.datasets

    load = getattr(accelml.datasets, f"load_{name}")
    try:
        X, y = load("train", return_X_y=True, download_if_missing=False)
        X_test, y_test = load("test", return_X_y=True, download_if_missing=False)
    except accelml.datasets.DatasetUnavailable:
        pytest.skip(f"needs the real {called} files in ACCELML_DATA_DIR")
    scaled = (np.float32(1 / 255) * part.astype(np.float32) for part in (X, X_test))
    X, X_test = scaled
    return X, y, X_test, y_test


@functools.cache
def homemade(name):
    """A table of the homemade-machine-learning project, as a data frame; skips without the file."""
    file = folder(f"{name}.csv") / "homemade" / f"{name}.csv"
    if not file.is_file():
        pytest.skip(f"needs homemade/{name}.csv in ACCELML_DATA_DIR")
    return pd.read_csv(file)


def folder(needed):
    """Where the real data are; skips where nobody says so."""
    named = os.environ.get("ACCELML_DATA_DIR")
    if not named:
        pytest.skip(f"needs {needed}: set ACCELML_DATA_DIR to a folder that has them")
    return Path(named)
