"""scikit-learn's callbacks hear of each iteration of every fit, and of its end."""

import copy

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from accelml.anomaly import GaussianAnomalyDetector
from accelml.cluster import KMeans, MiniBatchKMeans
from accelml.linear_model import LinearRegression, LogisticRegression, Ridge
from accelml.neural_network import MLPClassifier, MLPRegressor
from accelml.preprocessing import PolynomialFeatures, SinusoidFeatures, StandardScaler
from tests.backends import problem
from tests.data import table

callback = pytest.importorskip("sklearn.callback", reason="this scikit-learn has no callbacks")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Log:
    """A callback that notes what it hears; asks to stop after so many iterations."""

    def __init__(self, stop_after=None):
        self.heard = []
        self.stop_after = stop_after

    def __deepcopy__(self, memo):
        return self

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(("begin", context.task_name, context.max_subtasks))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.heard.append(("end", context.task_name, copy.deepcopy(fitted_estimator)))
        return self.stop_after is not None and len(self.models) >= self.stop_after

    @property
    def models(self):
        """The estimator as it would have been after each iteration."""
        return [event[2] for event in self.heard if event[:2] == ("end", "iteration")]


ITERATIVE = [
    (LinearRegression(solver="gd", max_iter=13, tol=0), 13),
    (Ridge(solver="cg", max_iter=7, tol=0), 7),
    (Ridge(solver="lbfgs", max_iter=12, tol=0), 12),
    (LogisticRegression(max_iter=12, tol=0), 12),
    (LogisticRegression(solver="cg", multi_class="ovr", max_iter=5, tol=0), 15),
    (MLPClassifier(4, max_iter=6, random_state=0), 6),
    (MLPClassifier(4, solver="lbfgs", max_iter=11, tol=0, random_state=0), 11),
    (MLPRegressor(hidden_layer_sizes=4, max_iter=6, random_state=0), 6),
    (KMeans(3, init="random", n_init=2, max_iter=3, tol=0, random_state=0), 6),
    (MiniBatchKMeans(3, batch_size=30, max_iter=2, max_no_improvement=None, random_state=0), 11),
]
AT_ONCE = [
    LinearRegression(),
    Ridge(),
    GaussianAnomalyDetector(),
    GaussianAnomalyDetector(covariance_type="full"),
    StandardScaler(),
    PolynomialFeatures(),
    SinusoidFeatures(),
]


def named(case):
    return str(case[0] if isinstance(case, tuple) else case)


@pytest.mark.parametrize("case", ITERATIVE, ids=named)
@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_each_iteration_is_reported_with_the_model_that_it_leaves(case, library):
    if problem(library):
        pytest.skip(problem(library))
    model, iterations = case
    X, y = table("wine")
    log = Log()
    model.set_params(backend=library).set_callbacks(log).fit(X, y)
    assert log.heard[:2] == ["setup", ("begin", "fit", iterations)]
    assert log.heard[-1] == "teardown"
    assert len(log.models) == iterations
    last = log.models[-1]
    if not isinstance(model, KMeans):  # whose last run need not be the best
        np.testing.assert_array_equal(last.predict(X), model.predict(X))
    elif isinstance(model, KMeans):
        assert {np.shape(one.predict(X)) for one in log.models} == {(len(X),)}


@pytest.mark.parametrize("case", ITERATIVE, ids=named)
def test_a_callback_changes_nothing(case):
    model, _ = case
    X, y = table("wine")
    followed = model.set_params(backend="numpy").set_callbacks(Log()).fit(X, y)
    outcome = {k: v for k, v in vars(followed).items() if k.endswith("_") and k[0] != "_"}
    plain = model.set_callbacks().fit(X, y)
    for name, value in outcome.items():
        np.testing.assert_equal(value, getattr(plain, name), err_msg=name)


@pytest.mark.parametrize("case", ITERATIVE[:4] + ITERATIVE[5:], ids=named)
def test_a_callback_ends_the_iterations_without_a_warning(case, recwarn):
    model, _ = case
    X, y = table("wine")
    log = Log(stop_after=2)
    fitted = model.set_params(backend="numpy").set_callbacks(log).fit(X, y)
    runs = 2 if isinstance(model, KMeans) else 1
    assert len(log.models) <= 1 + runs
    assert not [seen for seen in recwarn if issubclass(seen.category, ConvergenceWarning)]
    steps = getattr(fitted, "n_steps_", fitted.n_iter_)
    assert np.max(steps) <= 2
    model.set_callbacks()


@pytest.mark.parametrize("model", AT_ONCE, ids=named)
def test_a_fit_without_iterations_is_one_task(model):
    X, y = table("wine")
    log = Log()
    model.set_callbacks(log).fit(X, y)
    assert [event if isinstance(event, str) else event[:2] for event in log.heard] == [
        "setup", ("begin", "fit"), ("end", "fit"), "teardown",
    ]  # fmt: skip
    assert log.heard[1][2] == 0
    ended = log.heard[2][2]
    for name in ("predict", "transform"):
        if hasattr(model, name):
            np.testing.assert_array_equal(getattr(ended, name)(X), getattr(model, name)(X))


PARTIAL = [
    (GaussianAnomalyDetector(), {}),
    (StandardScaler(), {}),
    (MiniBatchKMeans(3, random_state=0), {}),
    (MLPClassifier(4, random_state=0), {"classes": [0, 1, 2]}),
    (MLPRegressor(hidden_layer_sizes=4, random_state=0), {}),
]


@pytest.mark.parametrize(("model", "more"), PARTIAL, ids=named)
def test_partial_fit_reports_as_well(model, more):
    X, y = table("wine")
    log = Log()
    model.set_callbacks(log)
    for rows in (slice(0, 90), slice(90, None)):
        model.partial_fit(X[rows], y[rows], **more)
    assert log.heard.count("setup") == log.heard.count("teardown") == 2
    assert sum(event[:2] == ("end", "fit") for event in log.heard) == 2


@pytest.mark.parametrize("model", [case[0] for case in ITERATIVE] + AT_ONCE, ids=named)
def test_a_fit_that_fails_still_lets_callbacks_go(model):
    """It leaves the estimator as it was, and that must not take the way out away."""

    class Failing(Log):
        def on_fit_task_begin(self, estimator, context):
            raise RuntimeError("from the callback")

    X, y = table("wine")
    log = Failing()
    model.set_callbacks(log)
    with pytest.raises(RuntimeError, match="from the callback"):
        model.fit(X, y)
    assert log.heard == ["setup", "teardown"]
    assert not hasattr(model, "_callback_fit_ctx")
    model.set_callbacks()


def test_scoring_monitor_and_progress_bar(capfd):
    X, y = table("wine")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = LogisticRegression(max_iter=12, tol=0, multi_class="ovr", backend="numpy")
    model.set_callbacks(monitor, callback.ProgressBar()).fit(X, y)
    rows = monitor.get_logs().data
    scores = [row["accuracy"] for row in rows if row["task_name"] == "iteration"]
    assert len(scores) == 36
    assert scores[-1] == model.score(X, y)
    assert "LogisticRegression" in "".join(capfd.readouterr())


def test_the_warning_of_a_followed_fit_points_here():
    X, _ = table("wine")
    model = KMeans(3, init=X[:3], max_iter=1, tol=0).set_callbacks(Log())
    for fit in (model.fit, model.fit_predict):
        with pytest.warns(ConvergenceWarning) as seen:
            fit(X)
        assert seen[0].filename == __file__
    model.n_init = 3
    with pytest.warns(RuntimeWarning, match="n_init=3") as seen:
        model.fit(X)
    assert {one.filename for one in seen} == {__file__}


GRADIENTS = [
    LinearRegression(solver="gd", max_iter=5, tol=0),
    LogisticRegression(max_iter=5, tol=0),
    MLPClassifier(4, solver="lbfgs", max_iter=5, tol=0, random_state=0),
    MLPClassifier(4, max_iter=5, random_state=0),
]


@pytest.mark.parametrize("model", GRADIENTS, ids=str)
def test_the_loss_so_far_is_there_after_each_iteration(model):
    X, y = table("iris")
    log = Log()
    model.set_callbacks(log).fit(X, y > 0)
    curves = [after.loss_curve_ for after in log.models]
    assert [len(curve) for curve in curves] == [1, 2, 3, 4, 5]
    assert curves[-1] == model.loss_curve_
