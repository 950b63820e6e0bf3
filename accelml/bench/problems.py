"""The data of the races: MNIST where it is at hand, and tables drawn from a seed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from accelml.bench.optimum import target_loss
from accelml.bench.tasks import (
    DescentTask,
    Floats,
    GaussianTask,
    KMeansTask,
    LeastSquaresTask,
    LogisticTask,
    PerceptronTask,
    SmallTask,
    Task,
    ThresholdTask,
)


@functools.lru_cache(maxsize=1)
def images() -> tuple[str, Floats, Floats]:
    """The name of the data, 60,000 training images in [0, 1] in float32, and their digits."""
    from accelml.datasets import DatasetUnavailable, load_mnist, make_digits

    try:
        X, y = load_mnist("train", return_X_y=True, download_if_missing=False)
        name = "MNIST"
    except DatasetUnavailable:
        X, y = make_digits(60_000, random_state=0)
        name = "make_digits"
    scaled = X.astype(np.float32)
    scaled *= np.float32(1 / 255)
    return name, scaled, y.astype(np.int64)


def normal(rows: int, features: int, seed: int = 0) -> Floats:
    """Independent standard normal numbers in float32."""
    return np.random.default_rng(seed).standard_normal((rows, features), dtype=np.float32)


def kmeans(
    *, clusters: int, iterations: int = 20, rows: int | None = None, features: int | None = None
) -> KMeansTask:
    """Images, or a normal cloud of that size; the first centers are rows."""
    X = images()[1] if rows is None or features is None else normal(rows, features)
    chosen = np.random.default_rng(1).choice(len(X), clusters, replace=False)
    return KMeansTask(X, init=X[chosen], iterations=iterations)


def logistic(
    *, iterations: int = 50, rows: int | None = None, features: int = 784, to_target: bool = False
) -> LogisticTask:
    """The digits of the images; or three classes in a normal cloud."""
    if rows is None:
        name, X, y = images()
        target = target_loss(name, X, y) if to_target else None
        return LogisticTask(X, y=y, iterations=iterations, target=target)
    X = normal(rows, features)
    weights = normal(features, 3, seed=1) / np.sqrt(features)
    noise = np.random.default_rng(2).gumbel(size=(rows, 3))
    return LogisticTask(X, y=np.argmax(X @ weights + noise, axis=1), iterations=iterations)


def perceptron(
    *, hidden: tuple[int, ...] = (128,), batch: int = 128, epochs: int = 3, rows: int | None = None
) -> PerceptronTask:
    """The digits of the images, or of as many rows of them (repeated where there are fewer)."""
    _, X, y = images()
    if rows is not None:
        chosen = np.arange(rows) % len(X)
        X, y = X[chosen], y[chosen]
    return PerceptronTask(X, y=y, hidden=hidden, batch=batch, epochs=epochs)


def linear_target(X: Floats) -> Floats:
    """A linear function of the rows with noise of the same size, float32."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal(X.shape[1]) / np.sqrt(X.shape[1])
    noise = rng.standard_normal(len(X), dtype=np.float32)
    target: Floats = X @ weights.astype(np.float32) + noise + np.float32(2)
    return target


def least_squares(*, rows: int, features: int) -> LeastSquaresTask:
    """A linear function with noise."""
    X = normal(rows, features)
    return LeastSquaresTask(X, y=linear_target(X))


def descent(*, rows: int, features: int, iterations: int = 100) -> DescentTask:
    """The same; the step is short, so that nobody arrives before the last iteration."""
    X = normal(rows, features)
    return DescentTask(X, y=linear_target(X), step=0.02, iterations=iterations)


def gaussian(*, rows: int, features: int) -> GaussianTask:
    """A normal cloud."""
    return GaussianTask(normal(rows, features))


def threshold(*, rows: int) -> ThresholdTask:
    """One feature; a hundredth of the rows are anomalies, drawn four times as wide.

    The scores are the log densities under the Gaussian of all rows, as a detector gives them.
    """
    rng = np.random.default_rng(0)
    is_anomaly = rng.random(rows) < 0.01
    x = normal(rows, 1) * np.where(is_anomaly, 4, 1).astype(np.float32)[:, None]
    mean, variance = float(x.mean(dtype=np.float64)), float(x.var(dtype=np.float64))
    scores = -0.5 * ((x[:, 0] - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    return ThresholdTask(x, scores=scores.astype(np.float32), is_anomaly=is_anomaly)


def small(*, estimator: str, one_row: bool = False) -> SmallTask:
    """Iris; or 6,000 images to fit, and one to predict for."""
    if one_row:
        _, X, y = images()
        return SmallTask(X[::10].copy(), y=y[::10].copy(), estimator=estimator, one_row=True)
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    return SmallTask(X, y=y, estimator=estimator)


def importing() -> SmallTask:
    """Nothing but the import of the library."""
    return SmallTask(np.zeros((1, 1), dtype=np.float32), y=np.zeros(1))


BUILDERS: dict[str, Any] = {
    "kmeans": kmeans,
    "logistic": logistic,
    "perceptron": perceptron,
    "least-squares": least_squares,
    "descent": descent,
    "gaussian": gaussian,
    "threshold": threshold,
    "small": small,
    "import": importing,
}


def make_task(family: str, arguments: dict[str, Any]) -> Task:
    """The task of a workload, with its data."""
    task: Task = BUILDERS[family](**arguments)
    return task
