"""The judge of gradients: what it reports, and that nothing dubious passes."""

from dataclasses import dataclass

import numpy as np
import pytest

from accelml.gradcheck import TOLERANCE, GradientReport, Row, check_gradients, compare
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.objectives.linear_classifier import Linear, LinearClassifier
from accelml.selection import available_backends
from tests import backends

rng = np.random.default_rng(8)
X = rng.standard_normal((9, 3))
y = np.array(list("abcabcbca"))
HAS_JAX = "jax" in available_backends()
METHODS = [
    pytest.param("jax.grad", marks=pytest.mark.skipif(not HAS_JAX, reason="needs JAX")),
    "central differences",
]


@dataclass(frozen=True)
class Poisoned(LinearClassifier):
    """One entry of the gradient by the bias is something else."""

    poison: float = float("nan")

    def __call__(self, backend, params, rows):
        xp = backend.xp
        value, found = super().__call__(backend, params, rows)
        last = xp.arange(found.bias.shape[0]) == found.bias.shape[0] - 1
        bias = xp.where(last, xp.full_like(found.bias, self.poison), found.bias)
        return value, found._replace(bias=bias)


class PoisonedRegression(LogisticRegression):
    poison = float("nan")

    def _gradient_problems(self, *args):
        for problem in super()._gradient_problems(*args):
            yield problem._replace(objective=Poisoned(problem.objective.loss, True, self.poison))


@pytest.mark.backends("numpy", "array-api-strict", "jax")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_does_not_pass(backend, poison, method):
    model = PoisonedRegression()
    model.poison = poison
    report = check_gradients(model, X, y, backend=backend, method=method)
    assert not report.passed
    weights, bias = report.rows
    assert weights.passed
    assert not bias.passed
    assert bias.worst == (2,)
    assert "bias" in str(report)
    assert "WRONG" in str(report)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_neither_does_one_judged_by_what_is_not_finite(bad):
    """A reference that is broken too proves nothing."""
    broken = Linear(np.array([[1.0, bad]]), np.zeros(2))
    with np.errstate(invalid="ignore"):
        weights, bias = compare("", broken, broken, 1e-7)
    assert not weights.passed
    assert bias.passed


def test_compare_finds_the_worst_entry():
    reference = Linear(np.array([[1.0, -4.0], [0.5, 2.0]]), np.array([0.0, 0.0]))
    found = Linear(np.array([[1.0, -4.0], [0.9, 1.9]]), np.array([0.0, 1e-9]))
    weights, bias = compare("layer.", found, reference, 0.1)
    assert weights.name == "layer.weights"
    assert weights.worst == (1, 0)
    assert weights.max_absolute_error == pytest.approx(0.4)
    # Relative to the largest entry, so that one near zero does not count for everything.
    assert weights.max_relative_error == pytest.approx(0.1)
    assert not bias.passed
    assert bias.max_relative_error == pytest.approx(1e3)
    assert bias.worst == (1,)


@pytest.mark.parametrize(("tolerance", "passed"), [(0.100001, True), (0.099999, False)])
def test_the_tolerance_is_the_limit(tolerance, passed):
    reference, found = np.array([10.0, 0.0]), np.array([10.0, 1.0])
    (row,) = compare("", found, reference, tolerance)
    assert row.passed == passed


def test_a_tolerance_of_ones_own():
    model = LogisticRegression()
    strict = check_gradients(model, X, y, method="central differences", tolerance=1e-300)
    assert strict.tolerance == 1e-300
    assert not strict.passed
    # The same numbers as with the default, which passes.
    default = check_gradients(model, X, y, method="central differences")
    assert default.tolerance == TOLERANCE["central differences"] == 1e-5
    assert default.passed
    errors = [[row.max_absolute_error for row in report.rows] for report in (strict, default)]
    assert errors[0] == errors[1]
    assert max(errors[0]) > 0


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_what_was_asked_for(method):
    report = check_gradients(MLPClassifier((2,)), X, y, method=method)
    assert report.method == method
    assert report.tolerance == TOLERANCE[method]
    assert report.passed, report


def test_jax_judges_where_it_is_installed():
    expected = "jax.grad" if HAS_JAX else "central differences"
    assert check_gradients(LogisticRegression(), X, y).method == expected


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"method='autograd' is not known.*central.*jax\.grad"):
        check_gradients(LogisticRegression(), X, y, method="autograd")


@pytest.mark.skipif(bool(backends.problem("numba")), reason=backends.problem("numba"))
def test_the_backend_is_the_estimators_unless_given():
    method = "central differences"
    assert check_gradients(LogisticRegression(), X, y, method=method).backend == "numpy"
    report = check_gradients(LogisticRegression(backend="numba"), X, y, method=method)
    assert report.backend == "numba"
    report = check_gradients(
        LogisticRegression(backend="numba"), X, y, method=method, backend="numpy"
    )
    assert report.backend == "numpy"


def test_the_seed_decides_the_parameters():
    def errors(seed):
        report = check_gradients(
            LogisticRegression(), X, y, method="central differences", random_state=seed
        )
        return [row.max_absolute_error for row in report.rows]

    assert errors(1) == errors(1)
    assert errors(1) != errors(2)


def test_the_estimator_and_the_data_stay_as_they_are():
    model, before = MLPClassifier((2,)), X.copy()
    state = dict(vars(model))
    check_gradients(model, X, y, method="central differences")
    assert vars(model) == state
    np.testing.assert_array_equal(X, before)


def test_printing():
    report = GradientReport(
        "jax.grad",
        "cupy",
        1e-7,
        [
            Row("[0].weights", 2.5e-12, 1.3e-11, (3, 0), True),
            Row("[0].bias", 0.5, 1.0, (2,), False),
        ],
    )
    assert str(report).splitlines() == [
        "gradient on cupy against jax.grad, tolerance 1e-07",
        "[0].weights  relative error 1.3e-11  absolute 2.5e-12 at [3, 0]  ok",
        "[0].bias     relative error 1.0e+00  absolute 5.0e-01 at [2]  WRONG",
    ]
    assert not report.passed
    assert GradientReport("jax.grad", "cupy", 1e-7, report.rows[:1]).passed
