"""What the tests of k-means share."""

import warnings

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning


def start(X, k, seed=0):
    """Centers that no row is half-way between."""
    rng = np.random.default_rng(seed)
    spread = 0.05 * X.std(axis=0)
    return X[rng.choice(len(X), k, replace=False)] + spread * rng.standard_normal((k, X.shape[1]))


def raw(name):
    return getattr(datasets, f"load_{name}")().data


def quietly(model, X, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **arguments)
