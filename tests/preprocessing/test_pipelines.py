"""Preprocessing in the company of accelml's own estimators, compiled once."""

import contextlib

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import accelml
from accelml.linear_model import LogisticRegression
from accelml.preprocessing import PolynomialFeatures, SinusoidFeatures, StandardScaler
from tests.backends import problem

needs_jax = pytest.mark.skipif(bool(problem("jax")), reason=problem("jax"))


def rings(n=120, seed=0):
    """Two classes that no straight line parts, far from the origin and of unlike scales."""
    X = np.random.default_rng(seed).standard_normal((n, 2))
    return X * [1, 100] + [50, 0], (np.sum(X * X, axis=1) > 1.4).astype(int)


def model():
    return make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=100))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pipeline_learns_a_circle():
    X, y = rings()
    assert cross_val_score(model(), X, y, cv=3).mean() > 0.9
    assert cross_val_score(LogisticRegression(), X, y, cv=3).mean() < 0.8
    fitted = model().fit(X, y)
    one_by_one = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(one_by_one, fitted.predict_proba(X), rtol=1e-10)
    expected = ["1", "x0", "x1", "x0^2", "x0 x1", "x1^2"]
    assert fitted[:-1].get_feature_names_out().tolist() == expected


@needs_jax
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_pipeline_of_device_arrays_never_leaves_the_device(monkeypatch):
    X, y = rings()
    backend = accelml.get_backend("jax", "cpu")
    expected = model().fit(X, y).predict_proba(X)
    with backend.context():
        on_device = backend.asarray(X)
    fitted = model().fit(on_device, y)
    moved = []
    crossing = type(backend).to_numpy
    monkeypatch.setattr(
        type(backend), "to_numpy", lambda self, x: moved.append(x) or crossing(self, x)
    )
    found = fitted.predict_proba(on_device)
    assert type(found) is type(on_device)
    assert moved == []
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-3)


def test_use_backend_and_clone():
    X, _ = rings()
    with accelml.use_backend("numpy"):
        scaler = StandardScaler().fit(X)
    assert scaler.backend_.reason == "accelml.use_backend"
    for made in (StandardScaler(with_std=False), PolynomialFeatures((1, 3)), SinusoidFeatures(2)):
        made.set_params(backend=accelml.get_backend("numpy")).fit(X)
        copy = clone(made)
        assert copy.get_params() == made.get_params()
        assert not hasattr(copy, "n_features_in_")
        np.testing.assert_array_equal(copy.fit(X).transform(X), made.transform(X))


@contextlib.contextmanager
def compilations():
    """Count what XLA compiles in a ``with`` block."""
    import jax

    events = []

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@needs_jax
@pytest.mark.parametrize(
    "made",
    [StandardScaler(), PolynomialFeatures(3), SinusoidFeatures(3, include_cosine=True)],
    ids=lambda made: type(made).__name__,
)
@pytest.mark.parametrize("on_device", [False, True])
def test_a_second_fit_compiles_nothing(made, on_device):
    X, _ = rings(77 + on_device)  # programs are shared by all that ask for the same shape
    backend = accelml.get_backend("jax", "cpu")

    def use(X, model):
        with backend.context():
            X = backend.asarray(X) if on_device else X
        Z = model.fit(X).transform(X)
        if hasattr(model, "inverse_transform"):
            model.inverse_transform(Z)

    use(X, clone(made).set_params(backend="jax"))
    with compilations() as events:
        for options in [{}] + [{"with_mean": False}] * hasattr(made, "with_mean"):
            use(X[::-1] * 2 + 1, clone(made).set_params(backend="jax", **options))
        if hasattr(made, "partial_fit"):
            clone(made).set_params(backend="jax").fit(X).partial_fit(X, sample_weight=X[:, 0] ** 2)
    assert events == []
    with compilations() as events:
        use(X[: 60 + on_device], clone(made).set_params(backend="jax"))
    assert events  # the counter counts
