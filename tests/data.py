"""Real tables that the tests share; small ones from scikit-learn, MNIST where it is at hand."""

from __future__ import annotations

import functools
import os

import numpy as np
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
    folder = os.environ.get("ACCELML_DATA_DIR")
    if not folder:
        pytest.skip("needs the real MNIST files: set ACCELML_DATA_DIR to a folder that has them")
    from accelml.datasets import load_mnist

    X, y = load_mnist("train", return_X_y=True, download_if_missing=False)
    X_test, y_test = load_mnist("test", return_X_y=True, download_if_missing=False)
    scaled = (np.float32(1 / 255) * part.astype(np.float32) for part in (X, X_test))
    X, X_test = scaled
    return X, y, X_test, y_test
