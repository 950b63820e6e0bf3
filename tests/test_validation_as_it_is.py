"""What is taken without scikit-learn's checks is what they would have returned, and no more."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context

from accelml import get_backend, validation
from accelml.linear_model import LinearRegression
from accelml.preprocessing import StandardScaler

ROWS = np.random.default_rng(0).standard_normal((6, 3))


class Rows(np.ndarray):
    """An array of a class of its own."""


def with_entry(value):
    rows = ROWS.copy()
    rows[4, 1] = value
    return rows


INPUTS = {
    "float64": ROWS,
    "float32": ROWS.astype(np.float32),
    "columns first": np.asfortranarray(ROWS),
    "every other": ROWS[::2],
    "the other byte order": ROWS.astype(">f8"),
    "half": ROWS.astype(np.float16),
    "integers": ROWS.astype(int),
    "booleans": ROWS > 0,
    "objects": ROWS.astype(object),
    "strings": ROWS.astype(str),
    "complex": ROWS * 1j,
    "list": ROWS.tolist(),
    "subclass": ROWS.view(Rows),
    "masked": np.ma.masked_array(ROWS, ROWS > 1),
    "table": pd.DataFrame(ROWS, columns=list("abc")),
    "table without names": pd.DataFrame(ROWS),
    "sparse": sparse.csr_array(ROWS),
    "NaN": with_entry(np.nan),
    "infinity": with_entry(np.inf),
    "minus infinity": with_entry(-np.inf),
    "large": np.full((6, 3), 1e308),
    "no rows": ROWS[:0],
    "no columns": ROWS[:, :0],
    "one column less": ROWS[:, 1:],
    "one row": ROWS[:1],
    "vector": ROWS[0],
    "number": np.asarray(1.0),
    "three axes": ROWS[None],
}


def outcome(call):
    """What is returned or raised, and what is warned of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            found = call()
        except (TypeError, ValueError) as error:
            found = error
    said = [(each.category, str(each.message)) for each in seen]
    if isinstance(found, Exception):
        return type(found), str(found), said
    return found.dtype, found.tolist(), type(found), said


def outcomes(monkeypatch, call):
    """The same with scikit-learn's checks left out where that is possible, and never."""
    real = outcome(call)
    with monkeypatch.context() as patch:
        for module in ("accelml.validation", "accelml.preprocessing.standard_scaler"):
            patch.setattr(f"{module}.accept_as_it_is", lambda *_, **__: False)
        return real, outcome(call)


@pytest.mark.parametrize("fitted_on", [None, "float64", "table", "one column less"])
@pytest.mark.parametrize("name", INPUTS)
def test_rows_are_taken_refused_and_warned_of_as_scikit_learn_does(monkeypatch, name, fitted_on):
    states = []

    def check():
        model = LinearRegression()
        if fitted_on is not None:
            model.fit(INPUTS[fitted_on], np.arange(6.0))
        try:
            return validation.check_X(
                model, INPUTS[name], backend=get_backend("numpy"), owned=None, reset=not fitted_on
            )
        finally:
            names = getattr(model, "feature_names_in_", np.empty(0))
            states.append((getattr(model, "n_features_in_", None), names.tolist()))

    real, expected = outcomes(monkeypatch, check)
    assert str(real) == str(expected)
    is_refused = isinstance(real[0], type)  # what it leaves behind is put back by ``fit``
    assert is_refused or states[0] == states[1]


def test_names_of_an_earlier_fit_are_forgotten():
    model = LinearRegression().fit(INPUTS["table"], np.arange(6.0))
    model.fit(ROWS, np.arange(6.0))
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3


@pytest.mark.parametrize("name", INPUTS)
def test_a_scaler_takes_the_same(monkeypatch, name):
    scaler = StandardScaler()
    real, expected = outcomes(monkeypatch, lambda: scaler.fit(INPUTS[name]).scale_)
    assert str(real) == str(expected)
    scaler = StandardScaler().fit(ROWS)
    real, expected = outcomes(monkeypatch, lambda: scaler.transform(INPUTS[name]))
    assert str(real) == str(expected)


@pytest.mark.parametrize("dtype", [np.float64, validation.REAL])
@pytest.mark.parametrize("name", INPUTS)
def test_targets_are_taken_refused_and_warned_of_likewise(monkeypatch, name, dtype):
    def check():
        return validation.check_targets(6, INPUTS[name], dtype)

    real = outcome(check)
    monkeypatch.setattr(validation, "has_finite_sum", lambda _: False)
    assert str(real) == str(outcome(check))


def test_nan_is_taken_where_the_user_says_that_there_is_none():
    with config_context(assume_finite=True):
        model = LinearRegression()
        found = validation.check_X(
            model, INPUTS["NaN"], backend=get_backend("numpy"), owned=None, reset=True
        )
    assert found is INPUTS["NaN"]
