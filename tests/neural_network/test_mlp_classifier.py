"""The perceptron as a classifier: against scikit-learn's, and what users get wrong."""

import pickle
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as Reference
from sklearn.pipeline import make_pipeline

from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.gradcheck import check_gradients
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.objectives.multilayer_perceptron import MultilayerPerceptron
from accelml.preprocessing import StandardScaler
from tests.backends import problem
from tests.data import digits, table

pytestmark = pytest.mark.filterwarnings("ignore:max_iter=:sklearn.exceptions.ConvergenceWarning")


def compare_with_reference(X, y, weights=None, **parameters):
    """Train both from the same parameters; the losses and the networks must be the same."""
    parameters = {"batch_size": 128, "shuffle": False, "random_state": 0, **parameters}
    ours = MLPClassifier(**parameters, max_iter=1).fit(X, y)
    reference = Reference(**parameters, max_iter=1, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(X, y)
        reference.coefs_ = [coef.copy() for coef in ours.coefs_]
        reference.intercepts_ = [intercept.copy() for intercept in ours.intercepts_]
        reference.set_params(max_iter=6).fit(X, y, weights)
        ours.set_params(max_iter=6, warm_start=True).fit(X, y, weights)
    np.testing.assert_allclose(ours.loss_curve_[1:], reference.loss_curve_[1:], rtol=1e-10)
    for mine, theirs in zip(ours.coefs_, reference.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(ours.predict_proba(X), reference.predict_proba(X), atol=1e-9)
    return ours, reference


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_same_losses_as_scikit_learn_from_the_same_start(activation, solver):
    X, y = digits()
    compare_with_reference(
        X[:600], y[:600], activation=activation, solver=solver, hidden_layer_sizes=(20, 15),
        alpha=0.3, learning_rate_init=0.01,
    )  # fmt: skip


def test_two_classes_have_one_logistic_unit():
    X, y = table("breast_cancer")
    ours, reference = compare_with_reference(X, y, hidden_layer_sizes=(7,))
    assert (ours.out_activation_, ours.n_outputs_) == (reference.out_activation_, 1)
    assert ours.predict_proba(X).shape == (len(y), 2)
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))


@pytest.mark.parametrize(
    "schedule", [{"learning_rate": "invscaling"}, {"nesterovs_momentum": False}, {"momentum": 0.0}]
)
def test_schedules_and_momentum_of_sgd(schedule):
    X, y = digits()
    compare_with_reference(X[:500], y[:500], solver="sgd", learning_rate_init=0.05, **schedule)


def test_sample_weights_are_those_of_scikit_learn():
    X, y = table("wine")
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    # One batch, in which both weigh alike; scikit-learn averages batches by rows, we by weight.
    compare_with_reference(X, y, weights, batch_size=len(y))


def test_a_weight_of_two_is_a_row_twice():
    X, y = table("wine")
    weights = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(y)), weights.astype(int))
    shared = {"solver": "gd", "learning_rate_init": 0.1, "random_state": 0, "max_iter": 30}
    weighted = MLPClassifier(**shared).fit(X, y, weights)
    repeated = MLPClassifier(**shared).fit(X[twice], y[twice])
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-9)
    by_class = MLPClassifier(**shared, class_weight={0: 2.0}).fit(X, y)
    by_row = MLPClassifier(**shared).fit(X, y, np.where(y == 0, 2.0, 1.0))
    np.testing.assert_allclose(by_class.coefs_[0], by_row.coefs_[0], rtol=1e-12)


def test_gradient_descent_is_one_plain_step_an_epoch():
    X, y = digits()
    shared = {"learning_rate_init": 0.1, "random_state": 0, "max_iter": 20}
    model = MLPClassifier(solver="gd", **shared).fit(X, y)
    same = MLPClassifier(solver="sgd", momentum=0.0, batch_size=len(y), shuffle=False, **shared)
    np.testing.assert_allclose(model.loss_curve_, same.fit(X, y).loss_curve_, rtol=1e-12)
    assert (np.diff(model.loss_curve_) < 0).all()
    assert not hasattr(model, "partial_fit")


def test_the_same_seed_gives_the_same_network_and_another_another():
    X, y = digits()
    first, again, other = (
        MLPClassifier(10, max_iter=3, random_state=seed).fit(X, y) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.coefs_[0], again.coefs_[0])
    assert not np.allclose(first.coefs_[0], other.coefs_[0])
    seeded = MLPClassifier(10, max_iter=3, random_state=np.random.RandomState(3)).fit(X, y)
    assert seeded.coefs_[0].shape == (64, 10)


def test_batches_larger_than_the_data_are_clipped_with_a_warning():
    X, y = table("iris")
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the 150 rows"):
        MLPClassifier(4, batch_size=1000, max_iter=2).fit(X, y)


def test_a_last_batch_of_any_size():
    X, y = digits()
    for rows in (128, 129, 255, 256, 257):
        compare_with_reference(X[:rows], y[:rows], hidden_layer_sizes=(5,))


def test_early_stopping_keeps_the_best_parameters():
    X, y = digits()
    model = MLPClassifier(
        32, early_stopping=True, learning_rate_init=0.02, n_iter_no_change=5, random_state=0
    ).fit(X, y)
    assert model.n_iter_ < 200
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None
    # The parameters are those of the best epoch: training until just there ends with the same.
    best = int(np.argmax(model.validation_scores_)) + 1
    until = MLPClassifier(
        32, early_stopping=True, learning_rate_init=0.02, n_iter_no_change=5, random_state=0,
        max_iter=best,
    ).fit(X, y)  # fmt: skip
    np.testing.assert_array_equal(model.coefs_[0], until.coefs_[0])


@pytest.mark.backends("numpy", "numba")
def test_no_thread_of_a_matrix_library_waits_beside_the_next_epoch(backend, monkeypatch):
    """One that has scored rows that are held out would, in a busy loop, for a tenth of a second."""
    from accelml.blas import blas
    from accelml.neural_network import epochs

    before = [library.get_num_threads() for library in blas()]
    seen = []

    def watched(*arguments):
        seen.append({library.get_num_threads() for library in blas()})
        return evaluate(*arguments)

    evaluate = epochs.evaluate
    monkeypatch.setattr(epochs, "evaluate", watched)
    X, y = digits()
    MLPClassifier(8, early_stopping=True, max_iter=2, backend=backend).fit(X, y)
    assert seen == [{1}, {1}]
    assert [library.get_num_threads() for library in blas()] == before


def test_early_stopping_with_too_few_rows():
    X, y = table("iris")
    model = MLPClassifier(early_stopping=True, validation_fraction=0.001)
    with pytest.raises(ValueError, match=r"validation_fraction=0\.001"):
        model.fit(X, y)


def test_a_warm_start_is_judged_by_the_same_rows():
    X, y = digits()
    shared = {"early_stopping": True, "warm_start": True, "max_iter": 3, "random_state": 0}
    model = MLPClassifier(16, **shared).fit(X, y)
    before = model.validation_loss_curve_[int(np.argmax(model.validation_scores_))]
    model.set_params(learning_rate_init=1e-300).fit(X, y)
    assert model.validation_loss_curve_[-1] == pytest.approx(before, rel=1e-12)
    again = MLPClassifier(16, **{**shared, "random_state": 1}).fit(X, y)
    assert again.validation_loss_curve_ != model.validation_loss_curve_[:3]


def test_rows_without_weight_do_not_make_a_side_of_the_split():
    X, y = digits()
    settings = {"early_stopping": True, "max_iter": 2, "validation_fraction": 0.5}
    said = set()
    for seed in range(8):
        weights = np.zeros(len(y))
        weights[seed] = 1
        with pytest.raises(ValueError, match="of a weight above 0") as caught:
            MLPClassifier(4, random_state=0, **settings).fit(X, y, weights)
        said.add(str(caught.value).partition("above 0: ")[2].partition(")")[0])
    assert said == {"0 to train on, 1 to validate on", "1 to train on, 0 to validate on"}


def test_training_ends_when_nothing_improves():
    X, y = table("iris")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier(8, tol=10.0, n_iter_no_change=3, max_iter=50).fit(X, y)
    assert model.n_iter_ == 5  # the first epoch always improves on infinity


def test_the_limit_is_a_warning_that_points_at_the_caller():
    X, y = table("iris")
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        MLPClassifier(4, max_iter=2).fit(X, y)
    assert caught[0].filename == __file__


def test_adaptive_learning_rate_is_lowered_before_training_ends():
    X, y = digits()
    model = MLPClassifier(
        8, solver="sgd", learning_rate="adaptive", learning_rate_init=0.5, momentum=0.0,
        tol=0.05, n_iter_no_change=2, max_iter=300, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model._learning_rate <= 1e-6
    assert model.n_iter_ < 300


def test_partial_fit_is_training_in_parts():
    X, y = digits()
    shared = {"hidden_layer_sizes": 16, "shuffle": False, "batch_size": 100, "random_state": 0}
    parts = MLPClassifier(**shared)
    for _ in range(4):
        parts.partial_fit(X, y, classes=range(10))
    whole = MLPClassifier(**shared, max_iter=4).fit(X, y)
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-12)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-12)
    assert (parts.n_iter_, parts.t_) == (4, 4 * len(y))


def test_partial_fit_goes_on_after_pickling():
    X, y = digits()
    model = MLPClassifier(16, random_state=0).partial_fit(X, y, classes=range(10))
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        model.partial_fit(X, y).coefs_[0], copy.partial_fit(X, y).coefs_[0]
    )


def test_partial_fit_sees_classes_that_come_later():
    X, y = table("iris")
    model = MLPClassifier(8, random_state=0, learning_rate_init=0.02).partial_fit(
        X[:50], y[:50], classes=[0, 1, 2]
    )
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.8


def test_what_partial_fit_refuses():
    X, y = table("iris")
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    model = MLPClassifier(4).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="X has 2 features"):
        model.partial_fit(X[:, :2], y)
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


MIXED = [["a", None], ["a", 1], [None, 1]]


@pytest.mark.parametrize("labels", MIXED)
@pytest.mark.parametrize("cls", [MLPClassifier, LogisticRegression])
def test_labels_of_several_types_are_refused(cls, labels):
    y = np.array(labels * 5, dtype=object)
    kinds = ", ".join(sorted(type(label).__name__ for label in labels))
    with pytest.raises(TypeError, match=f"y mixes labels of the types {kinds}"):
        cls().fit(np.eye(10), y)


def test_warm_start_goes_on_and_refuses_other_classes_and_layers():
    X, y = digits()
    model = MLPClassifier(16, warm_start=True, max_iter=5, random_state=0).fit(X, y)
    first = model.loss_
    model.fit(X, y)
    assert model.loss_ < first
    assert (model.n_iter_, len(model.loss_curve_)) == (5, 10)
    with pytest.raises(ValueError, match="warm_start=True goes on with the classes"):
        model.fit(X, y % 3)
    with pytest.raises(ValueError, match="layers of"):
        model.set_params(hidden_layer_sizes=3).fit(X, y)


def test_dtype_follows_X():
    X, y = table("iris")
    for dtype, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("f2", "f8")]:
        model = MLPClassifier(4, max_iter=2).fit(X.astype(dtype), y)
        assert {part.dtype for part in model.coefs_ + model.intercepts_} == {np.dtype(expected)}
        assert model.predict_proba(X.astype(dtype)).dtype == expected


def test_no_hidden_layer_is_logistic_regression():
    X, y = table("wine")
    model = MLPClassifier((), learning_rate_init=0.05, max_iter=400, random_state=0).fit(X, y)
    assert [coef.shape for coef in model.coefs_] == [(13, 3)]
    assert model.score(X, y) == 1.0


def test_a_loss_that_is_not_finite_is_an_error_and_changes_nothing():
    X, y = digits()
    model = MLPClassifier(8, max_iter=3, random_state=0, warm_start=True).fit(X, y)
    before = model.coefs_[0].copy()
    model.set_params(solver="sgd", learning_rate_init=1e300)
    with pytest.raises(
        DivergenceError, match=r"not finite in epoch \d.*learning_rate_init=1e\+300"
    ):
        model.fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], before)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_leaves_the_best_epoch_so_far(monkeypatch, early_stopping):
    X, y = digits()
    shared = {"early_stopping": early_stopping, "random_state": 0, "hidden_layer_sizes": 16}
    expected = MLPClassifier(**shared, max_iter=3).fit(X, y)
    from accelml.neural_network import epochs

    calls = []

    def interrupted(*arguments, **keywords):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train_epoch(*arguments, **keywords)

    train_epoch = epochs.train_epoch
    monkeypatch.setattr(epochs, "train_epoch", interrupted)
    with pytest.warns(TrainingInterrupted, match="3 epochs made"):
        model = MLPClassifier(**shared, max_iter=100).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.n_iter_ == 3


BAD_INPUT = [
    ({}, [[np.nan], [1.0]], [0, 1], "Input X contains NaN"),
    ({}, [[np.inf], [1.0]], [0, 1], "Input X contains infinity"),
    ({}, [1.0, 2.0], [0, 1], "Expected 2D array, got 1D array"),
    ({}, np.zeros((0, 2)), [], "0 sample"),
    ({}, [[0.0], [1.0]], [1, 1], "y has one class only"),
    ({}, [[0.0], [1.0]], [0, 1, 1], "inconsistent numbers of samples: X has 2 rows and y has 3"),
    ({"learning_rate_init": -0.1}, [[0.0], [1.0]], [0, 1], "'learning_rate_init' parameter"),
    ({"hidden_layer_sizes": (4, 0)}, [[0.0], [1.0]], [0, 1], "hidden_layer_sizes"),
    ({"hidden_layer_sizes": (2.5,)}, [[0.0], [1.0]], [0, 1], "hidden_layer_sizes"),
    ({"hidden_layer_sizes": -3}, [[0.0], [1.0]], [0, 1], "'hidden_layer_sizes' parameter"),
    ({"activation": "swish"}, [[0.0], [1.0]], [0, 1], "'activation' parameter"),
    ({"solver": "lion"}, [[0.0], [1.0]], [0, 1], "'solver' parameter"),
    ({"batch_size": 0}, [[0.0], [1.0]], [0, 1], "'batch_size' parameter"),
    ({"momentum": 1.5}, [[0.0], [1.0]], [0, 1], "'momentum' parameter"),
    ({"alpha": -1}, [[0.0], [1.0]], [0, 1], "'alpha' parameter"),
    ({"validation_fraction": 1.0}, [[0.0], [1.0]], [0, 1], "'validation_fraction' parameter"),
]


@pytest.mark.parametrize(("parameters", "X", "y", "message"), BAD_INPUT)
def test_bad_input(parameters, X, y, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, y)


def test_progress_is_shown_on_standard_error_only(capfd):
    X, y = table("iris")
    MLPClassifier(4, max_iter=3, verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "training on numpy" in err
    assert "loss" in err


@pytest.mark.parametrize("backend_name", ["numpy", "jax"])
def test_partial_fit_goes_on_in_another_dtype_and_with_another_solver(backend_name):
    if problem(backend_name):
        pytest.skip(problem(backend_name))
    X, y = table("breast_cancer")
    model = MLPClassifier(5, backend=backend_name, early_stopping=True)
    model.partial_fit(X.astype("f4"), y, classes=[0, 1])
    assert model.partial_fit(X, y).coefs_[0].dtype == np.float64
    assert model.partial_fit(X.astype("f4"), y).coefs_[0].dtype == np.float32
    model.set_params(solver="sgd").partial_fit(X, y)
    assert model.n_iter_ == 4


@pytest.mark.parametrize("class_weight", [{0: np.nan, 1: 1.0}, {0: -1.0, 1: 3.0}])
def test_class_weights_that_are_no_weights(class_weight):
    X, y = table("breast_cancer")
    with pytest.raises(ValueError, match="class_weight="):
        MLPClassifier(class_weight=class_weight).fit(X, y)


@dataclass(frozen=True)
class PenaltyOfTheGradient(MultilayerPerceptron):
    """The teaching code's L2 term: λ/m times the accumulated gradient, where the weights belong."""

    def __call__(self, backend, params, data):
        value, _ = super().__call__(backend, params, data)
        _, unpenalized = super().__call__(backend, params, (data[0], 0 * data[1]))
        alpha = data[1]
        return value, tuple(
            layer._replace(weights=(1 + alpha) * layer.weights) for layer in unpenalized
        )


class TeachingPerceptron(MLPClassifier):
    def _gradient_problems(self, *args):
        for layers in super()._gradient_problems(*args):
            right = layers.objective
            yield layers._replace(objective=PenaltyOfTheGradient(right.activation, right.output))


def test_the_penalty_is_of_the_weights_and_not_of_the_gradient():
    """At λ = 5 the teaching code's gradient is off by 273 % and more; the check says where."""
    X, y = digits()
    X, y = X[:60], y[:60]
    settings = {"activation": "logistic", "alpha": 5.0}
    assert check_gradients(MLPClassifier(8, **settings), X, y, method="central differences").passed
    report = check_gradients(TeachingPerceptron(8, **settings), X, y, method="central differences")
    wrong = {row.name: row for row in report.rows if not row.passed}
    assert set(wrong) == {"layers[0].weights", "layers[1].weights"}
    assert min(row.max_relative_error for row in wrong.values()) > 2.73
    # Without a penalty there is nothing to get wrong.
    settings["alpha"] = 0.0
    teaching = TeachingPerceptron(8, **settings)
    assert check_gradients(teaching, X, y, method="central differences").passed


def test_one_row_and_a_shifted_set_are_predicted_by_what_training_learned():
    """In a pipeline, by the training's mean and deviation; the teaching code takes the batch's."""
    X, y = table("wine")
    X = 5 + 3 * X
    model = make_pipeline(StandardScaler(), MLPClassifier(8, max_iter=30, random_state=0))
    whole = model.fit(X, y).predict_proba(X)
    for i in (0, 77, 177):
        np.testing.assert_allclose(model.predict_proba(X[i : i + 1]), whole[i : i + 1], rtol=1e-9)
    # By its own mean and deviation a shifted set would be what it was before.
    shifted = model.predict_proba(X + 6)
    inside = (X + 6 - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(shifted, model[-1].predict_proba(inside), rtol=1e-9)
    assert np.abs(shifted - whole).max() > 0.1
