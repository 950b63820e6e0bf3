"""Linear regression against scikit-learn's and SciPy's, the textbook's figures, and bad input."""

import functools
import pickle

import numpy as np
import pytest
import scipy.linalg
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression as Reference
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.linear_model import LinearRegression
from tests.backends import problem
from tests.data import homemade
from tests.test_recompilation import compilations

needs_jax = pytest.mark.skipif(bool(problem("jax")), reason=problem("jax") or "JAX")
DIRECT = ["auto", "cholesky", "svd"]


@functools.cache
def data(name):
    """Real tables as they are, offsets and units and all, and the hard cases."""
    rng = np.random.default_rng(0)
    if name == "rank-deficient":
        X = rng.standard_normal((60, 4))
        X = np.column_stack([X, X[:, 0] + X[:, 1], np.full(60, 3.3), X[:, 2]])
        return X, X[:, 0] - X[:, 4] + rng.standard_normal(60)
    if name == "fewer rows than columns":
        return rng.standard_normal((8, 20)), rng.standard_normal(8)
    if name == "far from the origin":
        X = rng.standard_normal((500, 5)) + 1e4
        return X, X @ rng.standard_normal(5) + rng.standard_normal(500)
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y.astype(np.float64)


TABLES = ["diabetes", "iris", "wine", "breast_cancer"]
HARD = ["rank-deficient", "fewer rows than columns", "far from the origin"]


@pytest.mark.parametrize("solver", DIRECT)
@pytest.mark.parametrize("targets", ["one", "several"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", TABLES + HARD)
def test_coefficients_are_those_of_scikit_learn(name, fit_intercept, weighted, targets, solver):
    X, y = data(name)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 2, len(y)) if weighted else None
    if targets == "several":
        y = np.column_stack([y, y**2, rng.standard_normal(len(y))])
    # The oldest scikit-learn that this runs with has no such tolerance for dense data.
    x, z, means = centered(X, y, weights, fit_intercept)
    expected, _, rank, singular = scipy.linalg.lstsq(x, z, cond=1e-6)
    model = LinearRegression(fit_intercept=fit_intercept, solver=solver).fit(X, y, weights)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(model.coef_ / scale, expected.T / scale, rtol=0, atol=1e-9)
    intercept = means[1] - means[0] @ expected if fit_intercept else 0.0
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-8, atol=1e-8)
    assert model.rank_ == rank
    np.testing.assert_allclose(model.singular_ / singular[0], singular / singular[0], atol=1e-9)
    assert model.solver_ == "svd" or solver != "svd"
    reference = Reference(fit_intercept=fit_intercept).fit(X, y, weights)
    if rank == X.shape[1] or reference.rank_ == rank:
        np.testing.assert_allclose(model.coef_ / scale, reference.coef_ / scale, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), reference.predict(X), rtol=1e-6, atol=1e-5)
    assert model.score(X, y, weights) == pytest.approx(reference.score(X, y, weights), abs=1e-7)


def centered(X, y, weights, fit_intercept):
    weights = np.ones(len(y)) if weights is None else weights
    means = np.average(X, axis=0, weights=weights), np.average(y, axis=0, weights=weights)
    x, z = (X - means[0], y - means[1]) if fit_intercept else (X, y)
    root = np.sqrt(weights).reshape(-1, *[1] * (y.ndim - 1))
    return np.sqrt(weights)[:, None] * x, root * z, means


def test_which_solver_runs():
    solvers = {name: LinearRegression().fit(*data(name)).solver_ for name in TABLES + HARD}
    # Different units of the features are no reason to leave the normal equations.
    assert {solvers[name] for name in TABLES} == {"cholesky"}
    assert solvers["far from the origin"] == "cholesky"
    assert solvers["rank-deficient"] == solvers["fewer rows than columns"] == "svd"


@pytest.mark.parametrize("power", [3, 5, 7, 9, 11])
def test_ill_conditioned_data_keeps_its_digits(power):
    """Two columns nearly alike: the error is that of lstsq, not that of its square."""
    rng = np.random.default_rng(power)
    X = rng.standard_normal((200, 3))
    X[:, 2] = X[:, 1] + 10.0**-power * X[:, 2]
    truth = np.array([1.0, 2.0, -1.0])
    model = LinearRegression(tol=0).fit(X, X @ truth)
    assert np.abs(model.coef_ - truth).max() < 1e-14 * 10.0**power + 1e-8 * (power < 4)
    assert model.rank_ == 3
    np.testing.assert_allclose(model.predict(X), X @ truth, atol=1e-11)


def test_tol_is_the_cutoff():
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.standard_normal((50, 3)))[0] * [1, 1e-3, 1e-5]
    y = rng.standard_normal(50)
    for tol, rank in [(0.0, 3), (1e-6, 3), (1e-4, 2), (1e-2, 1)]:
        model = LinearRegression(tol=tol, fit_intercept=False).fit(X, y)
        assert model.rank_ == rank
        expected = scipy.linalg.lstsq(X, y, cond=tol)[0]
        np.testing.assert_allclose(model.coef_, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", DIRECT)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_an_offset_costs_no_digits(dtype, solver):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((3000, 4)) + np.array([1e4, -1e4, 0, 1e4])).astype(dtype)
    y = rng.standard_normal(3000) + 1e4
    model = LinearRegression(solver=solver).fit(X, y)
    x = X.astype(np.longdouble)
    x, z = (x - x.mean(axis=0)).astype("f8"), y - y.mean()
    expected = np.linalg.lstsq(x, z, rcond=None)[0]
    error = np.abs(model.coef_ - expected).max() / np.abs(expected).max()
    assert error < (1e-12 if dtype == "f8" else 1e-7)


@pytest.mark.parametrize("solver", DIRECT)
def test_collinear_constant_and_single(solver):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 1)), rng.standard_normal(20)
    twice = LinearRegression(solver=solver).fit(np.hstack([x, x]), y)
    once = LinearRegression(solver=solver).fit(x, y)
    np.testing.assert_allclose(twice.coef_, once.coef_[0] / 2 * np.ones(2), rtol=1e-9)
    assert (twice.rank_, once.rank_) == (1, 1)
    # A constant column gets nothing, exactly, and all of them the mean.
    constant = np.full((20, 1), 0.1)
    model = LinearRegression(solver=solver).fit(np.hstack([x, constant]), y)
    assert model.coef_[1] == 0 or abs(model.coef_[1]) < 1e-15
    np.testing.assert_allclose(model.coef_[0], once.coef_[0])
    weights = rng.random(20)
    flat = LinearRegression(solver=solver).fit(np.hstack([constant, 3 * constant]), y, weights)
    np.testing.assert_array_equal(flat.coef_, [0, 0])
    assert flat.intercept_ == pytest.approx(np.average(y, weights=weights))
    assert flat.rank_ == 0
    # A constant target needs no feature; a single row none either.
    model = LinearRegression(solver=solver).fit(x, np.full(20, 0.3))
    np.testing.assert_allclose(model.predict(5 * x), np.full(20, 0.3), rtol=1e-14)
    model = LinearRegression(solver=solver).fit([[2.0, 3.0]], [4.0])
    np.testing.assert_array_equal(model.predict([[0.0, 0.0]]), [4.0])


def test_rows_without_weight_do_not_count():
    X, y = data("diabetes")
    weights = np.arange(len(y)) % 3
    found = LinearRegression().fit(X, y, weights)
    repeated = np.repeat(np.arange(len(y)), weights)
    expected = LinearRegression().fit(X[repeated], y[repeated])
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
    # Not even where they are enormous.
    X, y = X.copy(), y.copy()
    X[0], y[0] = 1e15, -1e15
    np.testing.assert_allclose(LinearRegression().fit(X, y, weights).coef_, found.coef_, rtol=1e-9)
    same = LinearRegression().fit(X, y, 2.5)
    np.testing.assert_allclose(same.coef_, LinearRegression().fit(X, y).coef_)


def test_shapes_are_those_of_scikit_learn():
    X, y = data("iris")
    for target in (y, y[:, None], np.column_stack([y, y])):
        for fit_intercept in (True, False):
            ours, theirs = (
                cls(fit_intercept=fit_intercept).fit(X, target)
                for cls in (LinearRegression, Reference)
            )
            assert np.shape(ours.coef_) == np.shape(theirs.coef_)
            assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
            assert ours.predict(X).shape == theirs.predict(X).shape
            assert ours.singular_.shape == theirs.singular_.shape


# --- gradient descent ------------------------------------------------------------------------


def test_one_step_of_gradient_descent_is_the_textbooks(backend):
    """From zero, b changes by −η mean(residual) once, and W by −η mean(residual · x)."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 3)) + np.array([5, 0, -2]), rng.standard_normal(20) + 7
    model = LinearRegression(solver="gd", learning_rate=0.05, max_iter=1, backend=backend)
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        model.fit(X, y)
    assert model.intercept_ == pytest.approx(0.05 * y.mean(), rel=1e-14)
    np.testing.assert_allclose(model.coef_, 0.05 * X.T @ y / 20, rtol=1e-13)
    # The cost after it, divided by 2m: not multiplied by m/2.
    cost = ((model.predict(X) - y) ** 2).sum() / (2 * 20)
    np.testing.assert_allclose(model.loss_curve_, [cost], rtol=1e-13)
    assert model.n_iter_ == 1
    assert model.solver_ == "gd"
    assert model.rank_ is None
    assert model.singular_ is None


@functools.cache
def happiness(kind):
    """Happiness from GDP and freedom: the real table where it is at hand, and one like it."""
    if kind == "like it":
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.uniform(0, 1.9, 155), rng.uniform(0, 0.66, 155)])
        return X, 3 + X @ [1.5, 2.0] + 0.5 * rng.standard_normal(155)
    table = homemade("world-happiness-report-2017")
    features = ["Economy..GDP.per.Capita.", "Freedom"]
    return table[features].to_numpy(), table["Happiness.Score"].to_numpy()


@pytest.mark.parametrize("kind", ["like it", "real"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"solver": "gd", "tol": 1e-7}, {"solver": "gd", "learning_rate": 0.5, "tol": 1e-7},
     {"solver": "cg"}, {"solver": "lbfgs"}],
)  # fmt: skip
def test_happiness_costs_what_the_exact_optimum_costs(settings, kind):
    """Trained on four fifths, ten times: the cost there and on the rest, (1/2m) Σ (ŷ − y)²."""
    X, y = happiness(kind)
    A = np.column_stack([np.ones(len(y)), X])
    for seed in range(10):
        train, test = np.split(np.random.default_rng(seed).permutation(len(y)), [len(y) * 4 // 5])
        exact = np.linalg.lstsq(A[train], y[train], rcond=None)[0]
        model = LinearRegression(**settings).fit(X[train], y[train])
        for rows in (train, test):
            cost = ((model.predict(X[rows]) - y[rows]) ** 2).mean() / 2
            assert cost == pytest.approx(((A[rows] @ exact - y[rows]) ** 2).mean() / 2, abs=1e-6)
        if settings:
            assert (np.diff(model.loss_curve_) <= 1e-12).all()
            assert len(model.loss_curve_) == model.n_iter_ < 10_000


def test_iterative_solvers_on_several_weighted_targets():
    rng = np.random.default_rng(0)
    X, weights = rng.standard_normal((50, 3)) + 2, rng.random(50)
    y = X @ rng.standard_normal((3, 2)) + rng.standard_normal((50, 2))
    for fit_intercept in (True, False):
        best = LinearRegression(fit_intercept=fit_intercept).fit(X, y, weights)
        for solver in ("gd", "cg", "lbfgs"):
            model = LinearRegression(fit_intercept=fit_intercept, solver=solver, tol=1e-8)
            model.fit(X, y, weights)
            np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-6)
            np.testing.assert_allclose(model.intercept_, best.intercept_, atol=1e-6)
            assert model.coef_.shape == (2, 3)


def test_automatic_steps_do_not_mind_an_offset():
    X, y = data("far from the origin")
    best = LinearRegression().fit(X, y)
    model = LinearRegression(solver="gd", tol=1e-7).fit(X, y)
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-5)


def test_too_long_a_step_is_told():
    X, y = data("wine")
    with pytest.raises(DivergenceError, match=r"not finite.*learning_rate"):
        LinearRegression(solver="gd", learning_rate=1e10).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=3") as caught:
        LinearRegression(solver="gd", max_iter=3).fit(X, y)
    assert caught[0].filename == __file__


def test_ctrl_c_leaves_the_best_so_far(monkeypatch):
    seen = []

    class Bar:
        def __enter__(self):
            return self.update

        def __exit__(self, *exception):
            return False

        def update(self, iteration, **figures):
            seen.append(figures["loss"])
            if len(seen) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("accelml.linear_model.linear_regressor.progress_bar", lambda *a, **k: Bar())
    X, y = data("wine")
    with pytest.warns(TrainingInterrupted, match="best found so far"):
        model = LinearRegression(solver="gd").fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 20


def test_a_second_fit_by_another_solver_leaves_nothing_of_the_first():
    X, y = happiness("like it")
    model = LinearRegression(solver="gd").fit(X, y)
    assert model.loss_curve_
    model.set_params(solver="auto").fit(X, y)
    assert not hasattr(model, "loss_curve_")
    assert model.n_iter_ == 1
    assert model.rank_ == 2


# --- every backend ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "rank-deficient", "fewer rows than columns"])
def test_every_backend_agrees(backend, name):
    X, y = data(name)
    y = np.column_stack([y, -2 * y])
    weights = np.random.default_rng(0).random(len(y))
    expected = LinearRegression(backend="numpy").fit(X, y, weights)
    model = LinearRegression(backend=backend).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(model.singular_, expected.singular_, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-9, atol=1e-11)
    assert (model.rank_, model.solver_) == (expected.rank_, expected.solver_)
    assert type(model.coef_) is np.ndarray
    assert model.backend_ == backend.name


def test_every_backend_agrees_in_float32(backend):
    X, y = data("diabetes")
    expected = LinearRegression().fit(X, y)
    model = LinearRegression(backend=backend).fit(X.astype("f4"), y)
    for part in (model.coef_, model.intercept_, model.singular_, model.predict(X.astype("f4"))):
        assert part.dtype == np.float32
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-4)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-5)


def test_targets_of_float32_are_summed_as_they_are(backend):
    """They are the same numbers in float64; a sum in float32 would show in the sixth digit."""
    X, y = data("diabetes")
    y = (y + 1e4).astype("f4")
    for X_given, tolerance in ((X, 1e-10), (X.astype("f4"), 1e-4)):
        expected = LinearRegression(backend=backend).fit(X_given, y.astype("f8"))
        model = LinearRegression(backend=backend).fit(X_given, y)
        np.testing.assert_allclose(model.coef_, expected.coef_, rtol=tolerance)
        np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=tolerance / 10)


def test_every_backend_descends_alike(backend):
    X, y = happiness("like it")
    expected = LinearRegression(solver="gd", backend="numpy").fit(X, y)
    model = LinearRegression(solver="gd", backend=backend).fit(X, y)
    assert abs(model.n_iter_ - expected.n_iter_) <= 1
    steps = min(model.n_iter_, expected.n_iter_)
    np.testing.assert_allclose(model.loss_curve_[:steps], expected.loss_curve_[:steps], rtol=1e-12)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-7)


def test_one_row_and_a_shifted_set_are_predicted_by_what_training_learned(backend):
    X, y = data("iris")
    model = LinearRegression(backend=backend).fit(X, y)
    whole = model.predict(X)
    for i in (0, 77):
        np.testing.assert_allclose(model.predict(X[i : i + 1]), whole[i : i + 1], rtol=1e-12)
    shifted = model.predict(X + 3)
    np.testing.assert_allclose(shifted, whole + 3 * model.coef_.sum(), rtol=1e-10)


def test_inputs_are_left_alone(backend):
    X, y = (part.copy() for part in data("iris"))
    kept, weights = (X.copy(), y.copy()), np.ones(len(y))
    for solver in ("auto", "svd", "lbfgs"):
        model = LinearRegression(solver=solver, copy_X=False, backend=backend)
        model.fit(X, y, weights).predict(X)
        np.testing.assert_array_equal(X, kept[0])
        np.testing.assert_array_equal(y, kept[1])
        np.testing.assert_array_equal(weights, np.ones(len(y)))


@needs_jax
def test_jax_arrays_in_and_out():
    import jax
    import jax.numpy as jnp

    X, y = data("iris")
    expected = LinearRegression().fit(X.astype("f4"), y)
    x, weights = jnp.asarray(X, jnp.float32), jnp.ones(len(y))
    model = LinearRegression().fit(x, jnp.asarray(y), weights)
    assert model.backend_ == "jax"
    predicted = model.predict(x)
    assert isinstance(predicted, jax.Array)
    np.testing.assert_allclose(predicted, expected.predict(X), rtol=1e-4, atol=1e-5)
    assert model.score(x, jnp.asarray(y)) == pytest.approx(expected.score(X, y), abs=1e-5)
    assert type(model.coef_) is np.ndarray


@needs_jax
@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({}, [{"tol": 1e-3}]),
        ({"solver": "svd"}, [{"tol": 1e-3}]),
        ({"solver": "gd"}, [{"tol": 1e-2}, {"max_iter": 27}, {"learning_rate": 0.1}]),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_second_fit_compiles_nothing(settings, changes):
    X, y = happiness("like it")
    model = LinearRegression(**settings, backend="jax").fit(X, y)
    model.predict(X)
    with compilations() as events:
        for change in [{}, *changes]:
            model.set_params(**change).fit(X[::-1].copy(), 2 * y, np.arange(len(y)) + 1.0)
            model.predict(X)
    assert events == []


# --- the company it keeps --------------------------------------------------------------------

CHECKED = [LinearRegression(), LinearRegression(solver="svd"), LinearRegression(solver="gd")]
if not problem("numba"):
    CHECKED += [LinearRegression(backend="numba")]


@parametrize_with_checks(CHECKED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_layouts_and_types_agree():
    X, y = data("diabetes")
    expected = LinearRegression().fit(X, y).coef_
    frozen = X.copy()
    frozen.flags.writeable = False
    for variant in (frozen, np.asfortranarray(X), X[::-1][::-1], X.tolist()):
        np.testing.assert_allclose(LinearRegression().fit(variant, y).coef_, expected, rtol=1e-9)
    integers = np.round(1000 * X).astype(int)
    model = LinearRegression().fit(integers, y.astype(int))
    assert model.coef_.dtype == np.float64
    assert LinearRegression().fit(X.astype("f2"), y).coef_.dtype == np.float64


def test_clone_pickle_and_pipelines():
    X, y = data("diabetes")
    model = LinearRegression(tol=1e-9).fit(X, y)
    assert clone(model).get_params() == model.get_params()
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))
    pipeline = make_pipeline(StandardScaler(), LinearRegression())
    assert cross_val_score(pipeline, X, y).mean() > 0.45
    search = GridSearchCV(LinearRegression(), {"fit_intercept": [True, False]}).fit(X, y)
    assert search.best_params_ == {"fit_intercept": True}


def test_data_frames_and_feature_names():
    import pandas as pd

    X, y = data("iris")
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LinearRegression().fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-9)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])
    several = LinearRegression().fit(frame, pd.DataFrame({"u": y, "v": -y}))
    assert several.coef_.shape == (2, 4)


ONE = [[0.0], [1.0]]
BAD_INPUT = [
    ({}, [[np.nan], [1.0]], [0, 1], None, "Input X contains NaN"),
    ({}, [1.0, 2.0], [0, 1], None, "Expected 2D array, got 1D array"),
    ({}, np.zeros((0, 2)), [], None, "0 sample"),
    ({}, ONE, [0, 1, 1], None, "inconsistent numbers of samples"),
    ({}, ONE, None, None, "requires y"),
    ({}, ONE, [0.0, np.nan], None, "Input y contains NaN"),
    ({}, ONE, [0.0, np.inf], None, "Input y contains infinity"),
    ({}, ONE, np.zeros((2, 2, 2)), None, "y"),
    ({}, ONE, np.zeros((2, 0)), None, "y has no column"),
    ({}, np.array(1.0), [1], None, "Expected 2D array, got scalar"),
    ({}, ONE, ["a", "b"], None, "could not convert string"),
    ({}, ONE, [0, 1], [1.0], "sample_weight"),
    ({}, ONE, [0, 1], [-1.0, 1.0], "negative"),
    ({}, ONE, [0, 1], [0.0, 0.0], "at least one|is 0 everywhere"),
    ({"tol": -1}, ONE, [0, 1], None, "'tol' parameter"),
    ({"max_iter": 0}, ONE, [0, 1], None, "'max_iter' parameter"),
    ({"solver": "qr"}, ONE, [0, 1], None, "'solver' parameter"),
    ({"learning_rate": 0.0}, ONE, [0, 1], None, "'learning_rate' parameter"),
    ({"n_jobs": "all"}, ONE, [0, 1], None, "'n_jobs' parameter"),
]


@pytest.mark.parametrize(("parameters", "X", "y", "weights", "message"), BAD_INPUT)
def test_bad_input_changes_nothing(parameters, X, y, weights, message):
    model = LinearRegression().fit(*data("iris"))
    before = dict(vars(model))
    model.set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, weights)
    model.set_params(**{name: before[name] for name in parameters})
    assert {k: v is before[k] for k, v in vars(model).items()} == dict.fromkeys(before, True)


@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_squares_that_overflow_do_no_harm_and_what_does_is_told(solver):
    X = 1e200 * np.random.default_rng(0).standard_normal((9, 2))
    model = LinearRegression(solver=solver).fit(X, X @ [1.0, -2.0] + 1e200)
    np.testing.assert_allclose(model.coef_, [1, -2], rtol=1e-12)
    assert model.solver_ == "svd"
    with pytest.raises(DivergenceError, match="too large"):
        LinearRegression(solver=solver).fit([[1.0], [2.0]], [1.7e308, -1.7e308])


@pytest.mark.parametrize("solver", ["auto", "gd"])
def test_scikit_learns_callbacks(solver, capsys):
    callback = pytest.importorskip("sklearn.callback")
    model = LinearRegression(solver=solver).set_callbacks(callback.ProgressBar())
    model.fit(*happiness("like it"))
    assert "LinearRegression - fit" in capsys.readouterr().out


def test_sparse_input_is_refused():
    import scipy.sparse

    with pytest.raises(TypeError, match=r"[Ss]parse data"):
        LinearRegression().fit(scipy.sparse.eye(3, format="csr"), [0, 1, 2])
