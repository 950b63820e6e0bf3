"""The generators of tables: what they promise, and that what they are for does learn them."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from accelml.anomaly import GaussianAnomalyDetector
from accelml.datasets import (
    load_microchips,
    load_nonlinear,
    load_server_metrics,
    make_microchips,
    make_nonlinear,
    make_server_metrics,
)
from accelml.datasets._make_microchips import distance_from_center
from accelml.datasets._make_nonlinear import curve
from accelml.datasets._microchips import MICROCHIPS
from accelml.datasets._nonlinear import NONLINEAR
from accelml.datasets._server_metrics import SERVER_METRICS
from accelml.linear_model import LinearRegression, LogisticRegression
from accelml.preprocessing import PolynomialFeatures, SinusoidFeatures, StandardScaler
from tests.datasets.test_tables import real_file

MAKERS = {
    make_microchips: (118, 2, np.int64, MICROCHIPS),
    make_server_metrics: (307, 2, np.int64, SERVER_METRICS),
    make_nonlinear: (250, 1, np.float64, NONLINEAR),
}
each_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@each_maker
class TestEachMaker:
    def test_shapes_and_dtypes(self, make):
        rows, columns, kind, _ = MAKERS[make]
        for options, n_samples in (({}, rows), ({"n_samples": 1000}, 1000)):
            X, y = make(**options)
            assert (X.shape, X.dtype) == ((n_samples, columns), np.float64)
            assert (y.shape, y.dtype) == ((n_samples,), kind)
            assert np.isfinite(X).all()
            assert X.flags.writeable

    def test_same_seed_same_data(self, make):
        first, second = (make(random_state=7) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)
        for other in (make(random_state=8), make(), make()):
            assert not np.array_equal(np.column_stack(first), np.column_stack(other))

    @pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
    def test_generators_are_accepted_and_move_on(self, make, source):
        generator = source(3)
        first, second = (np.column_stack(make(random_state=generator)) for _ in range(2))
        np.testing.assert_array_equal(first, np.column_stack(make(random_state=source(3))))
        assert not np.array_equal(first, second)

    def test_columns_are_called_as_in_the_real_table(self, make):
        frame, series = make(20, random_state=0, as_frame=True)
        assert list(frame.columns) == MAKERS[make][-1].feature_names
        assert series.name == "target"
        X, y = make(20, random_state=0)
        np.testing.assert_array_equal(frame.to_numpy(), X)
        np.testing.assert_array_equal(series.to_numpy(), y)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_samples", 0), ("n_samples", 2.5), ("n_samples", True), ("n_samples", "many"),
            ("random_state", -1), ("random_state", "seed"),
        ],
    )  # fmt: skip
    def test_bad_arguments_are_named(self, make, name, value):
        with pytest.raises(ValueError, match=rf"^{name} is {value!r}; pass "):
            make(**{name: value})


@pytest.mark.parametrize("make", [make_microchips, make_nonlinear])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "much", None, True])
def test_bad_noise_is_named(make, value):
    with pytest.raises(ValueError, match=rf"^noise is {value!r}; pass a finite number"):
        make(noise=value)


@pytest.mark.parametrize("value", [-1, 1.5, 308])
def test_a_bad_number_of_anomalies_is_named(value):
    with pytest.raises(ValueError, match=rf"^n_anomalies is {value}; pass "):
        make_server_metrics(n_anomalies=value)


class TestMicrochips:
    def test_look_like_the_real_ones(self):
        real_file(MICROCHIPS)
        real, _ = load_microchips(return_X_y=True)
        X, y = make_microchips(5000, random_state=0)
        np.testing.assert_allclose(X.mean(axis=0), real.mean(axis=0), atol=0.1)
        np.testing.assert_allclose(X.std(axis=0), real.std(axis=0), rtol=0.1)
        assert 0.45 < y.mean() < 0.55

    def test_without_noise_an_ellipse_tells_them_apart(self):
        X, y = make_microchips(2000, noise=0, random_state=0)
        np.testing.assert_array_equal(y == 1, distance_from_center(X) < 1)
        model = make_pipeline(PolynomialFeatures(2, include_bias=False), LogisticRegression(C=1e4))
        assert model.fit(X, y).score(X, y) > 0.995

    @pytest.mark.parametrize("seed", range(3))
    def test_squares_learn_what_a_straight_line_cannot(self, seed):
        X, y = make_microchips(random_state=seed)
        X_test, y_test = make_microchips(2000, random_state=100 + seed)
        line = LogisticRegression().fit(X, y).score(X_test, y_test)
        features = PolynomialFeatures(2, include_bias=False)
        model = make_pipeline(features, StandardScaler(), LogisticRegression(C=10))
        assert line < 0.6
        assert model.fit(X, y).score(X_test, y_test) > 0.8


class TestServerMetrics:
    def test_look_like_the_real_ones(self):
        real_file(SERVER_METRICS)
        real, labels = load_server_metrics(return_X_y=True)
        X, y = make_server_metrics(5000, n_anomalies=100, random_state=0)
        normal, like = real[labels == 0], X[y == 0]
        np.testing.assert_allclose(like.mean(axis=0), normal.mean(axis=0), atol=0.1)
        np.testing.assert_allclose(like.std(axis=0), normal.std(axis=0), rtol=0.05)
        assert abs(np.corrcoef(like.T)[0, 1]) < 0.05
        assert X.min() > 0  # no server answers before it is asked

    @pytest.mark.parametrize("n_anomalies", [0, 1, 9, 307])
    def test_as_many_anomalies_as_asked_for_anywhere_among_the_rows(self, n_anomalies):
        _, y = make_server_metrics(n_anomalies=n_anomalies, random_state=0)
        assert y.sum() == n_anomalies
        assert n_anomalies != 9 or np.ptp(np.flatnonzero(y)) > 100

    @pytest.mark.parametrize("seed", range(3))
    def test_the_detector_finds_them(self, seed):
        X, y = make_server_metrics(random_state=seed)
        model = GaussianAnomalyDetector().fit(X)
        assert model.select_threshold(X, y).best_f1_ > 0.85
        X_new, y_new = make_server_metrics(random_state=100 + seed)
        found = model.predict(X_new) == -1
        assert np.mean(found[y_new == 1]) > 0.6
        assert np.mean(found[y_new == 0]) < 0.02


class TestNonlinear:
    def test_the_real_curve_differs_by_its_noise_alone(self):
        real_file(NONLINEAR)
        X, y = load_nonlinear(return_X_y=True)
        np.testing.assert_array_equal(X, make_nonlinear()[0])
        assert (y - curve(X[:, 0])).std() == pytest.approx(2.5, rel=0.15)

    def test_noise_is_about_the_curve(self):
        X, y = make_nonlinear(20_000, noise=4, random_state=0)
        assert (X[0, 0], X[-1, 0]) == (1, 250)
        residual = y - curve(X[:, 0])
        assert (residual.mean(), residual.std()) == pytest.approx((0, 4), abs=0.1)
        X, y = make_nonlinear(noise=0)
        np.testing.assert_array_equal(y, curve(X[:, 0]))
        assert make_nonlinear(1)[0] == 1

    @pytest.mark.parametrize(
        "features",
        [PolynomialFeatures(15, include_bias=False), SinusoidFeatures(8, include_cosine=True)],
        ids=["polynomial", "sinusoid"],
    )
    def test_features_learn_what_a_straight_line_cannot(self, features):
        X, y = make_nonlinear(random_state=0)
        X_test, y_test = make_nonlinear(101, random_state=1)
        line = LinearRegression().fit(X, y).score(X_test, y_test)
        model = make_pipeline(StandardScaler(), features, LinearRegression())
        assert line < 0.5
        assert model.fit(X, y).score(X_test, y_test) > 0.95
