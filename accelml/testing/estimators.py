"""Every estimator, trained on a backend and on NumPy's generic bodies from the same seed."""

from __future__ import annotations

import functools
import importlib
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from accelml.backend import Backend
from accelml.selection import owner
from accelml.testing.kernels import Reference
from accelml.testing.report import Skip
from accelml.testing.tolerances import TOLERANCES, distance

Data = Callable[["np.dtype[Any]"], tuple[Any, Any]]


@functools.cache
def wine(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """178 rows of 13 columns, three classes; read-only."""
    return _table("wine", dtype)


@functools.cache
def diabetes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """442 rows of 10 columns, a number to predict; read-only."""
    X, y = _table("diabetes", dtype)
    return X, frozen((y / 100).astype(dtype))


def _table(name: str, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """A table of scikit-learn's with columns of one scale, off the origin."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    # Off the origin, so that a mean is not a rounding of zero.
    shift = np.linspace(-1.0, 2.0, X.shape[1])
    return frozen(np.asarray((X - X.mean(axis=0)) / X.std(axis=0) + shift, dtype)), frozen(y)


def frozen(array: Any) -> Any:
    """The array, read-only: a body that writes into its input is found out."""
    array.flags.writeable = False
    return array


class Work(NamedTuple):
    """One estimator, how it is set, and what it is trained on."""

    name: str
    module: str
    settings: dict[str, Any]
    data: Data = wine

    @property
    def label(self) -> str:
        """What the report calls it."""
        told = {key: value for key, value in self.settings.items() if key in TOLD}
        return f"{self.name}({', '.join(map(str, told.values()))})"

    def __hash__(self) -> int:
        return hash((self.label, self.data))


TOLD = ("solver", "multi_class", "covariance_type")
LOGISTIC = {"tol": 1e-6, "max_iter": 40}
NETWORK = {"hidden_layer_sizes": (8, 5), "random_state": 0, "max_iter": 4, "batch_size": 50}
CLUSTERS = {"n_clusters": 3, "random_state": 0, "n_init": 2}

WORK = (
    Work("StandardScaler", "preprocessing", {}),
    Work("PolynomialFeatures", "preprocessing", {"degree": 2}),
    Work("SinusoidFeatures", "preprocessing", {"degree": 2}),
    Work("LinearRegression", "linear_model", {}, diabetes),
    Work("LinearRegression", "linear_model", {"solver": "gd", "max_iter": 50}, diabetes),
    Work("Ridge", "linear_model", {"alpha": 2.0}, diabetes),
    Work("LogisticRegression", "linear_model", {"solver": "lbfgs", **LOGISTIC}),
    Work("LogisticRegression", "linear_model", {"solver": "cg", **LOGISTIC}),
    Work("LogisticRegression", "linear_model", {"solver": "gd", **LOGISTIC}),
    Work(
        "LogisticRegression", "linear_model",
        {"solver": "lbfgs", "multi_class": "ovr", **LOGISTIC},
    ),
    Work("MLPClassifier", "neural_network", {"solver": "adam", **NETWORK}),
    Work("MLPClassifier", "neural_network", {"solver": "sgd", **NETWORK}),
    Work("MLPRegressor", "neural_network", {"solver": "adam", **NETWORK}, diabetes),
    Work("KMeans", "cluster", CLUSTERS),
    Work("MiniBatchKMeans", "cluster", {**CLUSTERS, "batch_size": 64}),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "diag"}),
    Work("GaussianAnomalyDetector", "anomaly", {"covariance_type": "full"}),
)  # fmt: skip

# Which tolerance each fitted attribute is held to.
ATTRIBUTES = {
    "n_iter_": "iterations", "n_steps_": "iterations", "rank_": "iterations",
    "labels_": "labels",
    "loss_": "loss", "loss_curve_": "loss", "inertia_": "loss",
    **dict.fromkeys(
        (
            "coef_", "intercept_", "coefs_", "intercepts_", "singular_", "cluster_centers_",
            "counts_", "mean_", "var_", "scale_", "location_", "scatter_", "precision_cholesky_",
            "offset_",
        ),
        "parameters",
    ),
}  # fmt: skip
METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")


def estimator_checks(
    backend: Backend, wanted: set[str] | None = None
) -> Iterator[tuple[str, Callable[[], object]]]:
    """For each estimator: both dtypes, outputs that follow ``X``, and pickling."""
    dtypes = [np.dtype(name) for name in type(backend).status().dtypes]
    for work in WORK:
        if wanted is not None and work.name not in wanted:
            continue
        models: dict[Any, Any] = {}
        for dtype in dtypes:
            agrees = functools.partial(check_agrees, backend, work, dtype, models)
            yield f"{work.label}: agrees in {dtype}", agrees
        yield (
            f"{work.label}: outputs follow X",
            functools.partial(check_outputs, backend, work, models),
        )
        yield f"{work.label}: pickles", functools.partial(check_pickle, work, models)


def make(work: Work, backend: Any) -> Any:
    """An estimator of that class on that backend."""
    module = importlib.import_module(f"accelml.{work.module}")
    return getattr(module, work.name)(**work.settings, backend=backend)


def train(work: Work, backend: Any, dtype: np.dtype[Any]) -> Any:
    """Fit; reaching the iteration limit is part of the work."""
    X, y = work.data(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make(work, backend).fit(X, y)


@functools.cache
def expected(work: Work, dtype: np.dtype[Any]) -> Any:
    """What NumPy makes of it, with no kernel overridden."""
    return train(work, Reference(), dtype)


def outputs(model: Any, X: Any) -> dict[str, Any]:
    """What each method gives, by its name."""
    return {name: getattr(model, name)(X) for name in METHODS if hasattr(model, name)}


def check_agrees(
    backend: Backend, work: Work, dtype: np.dtype[Any], models: dict[Any, Any]
) -> None:
    """Every attribute and output, within its tolerance; lists all that are not."""
    reference = expected(work, dtype)
    model = models[dtype] = train(work, backend, dtype)
    assert str(model.backend_) == backend.name, f"it ran on {model.backend_}"
    X, _ = work.data(dtype)
    wrong: list[str] = []
    for attribute, quantity in ATTRIBUTES.items():
        if getattr(reference, attribute, None) is not None:
            pairs = parts(getattr(model, attribute)), parts(getattr(reference, attribute))
            wrong += disagreements(attribute, quantity, *pairs, dtype)
    theirs = outputs(reference, X)
    for method, ours in outputs(model, X).items():
        assert isinstance(ours, np.ndarray), f"{method}(ndarray) gives a {type(ours).__qualname__}"
        if ours.dtype != theirs[method].dtype:
            wrong.append(f"{method} gives {ours.dtype}, not {theirs[method].dtype}")
        quantity = "predictions" if ours.dtype.kind == "f" else "labels"
        wrong += disagreements(f"{method}(X)", quantity, [ours], [theirs[method]], dtype)
    assert not wrong, "; ".join(wrong)


def parts(value: Any) -> list[Any]:
    """The arrays of an attribute: of a list, one for each layer."""
    return value if isinstance(value, list) and np.ndim(value[0]) else [value]


def disagreements(
    what: str, quantity: str, found: list[Any], wanted: list[Any], dtype: np.dtype[Any]
) -> Iterator[str]:
    """What is wrong with an attribute or an output, in words."""
    if len(found) != len(wanted):
        yield f"{what} has {len(found)} arrays, not {len(wanted)}"
        return
    limit = TOLERANCES[quantity].limit(dtype)
    for ours, theirs in zip(found, wanted, strict=True):
        # A loss curve that stops a step earlier is compared as far as it goes: n_iter_ is checked.
        if what == "loss_curve_" and np.ndim(ours) == 1:
            ours, theirs = ours[: len(theirs)], theirs[: len(ours)]
        error = distance(quantity, ours, theirs)
        if error > limit:
            measure = TOLERANCES[quantity].measure
            yield f"{what} is off by {error:.1e} ({measure}; {limit:g} is allowed)"


def trained(models: dict[Any, Any]) -> Any:
    """The model of the widest dtype that could be trained."""
    if not models:
        raise Skip("it could not be trained")
    return models[max(models, key=lambda dtype: dtype.itemsize)]


def check_outputs(backend: Backend, work: Work, models: dict[Any, Any]) -> None:
    """Arrays of the backend in, arrays of the backend out, equal to those of the host."""
    if not type(backend).array_types:
        raise Skip("it has no array types of its own")
    model = trained(models)
    X, _ = work.data(max(models, key=lambda dtype: dtype.itemsize))
    with backend.context():
        there = backend.asarray(X)
    types = type(there)
    for method, host in outputs(model, X).items():
        found = getattr(model, method)(there)
        assert isinstance(found, types), f"{method} gives a {type(found).__qualname__} for {types}"
        with backend.context():
            again = backend.to_numpy(found)
        assert again.dtype == host.dtype, f"{method} gives {again.dtype}, not {host.dtype}"
        quantity = "predictions" if host.dtype.kind == "f" else "labels"
        wrong = list(disagreements(f"{method}(X)", quantity, [again], [host], host.dtype))
        assert not wrong, "; ".join(wrong)
    if isinstance(there, np.ndarray):
        return
    inferred = model.__class__(**{**model.get_params(), "backend": None})
    _, y = work.data(X.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        inferred.fit(there, y)
    assert str(inferred.backend_) == backend.name, (
        f"fitted on its arrays, and without backend=, it ran on {inferred.backend_}; "
        f"they belong to {owner(there)!r}"
    )


def check_pickle(work: Work, models: dict[Any, Any]) -> None:
    """The same outputs after a round trip."""
    model = trained(models)
    X, _ = work.data(max(models, key=lambda dtype: dtype.itemsize))
    again = outputs(pickle.loads(pickle.dumps(model)), X)
    for method, before in outputs(model, X).items():
        assert np.array_equal(again[method], before), f"{method} changed by pickling the model"
