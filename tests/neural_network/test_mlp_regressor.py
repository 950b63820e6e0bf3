"""The perceptron as a regressor, several labels, L-BFGS, early stopping in parts."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_multilabel_classification
from sklearn.neural_network import MLPClassifier as ReferenceClassifier
from sklearn.neural_network import MLPRegressor as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.gradcheck import check_gradients
from accelml.neural_network import MLPClassifier, MLPRegressor
from accelml.persistence import load_model, save_model
from tests.data import digits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def diabetes(targets=1):
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    return 20 * X, y if targets == 1 else np.column_stack([y, X[:, 0] * 10, -y])


@parametrize_with_checks(
    [
        MLPRegressor(max_iter=100),
        MLPRegressor(solver="lbfgs", max_iter=100),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:batch_size:UserWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("targets", [1, 3])
def test_the_same_network_as_scikit_learn_from_the_same_start(solver, targets):
    X, y = diabetes(targets)
    parameters = {
        "hidden_layer_sizes": (9, 5),
        "solver": solver,
        "batch_size": 64,
        "shuffle": False,
        "alpha": 0.2,
        "activation": "tanh",
        "random_state": 0,
    }
    ours = MLPRegressor(**parameters, max_iter=1).fit(X, y)
    reference = Reference(**parameters, max_iter=1, warm_start=True).fit(X, y)
    reference.coefs_ = [coef.copy() for coef in ours.coefs_]
    reference.intercepts_ = [intercept.copy() for intercept in ours.intercepts_]
    reference.set_params(max_iter=6).fit(X, y)
    ours.set_params(max_iter=6, warm_start=True).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), reference.predict(X), rtol=1e-7, atol=1e-9)
    assert ours.predict(X).shape == y.shape
    if targets == 1:  # scikit-learn reports the mean over targets, and steps by the sum
        np.testing.assert_allclose(ours.loss_curve_[1:], reference.loss_curve_[1:], rtol=1e-10)


@pytest.mark.parametrize("estimator", [MLPRegressor, MLPClassifier], ids=lambda e: e.__name__)
def test_lbfgs_reaches_a_point_without_slope(estimator):
    X, y = diabetes()
    y = y if estimator is MLPRegressor else (y > 0).astype(int)
    parameters = {"hidden_layer_sizes": 4, "alpha": 5.0, "random_state": 0, "activation": "tanh"}
    model = estimator(solver="lbfgs", tol=1e-7, max_iter=2000, **parameters).fit(X, y)
    assert model.n_iter_ < 2000
    assert (np.diff(model.loss_curve_) <= 1e-12).all()
    adam = estimator(max_iter=200, **parameters).fit(X, y)
    assert model.loss_ <= adam.best_loss_


def test_gradients_of_every_output(backend):
    X, y = diabetes(3)
    X, y = X[:40], y[:40]
    for activation in ("relu", "tanh"):
        model = MLPRegressor(hidden_layer_sizes=(5, 3), activation=activation, alpha=0.3)
        for target in (y, y[:, 0]):
            assert check_gradients(model, X, target, backend=backend).passed
    labels = (y > 0).astype(int)
    assert check_gradients(MLPClassifier(4, alpha=0.3), X, labels, backend=backend).passed


def test_regression_agrees_on_every_backend(backend):
    X, y = diabetes(3)
    parameters = {"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 3, "early_stopping": True}
    expected = MLPRegressor(**parameters).fit(X, y)
    model = MLPRegressor(**parameters, backend=backend).fit(X, y)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(model.validation_scores_, expected.validation_scores_, rtol=1e-7)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), atol=1e-8)


def test_validation_figures_are_those_of_the_rows_held_out():
    X, y = diabetes()
    model = MLPRegressor(hidden_layer_sizes=8, random_state=0, max_iter=1, early_stopping=True)
    model.fit(X, y)
    # The split is drawn after the first weights: repeat both draws.
    from sklearn.model_selection import train_test_split

    from accelml.neural_network.training import initial_parameters

    generator = np.random.default_rng(0)
    initial_parameters([10, 8, 1], "relu", generator)
    seed = int(generator.integers(2**31))
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, random_state=seed)
    assert model.validation_scores_[0] == pytest.approx(model.score(X[rows], y[rows]))
    squared = (model.predict(X[rows]) - y[rows]) ** 2
    assert model.validation_loss_curve_[0] == pytest.approx(squared.mean() / 2)


def test_several_labels_as_scikit_learn_has_them():
    X, y = make_multilabel_classification(300, n_features=8, n_classes=4, random_state=0)
    parameters = {"hidden_layer_sizes": 16, "max_iter": 150, "random_state": 0}
    model = MLPClassifier(**parameters, learning_rate_init=0.01).fit(X, y)
    reference = ReferenceClassifier(**parameters, learning_rate_init=0.01).fit(X, y)
    assert model.predict(X).shape == model.predict_proba(X).shape == (300, 4)
    assert set(np.unique(model.predict(X))) == {0, 1}
    assert model.classes_.tolist() == reference.classes_.tolist() == [0, 1, 2, 3]
    assert model.out_activation_ == reference.out_activation_ == "logistic"
    assert model.score(X, y) > reference.score(X, y) - 0.1
    stopped = MLPClassifier(**parameters, early_stopping=True).fit(X, y)
    assert len(stopped.validation_loss_curve_) == stopped.n_iter_
    with pytest.raises(ValueError, match="class_weight is for one label a row"):
        MLPClassifier(class_weight="balanced").fit(X, y)


def test_early_stopping_in_parts_restores_the_best_and_ends(tmp_path):
    X, y = digits()
    model = MLPClassifier(
        32, early_stopping=True, n_iter_no_change=3, learning_rate_init=0.02, random_state=0
    )
    best = None
    for call in range(200):
        model.partial_fit(X, y, classes=range(10))
        if model.stopped_early_:
            break
        if best is None or model.validation_scores_[-1] > best[0]:
            best = model.validation_scores_[-1], [coef.copy() for coef in model.coefs_]
        if call == 2:  # goes on from a file as it would have without
            save_model(model, tmp_path / "half.model")
            model = load_model(tmp_path / "half.model")
    assert model.stopped_early_
    assert model.best_validation_score_ == best[0]
    np.testing.assert_array_equal(model.coefs_[0], best[1][0])
    count = model.n_iter_
    assert model.partial_fit(X, y).n_iter_ == count


def test_callbacks_of_scikit_learn():
    callback = pytest.importorskip("sklearn.callback")
    X, y = diabetes()
    for parameters, iterations in [({"max_iter": 5}, 5), ({"solver": "lbfgs", "max_iter": 30}, 30)]:
        monitor = callback.ScoringMonitor(scoring="r2")
        model = MLPRegressor(hidden_layer_sizes=8, random_state=0, tol=0, **parameters)
        model.set_callbacks(monitor).fit(X, y)
        scores = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "iteration"]
        assert len(scores) == iterations
        assert scores[-1] == pytest.approx(model.score(X, y))


def test_a_callback_of_scikit_learn_on_logistic_regression(capfd):
    callback = pytest.importorskip("sklearn.callback")
    from accelml.linear_model import LogisticRegression

    X, y = digits()
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = LogisticRegression(max_iter=20, tol=0)
    model.set_callbacks(monitor, callback.ProgressBar()).fit(X, y)
    rows = monitor.get_logs().data
    scores = [row["accuracy"] for row in rows if row["task_name"] == "iteration"]
    assert len(scores) == 20
    assert scores[-1] == pytest.approx(model.score(X, y))
    assert "LogisticRegression" in "".join(capfd.readouterr())


BAD_TARGETS = [
    ([0.0, np.nan], "y contains NaN"),
    ([0.0, 1.0, 2.0], "X has 2 rows and y has 3"),
    (np.zeros((2, 1, 1)), "y|dim"),
    (["a", "b"], "could not convert|Unable to convert"),
    (None, "requires y"),
]


@pytest.mark.parametrize(("y", "message"), BAD_TARGETS)
def test_bad_targets(y, message):
    with pytest.raises(ValueError, match=message):
        MLPRegressor().fit([[0.0], [1.0]], y)
