"""Model files: what comes back, on which backend, and what a damaged file does."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import accelml
from accelml.linear_model import LogisticRegression
from accelml.neural_network import MLPClassifier
from accelml.persistence import (
    ModelFileError,
    checksum,
    load_model,
    read_header,
    save_model,
    write_whole,
)
from accelml.preprocessing import PixelScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
NAMES = load_iris().target_names
ESTIMATORS = {
    "mlp": lambda **params: MLPClassifier(7, max_iter=3, random_state=0, **params),
    "multinomial": lambda **params: LogisticRegression(max_iter=5, **params),
    "ovr": lambda **params: LogisticRegression(max_iter=5, multi_class="ovr", **params),
}
LABELS = {
    "integers": Y,
    "two classes": (Y == 1).astype(np.int8),
    "truth values": Y == 1,
    "text": NAMES[Y],
    "objects": NAMES[Y].astype(object),
    "floats": Y.astype(np.float32) * 2,
}


def train_mlp(**params):
    return MLPClassifier(**({"hidden_layer_sizes": 7, "max_iter": 3, "random_state": 0} | params))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.accelml"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_model_comes_back_bit_by_bit(kind, labels, dtype, path):
    y = LABELS[labels]
    model = ESTIMATORS[kind]().fit(X.astype(dtype), y)
    save_model(model, path)
    loaded = load_model(path)
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    assert loaded.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    for rows in (X, X.astype(np.float32)):
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    assert loaded.loss_curve_ == model.loss_curve_
    assert loaded.backend_.reason == model.backend_.reason
    assert set(vars(loaded)) == set(vars(model))


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("trained_on", accelml.available_backends())
def test_a_model_of_any_backend_runs_on_every_other(kind, trained_on, path):
    model = ESTIMATORS[kind](backend=trained_on).fit(X, Y)
    save_model(model, path)
    for name in accelml.available_backends():
        loaded = load_model(path, backend=name)
        assert loaded.backend == name
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-9)


def test_the_backend_is_remembered_but_not_asked_for(path):
    save_model(train_mlp(backend="numba", device="cpu").fit(X, Y), path)
    loaded = load_model(path)
    assert (loaded.backend, loaded.device) == (None, None)
    assert (loaded.backend_, loaded.device_) == ("numba", "cpu")


def test_an_unknown_backend_is_refused(path):
    save_model(train_mlp().fit(X, Y), path)
    with pytest.raises(ValueError, match="'abacus' is not known"):
        load_model(path, backend="abacus")


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on_as_if_nothing_had_happened(solver, path):
    model = train_mlp(solver=solver, momentum=0.9)
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    save_model(model, path)
    loaded = load_model(path)
    for estimator in (model, loaded):
        estimator.partial_fit(X, Y)
    for expected, found in zip(model.coefs_, loaded.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert loaded.t_ == model.t_ == 3 * len(X)


def test_warm_start_goes_on(path):
    model = train_mlp(warm_start=True).fit(X, Y)
    save_model(model, path)
    loaded = load_model(path).fit(X, Y)
    assert loaded.loss_curve_ == model.fit(X, Y).loss_curve_
    assert loaded.loss_curve_[3] < loaded.loss_curve_[2]


def test_a_pipeline_keeps_its_scaling_and_its_names(path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    pipeline = make_pipeline(StandardScaler(), train_mlp()).fit(frame, NAMES[Y])
    save_model(pipeline, path)
    loaded = load_model(path, backend="numba")
    assert list(loaded.feature_names_in_) == ["a", "b", "c", "d"]
    assert loaded[-1].backend == "numba"
    np.testing.assert_array_equal(loaded[0].scale_, pipeline[0].scale_)
    np.testing.assert_array_equal(loaded.predict(frame), pipeline.predict(frame))


def test_what_json_has_no_word_for(path):
    weights = {0: 1.0, 1: np.float32(0.5), 2: 2}
    params = {"C": np.inf, "tol": np.float64(1e-3), "max_iter": np.int64(7)}
    model = LogisticRegression(class_weight=weights, **params).fit(X, Y)
    save_model(model, path)
    loaded = load_model(path)
    assert np.isposinf(loaded.C)
    assert loaded.class_weight == weights
    assert type(loaded.max_iter) is np.int64
    model = MLPClassifier((5, 3), max_iter=1).fit(X, Y)
    model.loss_, model.best_loss_ = float("nan"), -np.inf
    save_model(model, path)
    loaded = load_model(path)
    assert loaded.hidden_layer_sizes == (5, 3)
    assert np.isnan(loaded.loss_)
    assert loaded.best_loss_ == -np.inf


def test_the_order_in_memory_is_kept(path):
    model = LogisticRegression().fit(X, Y)
    model.coef_ = np.asfortranarray(model.coef_)
    save_model(model, path)
    assert load_model(path).coef_.flags.f_contiguous
    np.testing.assert_array_equal(load_model(path).predict_proba(X), model.predict_proba(X))


def test_a_random_state_that_is_no_number_is_dropped_with_a_warning(path):
    model = train_mlp(random_state=np.random.RandomState(0)).fit(X, Y)
    with pytest.warns(UserWarning, match="random_state is a RandomState"):
        save_model(model, path)
    assert load_model(path).random_state is None


def test_the_file_is_plain_safetensors_without_pickle(path):
    save_model(train_mlp().fit(X.astype(np.float32), NAMES[Y]), path, notes={"target": "species"})
    tensors = load_file(path)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["format_version"]) == ("accelml-model", "1")
    assert metadata["accelml_version"] == accelml.__version__
    header = read_header(path)
    assert header["notes"] == {"target": "species"}
    assert header["estimator"]["class"] == "accelml.neural_network.MLPClassifier"
    assert "setosa" in json.dumps(header)
    assert b"numpy.core" not in path.read_bytes()


def test_what_cannot_be_saved_says_so_and_leaves_no_file(path):
    with pytest.raises(TypeError, match=r"PCA.*MLPClassifier"):
        save_model(make_pipeline(PCA(), train_mlp()).fit(X, Y), path)

    class Mine(LogisticRegression):
        pass

    with pytest.raises(TypeError, match="Mine"):
        save_model(Mine().fit(X, Y), path)
    model = train_mlp().fit(X, Y)
    model.extra_ = object()
    with pytest.raises(TypeError, match=r"extra_ is a builtins\.object"):
        save_model(model, path)
    with pytest.raises(NotFittedError):
        save_model(MLPClassifier(), path)
    assert list(path.parent.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    save_model(train_mlp().fit(X, Y), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(train_mlp(max_iter=1).fit(X, Y), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_not_overwritten(tmp_path):
    with pytest.raises(OSError, match="is not a file"):
        write_whole(tmp_path, b"")


def edited(path: Path, change) -> None:
    """Rewrite a model file, its checksum right, after ``change(header, tensors, metadata)``."""
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
    tensors = load_file(path)
    header = json.loads(metadata["header"])
    change(header, tensors, metadata)
    metadata["header"] = json.dumps(header)
    metadata["sha256"] = checksum(metadata["header"], tensors)
    save_file(tensors, path, metadata=metadata)


def drop_tensor(header, tensors, metadata):
    del tensors["model.coef_"]


def add_tensor(header, tensors, metadata):
    tensors["stowaway"] = np.zeros(3)


def reshape_tensor(header, tensors, metadata):
    tensors["model.coef_"] = tensors["model.coef_"][:, :2].copy()


def retype_tensor(header, tensors, metadata):
    tensors["model.coef_"] = tensors["model.coef_"].astype(np.float16)


def name_foreign_class(header, tensors, metadata):
    header["estimator"]["class"] = "subprocess.Popen"


def replace_method(header, tensors, metadata):
    header["estimator"]["attributes"]["predict"] = 1


def set_special_name(header, tensors, metadata):
    header["estimator"]["attributes"]["__class__"] = 1


def add_parameter(header, tensors, metadata):
    header["estimator"]["params"]["dropout"] = 0.5


def forget_fit(header, tensors, metadata):
    header["estimator"]["attributes"] = {}
    tensors.clear()


def unknown_form(header, tensors, metadata):
    header["estimator"]["params"]["C"] = {"pickle": "gASVAAA="}


def bomb_of_labels(header, tensors, metadata):
    header["estimator"]["attributes"]["classes_"] = {"labels": ["U999999999", ["a"]]}


def no_estimator(header, tensors, metadata):
    header.pop("estimator")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop_tensor, "'model.coef_', which is missing"),
        (add_tensor, "says nothing of the tensors.*stowaway"),
        (reshape_tensor, r"shape \(3, 2\), and its header says float64 of shape \(3, 4\)"),
        (retype_tensor, "float16"),
        (name_foreign_class, "'subprocess.Popen', which this version"),
        (replace_method, "sets 'predict'"),
        (set_special_name, "sets '__class__'"),
        (add_parameter, "no parameter dropout"),
        (forget_fit, "is not fitted"),
        (unknown_form, "unknown form 'pickle'"),
        (bomb_of_labels, "not a dtype of labels"),
        (no_estimator, "header is incomplete"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(change, reason, path):
    save_model(LogisticRegression().fit(X, Y), path)
    edited(path, change)
    with pytest.raises(ModelFileError, match=reason) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "train the model again" in str(caught.value)


def test_another_version_is_refused(path):
    save_model(LogisticRegression().fit(X, Y), path)
    edited(path, lambda header, tensors, metadata: metadata.update(format_version="2"))
    with pytest.raises(ModelFileError, match="format version '2', and this accelml reads 1"):
        load_model(path)


def test_broken_json_is_refused(path):
    save_model(LogisticRegression().fit(X, Y), path)
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
    for text in (metadata["header"][:-5], "[1]", "[" * 100_000):
        save_file(load_file(path), path, metadata=metadata | {"header": text})
        with pytest.raises(ModelFileError, match=r"JSON header (does not parse|is not an object)"):
            load_model(path)


@pytest.mark.parametrize(
    "content", [b"", b"accelml", pickle.dumps({"a": np.ones(9)}), b"a,b\n1,2\n" * 9, bytes(64)]
)
def test_a_foreign_file_is_refused(content, path):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.accelml: not a model file"):
        load_model(path)


def test_a_foreign_safetensors_file_is_refused(path):
    save_file({"weight": np.zeros((2, 2))}, path, metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match="not a model that accelml wrote"):
        load_model(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)


def test_no_truncation_goes_unnoticed(path):
    save_model(Pipeline([("scale", PixelScaler(8)), ("m", train_mlp())]).fit(X, Y), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            load_model(path)


def test_no_flipped_byte_goes_unnoticed(path):
    model = train_mlp().fit(X, Y)
    save_model(model, path)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    places = generator.choice(len(whole), 300, replace=False)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except ModelFileError:
            refused += 1
        else:  # only the text of accelml's version is outside the checksum
            np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert refused >= 0.95 * len(places)


def test_a_loaded_model_warns_of_nothing(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        save_model(train_mlp().fit(X, Y), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(path).predict(X)


def everything():
    """Each estimator and a table for it."""
    from sklearn.datasets import load_diabetes

    from accelml import anomaly, cluster, linear_model, preprocessing
    from accelml.neural_network import MLPRegressor

    X, y = load_diabetes(return_X_y=True)
    yield cluster.KMeans(3, random_state=0), X, None
    yield cluster.MiniBatchKMeans(3, random_state=0), X, None
    yield anomaly.GaussianAnomalyDetector(covariance_type="full", contamination=0.1), X, None
    yield linear_model.LinearRegression(), X, y
    yield linear_model.Ridge(), X, y
    yield MLPRegressor(max_iter=2, random_state=0), X, y
    for scaler in (
        preprocessing.StandardScaler(),
        preprocessing.PolynomialFeatures(2),
        preprocessing.SinusoidFeatures(2),
    ):
        yield Pipeline([("scale", scaler), ("model", linear_model.Ridge())]), X, y


@pytest.mark.parametrize("case", list(everything()), ids=lambda case: str(case[0]))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_estimator_has_a_form(case, tmp_path):
    model, X, y = case
    model.fit(X, y)
    save_model(model, tmp_path / "a.model")
    loaded = load_model(tmp_path / "a.model")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    if hasattr(model, "partial_fit"):
        arguments = (X,) if y is None else (X, y)
        again = loaded.partial_fit(*arguments).predict(X)
        np.testing.assert_array_equal(again, model.partial_fit(*arguments).predict(X))
