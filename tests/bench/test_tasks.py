"""The judges agree with scikit-learn's own scores."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, mean_squared_error
from sklearn.neural_network import MLPClassifier

from accelml.bench import problems
from accelml.bench.optimum import minimum
from accelml.bench.tasks import LogisticTask, PerceptronTask
from tests.data import digits


def test_inertia():
    task = problems.kmeans(clusters=5, rows=300, features=4)
    model = KMeans(5, init=task.init, n_init=1, max_iter=3).fit(task.X.astype(np.float64))
    assert task.quality(model.cluster_centers_) == pytest.approx(model.inertia_, rel=1e-9)


def test_loss_of_logistic_regression_is_lowest_where_scikit_learn_converges():
    X, y = digits()
    task = LogisticTask(X.astype(np.float32), y=y)
    model = LogisticRegression(tol=1e-8, max_iter=5000).fit(task.X.astype(np.float64), y)
    lowest = task.quality((model.coef_.T, model.intercept_))
    assert lowest == pytest.approx(minimum(task.X, y, 1.0), abs=1e-6)
    assert task.quality((1.01 * model.coef_.T, model.intercept_)) > lowest


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_loss_of_the_perceptron():
    X, y = digits("float32")
    model = MLPClassifier((8, 6), alpha=0, max_iter=3, random_state=0).fit(X, y)
    task = PerceptronTask(X, y=y, hidden=(8, 6))
    expected = -np.mean(model.predict_log_proba(X)[np.arange(len(y)), y])
    assert task.quality((model.coefs_, model.intercepts_)) == pytest.approx(expected, rel=1e-4)
    assert task.sizes == (64, 8, 6, 10)


def test_squared_error():
    task = problems.least_squares(rows=500, features=3)
    model = LinearRegression().fit(task.X, task.y)
    expected = mean_squared_error(task.y.astype(np.float64), model.predict(task.X))
    assert task.quality((model.coef_, model.intercept_)) == pytest.approx(expected, rel=1e-5)


def test_f1():
    task = problems.threshold(rows=2000)
    for share in (0.001, 0.01, 0.1):
        threshold = np.quantile(task.scores, share)
        expected = f1_score(task.is_anomaly, task.scores < threshold)
        assert task.quality(threshold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("family", "arguments", "flops", "size"),
    [
        ("kmeans", {"clusters": 4, "rows": 10, "features": 3, "iterations": 2}, 480, 240),
        ("logistic", {"rows": 10, "features": 3, "iterations": 2}, 720, 240),
        ("least-squares", {"rows": 10, "features": 3}, 120, 120),
        ("descent", {"rows": 10, "features": 3, "iterations": 2}, 240, 240),
        ("gaussian", {"rows": 10, "features": 3}, 240, 240),
    ],
)
def test_the_work_of_a_task(family, arguments, flops, size):
    assert problems.make_task(family, arguments).work() == (flops, size)
