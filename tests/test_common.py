"""scikit-learn's own checks, and the company its estimators keep."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import accelml
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from tests.backends import problem
from tests.data import digits, table

# No check of scikit-learn's is expected to fail. A check that must would stand here, by its name,
# with the reason.
EXPECTED_FAILURES: dict[str, str] = {}

ESTIMATORS = [
    LogisticRegression(),
    LogisticRegression(multi_class="ovr", solver="cg"),
    LogisticRegression(solver="gd"),
    MLPClassifier(max_iter=100),
    MLPClassifier(solver="sgd", max_iter=100),
    MLPClassifier(solver="gd", learning_rate_init=0.1, max_iter=100),
]
if not problem("numba"):
    ESTIMATORS += [LogisticRegression(backend="numba"), MLPClassifier(backend="numba", max_iter=50)]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:batch_size:UserWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))
@parametrize_with_checks(
    [LogisticRegression(backend="jax", max_iter=30), MLPClassifier(backend="jax", max_iter=5)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:batch_size:UserWarning")
def test_scikit_learns_checks_on_jax(estimator, check):
    # Those that look at accuracy need more than the few iterations that compiling leaves time for.
    if check.func.__name__ in {"check_classifiers_train", "check_classifiers_classes"}:
        estimator.set_params(max_iter=200)
    check(estimator)


def models():
    return [LogisticRegression(), MLPClassifier((16,), learning_rate_init=0.01, random_state=0)]


each = pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)


@each
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipeline_and_cross_validation(model):
    X, y = table("wine")
    scores = cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=3)
    assert scores.mean() > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_search_over_parameters_and_backends():
    X, y = table("iris")
    grid = {"C": [0.01, 1.0], "backend": ["numpy"] + ["numba"] * (not problem("numba"))}
    search = GridSearchCV(LogisticRegression(), grid, cv=3).fit(X, y)
    assert search.best_params_["C"] == 1.0
    assert search.best_score_ > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_search_in_processes():
    X, y = table("iris")
    grid = {"learning_rate_init": [1e-6, 1e-2]}
    model = MLPClassifier(16, max_iter=60, random_state=0)
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_["learning_rate_init"] == 1e-2


@each
def test_clone_and_pickle(model):
    X, y = digits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = clone(model).set_params(backend=accelml.get_backend("numpy")).fit(X, y)
    assert clone(fitted).backend is fitted.backend
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_proba(X), fitted.predict_proba(X))
    assert restored.backend_ == fitted.backend_
    assert restored.get_params() == fitted.get_params()


def test_data_frames_in_and_feature_names_kept():
    import pandas as pd

    X, y = table("iris")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = LogisticRegression().fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(model.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])
