"""What users are told of the end of a minimisation."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning

from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.optimize import Result, Stop
from accelml.optimize.report import report

FIT = {"solver": "cg", "tol": 1e-3, "max_iter": 7, "dtype": "float32"}


def ended(stop, norm, curve=(3.0, 2.0, 1.0)):
    return Result((), curve[-1], norm, len(curve), stop, list(curve))


DONE = ended(Stop.CONVERGED, 1e-4)


@pytest.mark.parametrize(
    "results",
    [
        [DONE],
        [DONE, ended(Stop.STALLED, 1e-4)],
        [ended(Stop.LIMIT, 1e-3)],  # as flat as it was asked to be
        [DONE, ended(Stop.ASKED, 5.0)],
        # Higher than it began, but ended by the callback.
        [ended(Stop.ASKED, 5.0, (1.0, 2.0))],
        [ended(Stop.LIMIT, 1e-4, (1.0, 2.0))],
    ],
)
def test_nothing_to_say(results):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report(results, **FIT)


@pytest.mark.parametrize(
    ("results", "category", "words"),
    [
        ([DONE, ended(Stop.LIMIT, 0.25)], ConvergenceWarning, "within max_iter=7.*norm 2.5e-01"),
        ([ended(Stop.LIMIT, 0.25, (3.0, 9.0, 3.0))], ConvergenceWarning, "within max_iter=7"),
        ([ended(Stop.LIMIT, 0.25, (3.0, 9.0, 2.0))], ConvergenceWarning, "within max_iter=7"),
        ([ended(Stop.LIMIT, 2.0, (3.0, 1.0, 4.0))], ConvergenceWarning, "lower step, or scale"),
        ([ended(Stop.LIMIT, 2.0, (3.0, 4.0))], ConvergenceWarning, "ends at a higher loss"),
        ([ended(Stop.STALLED, 0.25)], ConvergenceWarning, "no further in float32.*2.5e-01"),
        # A limit is worth more words than a stall, an interruption than both.
        ([ended(Stop.STALLED, 9.0), ended(Stop.LIMIT, 1.0)], ConvergenceWarning, "norm 9.0e"),
        ([ended(Stop.INTERRUPTED, 1e-9)], TrainingInterrupted, "the best found so far"),
        ([ended(Stop.LIMIT, 1.0), ended(Stop.INTERRUPTED, 1.0)], TrainingInterrupted, "best"),
    ],
)
def test_warnings_point_at_the_caller(results, category, words):
    with pytest.warns(category, match=words) as caught:
        report(results, **FIT, rate="step")
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_loss_that_is_not_finite_is_an_error_above_all():
    results = [ended(Stop.INTERRUPTED, 1.0), ended(Stop.NOT_FINITE, float("nan"))]
    with pytest.raises(DivergenceError, match=r"solver='cg'.* lower learning_rate$"):
        report(results, **FIT)
