"""The threshold by labelled rows: real ones, every way to label them, and none."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import f1_score

from accelml.anomaly import GaussianAnomalyDetector
from tests.data import homemade

TYPES = ["diag", "full"]
each_type = pytest.mark.parametrize("covariance_type", TYPES)


def server_data():
    frame = homemade("server-operational-params")
    return frame.iloc[:, :2], frame["Anomaly"]


@each_type
def test_server_anomalies(backend, covariance_type):
    """307 servers, 9 of them labelled; the file has no part for validation of its own."""
    X, y = server_data()
    model = GaussianAnomalyDetector(covariance_type=covariance_type, backend=backend).fit(X)
    model.select_threshold(X, y)
    assert model.best_f1_ >= 0.8
    assert f1_score(y == 1, model.predict(X) == -1) == model.best_f1_
    assert model.f1_curve_.max() == model.best_f1_
    assert model.offset_ in model.thresholds_
    sizes = {len(getattr(model, f"{name}_curve_")) for name in ("precision", "recall", "f1")}
    assert sizes == {len(model.thresholds_)}


@each_type
def test_server_anomalies_of_ten_random_parts(covariance_type):
    """Four fifths of the rows at a time: the teaching project reaches 0.8 on all of them."""
    X, y = (part.to_numpy() for part in server_data())
    reached = []
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(len(y))[: len(y) * 4 // 5]
        model = GaussianAnomalyDetector(covariance_type=covariance_type).fit(X[rows])
        reached.append(model.select_threshold(X[rows], y[rows]).best_f1_)
    assert np.mean(reached) >= 0.8


def select(y, **options):
    X = np.arange(6.0)[:, None]
    model = GaussianAnomalyDetector().fit(X - 2.5)
    return model.select_threshold(X, y, **options)


def test_both_ways_to_say_anomaly():
    y = np.array([0, 0, 0, 0, 1, 1])
    for labels in (y, y.astype(bool), y.tolist(), y.astype("f4"), 1 - 2 * y, pd.Series(1 - 2 * y)):
        model = select(labels)
        assert model.best_f1_ == 1
        assert model.predict(np.arange(6.0)[:, None]).tolist() == [1, 1, 1, 1, -1, -1]
    assert select(1 - 2 * y, pos_label=-1).best_f1_ == 1
    assert select(y, pos_label=1).best_f1_ == 1


def test_the_labels_are_copied():
    y = np.array([0, 0, 0, 0, 1, 1], bool)
    model = select(y)
    y[:] = False
    assert model.f1_curve_.max() == model.best_f1_ == 1


def test_one_label_alone():
    X = np.arange(6.0)[:, None]
    for labels in (np.ones(6), np.full(6, True), np.full(6, -1)):
        model = select(labels)
        assert model.best_f1_ == 1
        assert (model.predict(X) == -1).all()
    for labels, options in ((np.zeros(6), {}), (np.ones(6), {"pos_label": -1})):
        with pytest.warns(UndefinedMetricWarning, match="y_val has no anomaly") as caught:
            model = select(labels, **options)
        assert caught[0].filename == __file__
        assert model.best_f1_ == 0
        assert (model.predict(X) == 1).all()


BAD_LABELS = [
    (None, {}, "needs y_val"),
    ([0, 1], {}, "X_val has 6 rows and y_val has 2"),
    ([0, 1, -1, 0, 0, 1], {}, r"labels -1, 0, 1: an anomaly is 1 .* relabel"),
    ([0, 1, 2, 0, 0, 1], {}, "labels 0, 1, 2"),
    (list("aabbab"), {}, "labels 'a', 'b'"),
    ([0, 1, np.nan, 0, 0, 1], {}, "NaN"),
    ([0, None, 1, 0, 0, 1], {}, "labels 0, 1, None"),
    ([0, 0.5, 1, 0, 0, 1], {}, r"labels 0\.0, 0\.5, 1\.0"),
    ([-1, 1, 1, 1, 1, 1], {"pos_label": 1}, "labels -1, 1"),
    ([0, 1, 0, 0, 0, 0], {"pos_label": -1}, "labels 0, 1"),
    ([0, 1, 0, 0, 0, 0], {"pos_label": 0}, "pos_label=0 is not"),
    (np.zeros((6, 2)), {}, "1d array"),
    ([0, 1, 0, 0, 0, 0], {"sample_weight": -np.ones(6)}, "negative"),
    ([0, 1, 0, 0, 0, 0], {"sample_weight": np.ones(5)}, "sample_weight"),
]


@pytest.mark.parametrize(("y", "options", "message"), BAD_LABELS)
def test_bad_labels(y, options, message):
    with pytest.raises(ValueError, match=message):
        select(y, **options)


def test_weights_of_the_labelled_rows():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    model = GaussianAnomalyDetector().fit([[-1.0], [1.0]])
    # Scores fall with X: without weights all but the first row, with them the last alone.
    for weights, called in (None, [1, -1, -1, -1]), ([1, 1e-3, 1, 1], [1, 1, 1, -1]):
        model.select_threshold(X, y, weights)
        assert model.predict(X).tolist() == called
        reached = f1_score(y, np.array(called) == -1, sample_weight=weights)
        assert model.best_f1_ == pytest.approx(reached, rel=1e-12)


def test_a_constant_score_does_not_crash_the_threshold():
    model = GaussianAnomalyDetector().fit(np.ones((5, 2)))
    model.select_threshold(np.ones((4, 2)), [0, 1, 0, 1])
    assert model.best_f1_ == pytest.approx(2 / 3)
    assert model.predict(np.ones((2, 2))).tolist() == [-1, -1]


def test_another_fit_forgets_the_threshold():
    X = np.random.default_rng(7).standard_normal((30, 2))
    model = GaussianAnomalyDetector().fit(X)
    offset = model.offset_
    for again in (model.fit, model.partial_fit):
        model.select_threshold(X, np.arange(30) < 3)
        assert model.offset_ != offset
        again(X)
        assert not hasattr(model, "thresholds_")
    assert model.fit(X).offset_ == offset
