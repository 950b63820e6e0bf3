"""accelml's own contestants: the same estimator on every backend and kind of device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from accelml.bench.contestant import BACKEND, Contestant, Entry
from accelml.bench.tasks import (
    DescentTask,
    GaussianTask,
    KMeansTask,
    LeastSquaresTask,
    LogisticTask,
    PerceptronTask,
    SmallTask,
    ThresholdTask,
)

PrepareOn = Callable[[Any, str, str], Entry]
FAMILIES: dict[str, PrepareOn] = {}


def family(name: str) -> Callable[[PrepareOn], PrepareOn]:
    """Register how accelml does a family of workloads."""

    def register(prepare: PrepareOn) -> PrepareOn:
        FAMILIES[name] = prepare
        return prepare

    return register


def backends_for(name: str) -> list[Contestant]:
    """One contestant for each usable backend and kind of device."""
    from accelml.cli.comparison import one_of_each_kind
    from accelml.selection import backend_status, plugins

    if name == "import":
        return [Contestant("accelml", BACKEND, name, "numpy")]
    found = []
    for backend in plugins():
        status = backend_status(backend)
        for device in one_of_each_kind(status.devices) if not status.problem else []:
            suffix = f" ({device.partition(':')[0]})" if len(status.devices) > 1 else ""
            title = f"accelml {backend}{suffix}"
            found.append(Contestant(title, BACKEND, name, backend, device=device))
    return found


def prepare(contestant: Contestant, task: Any) -> Entry:
    """Make a backend ready for a task."""
    return FAMILIES[contestant.family](task, contestant.library, contestant.device)


class Placed:
    """The arrays of a task: NumPy's on the CPU, as users have them, on the device otherwise."""

    def __init__(self, backend: str, device: str, *arrays: Any) -> None:
        from accelml.selection import get_backend

        self.backend = get_backend(backend, device)
        self.arrays = arrays
        self.host = arrays

    def place(self) -> None:
        """Send them to the GPU, and wait."""
        if self.backend.device.startswith("cpu"):
            return
        with self.backend.context():
            self.arrays = tuple(self.backend.asarray(array) for array in self.host)
            self.backend.synchronize()


class Stop(Exception):
    """What was asked for is known."""


def expected_work(model: Any, *data: Any) -> float:
    """The multiply-adds that an estimator expects of a ``fit``, without making it."""

    def session(X: Any, work: float = 0.0, **_: Any) -> None:
        raise Stop(work)

    model._session = session
    try:
        model.fit(*data)
    except Stop as stop:
        return float(stop.args[0])
    finally:
        del model._session
    return 0.0


def entry(model: Any, placed: Placed, answer: Callable[[], Any]) -> Entry:
    """The ``fit`` of a model, to the end."""

    def fit() -> None:
        model.fit(*placed.arrays)
        placed.backend.synchronize()

    return Entry(
        fit, answer, placed.place, lambda n: model.set_params(max_iter=n),
        type(model).__name__, expected_work(model, *placed.host),
    )  # fmt: skip


@family("kmeans")
def kmeans(task: KMeansTask, backend: str, device: str) -> Entry:
    """``KMeans``."""
    from accelml.cluster import KMeans

    model = KMeans(
        len(task.init), init=task.init, n_init=1, max_iter=task.iterations, tol=0,
        backend=backend, device=device,
    )  # fmt: skip
    return entry(model, Placed(backend, device, task.X), lambda: model.cluster_centers_)


@family("logistic")
def logistic(task: LogisticTask, backend: str, device: str) -> Entry:
    """``LogisticRegression``, by L-BFGS."""
    from accelml.linear_model import LogisticRegression

    model = LogisticRegression(
        C=task.C, tol=1e-12, max_iter=task.iterations, backend=backend, device=device
    )
    placed = Placed(backend, device, task.X, task.y)
    return entry(model, placed, lambda: (model.coef_.T, model.intercept_))


@family("perceptron")
def perceptron(task: PerceptronTask, backend: str, device: str) -> Entry:
    """``MLPClassifier``, by Adam."""
    from accelml.neural_network import MLPClassifier

    model = MLPClassifier(
        task.hidden, batch_size=task.batch, max_iter=task.epochs, n_iter_no_change=task.epochs,
        random_state=0, backend=backend, device=device,
    )  # fmt: skip
    placed = Placed(backend, device, task.X, task.y)
    return entry(model, placed, lambda: (model.coefs_, model.intercepts_))


@family("least-squares")
def least_squares(task: LeastSquaresTask, backend: str, device: str) -> Entry:
    """``LinearRegression``."""
    from accelml.linear_model import LinearRegression

    model = LinearRegression(backend=backend, device=device)
    placed = Placed(backend, device, task.X, task.y)
    return entry(model, placed, lambda: (model.coef_, model.intercept_))


@family("descent")
def descent(task: DescentTask, backend: str, device: str) -> Entry:
    """``LinearRegression`` by gradient descent."""
    from accelml.linear_model import LinearRegression

    model = LinearRegression(
        solver="gd", learning_rate=task.step, max_iter=task.iterations, tol=1e-12,
        backend=backend, device=device,
    )  # fmt: skip
    placed = Placed(backend, device, task.X, task.y)
    return entry(model, placed, lambda: (model.coef_, model.intercept_))


@family("gaussian")
def gaussian(task: GaussianTask, backend: str, device: str) -> Entry:
    """``GaussianAnomalyDetector``: fit, then the score of every row."""
    from accelml.anomaly import GaussianAnomalyDetector

    model = GaussianAnomalyDetector(backend=backend, device=device)
    placed = Placed(backend, device, task.X)
    scores: list[Any] = []

    def fit() -> None:
        scores[:] = [model.fit(*placed.arrays).score_samples(*placed.arrays)]
        placed.backend.synchronize()

    return Entry(
        fit, lambda: placed.backend.to_numpy(scores[0]), placed.place,
        estimator=type(model).__name__, expected_work=expected_work(model, task.X),
    )  # fmt: skip


@family("threshold")
def threshold(task: ThresholdTask, backend: str, device: str) -> Entry:
    """``select_threshold`` of a fitted detector, which scores the rows first."""
    from accelml.anomaly import GaussianAnomalyDetector

    model = GaussianAnomalyDetector(backend=backend, device=device).fit(task.X)
    placed = Placed(backend, device, task.X, task.is_anomaly)

    def fit() -> None:
        model.select_threshold(*placed.arrays)

    return Entry(fit, lambda: model.offset_, placed.place)


def small_estimator(name: str, library: str) -> Any:
    """The estimator of accelml or of scikit-learn that a small workload is about."""
    from importlib import import_module

    room, settings = {
        "LinearRegression": ("linear_model", {}),
        "Ridge": ("linear_model", {}),
        "LogisticRegression": ("linear_model", {"max_iter": 200}),
        "KMeans": ("cluster", {"n_clusters": 3, "n_init": 1, "random_state": 0}),
        "MLPClassifier": ("neural_network", {"max_iter": 50, "random_state": 0}),
        "StandardScaler": ("preprocessing", {}),
        "PolynomialFeatures": ("preprocessing", {}),
        "GaussianAnomalyDetector": ("anomaly", {}),
        "GaussianNB": ("naive_bayes", {}),
    }[name]
    return getattr(import_module(f"{library}.{room}"), name)(**settings)


def small_entry(model: Any, task: SmallTask) -> Entry:
    """Fit and predict (or transform); for one row, predict alone."""
    output = model.predict if hasattr(model, "predict") else model.transform
    if not task.one_row:
        return Entry(lambda: (model.fit(task.X, task.y), output(task.X)), lambda: None)
    model.fit(task.X, task.y)
    row = task.X[:1]
    return Entry(lambda: output(row), lambda: None)


@family("small")
def small(task: SmallTask, backend: str, device: str) -> Entry:
    """Any estimator."""
    model = small_estimator(task.estimator, "accelml")
    return small_entry(model.set_params(backend=backend, device=device), task)


ROOMS = ("linear_model", "cluster", "neural_network", "preprocessing")


def import_entry(*modules: str) -> Entry:
    """A fresh interpreter that imports these modules."""
    code = f"import {', '.join(modules)}"
    return Entry(lambda: subprocess.run([sys.executable, "-c", code], check=True), lambda: None)


@family("import")
def imports(task: SmallTask, backend: str, device: str) -> Entry:
    """All of accelml's estimators."""
    return import_entry(*(f"accelml.{room}" for room in (*ROOMS, "anomaly")))
