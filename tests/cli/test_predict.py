"""``accelml predict``: columns by name, accuracy where it can be known, and pipes."""

import io
import json

import numpy as np
import pandas as pd
import pytest

import accelml
from accelml.persistence import save_model
from accelml.preprocessing import PixelScaler


@pytest.fixture
def model(flowers, run, tmp_path):
    path = tmp_path / "flowers.model"
    result = run("train", "logistic", "--data", flowers, "--target", "species", "--out", path)
    assert result.exit_code == 0, result.stderr
    return path


@pytest.fixture
def frame(flowers):
    return pd.read_csv(flowers)


def table(result):
    assert result.exit_code == 0, result.stderr
    return pd.read_csv(io.StringIO(result.stdout))


def test_predictions_and_accuracy(model, flowers, frame, run):
    result = run("predict", model, flowers)
    predicted = table(result)
    assert list(predicted.columns) == ["prediction"]
    share = (predicted["prediction"] == frame["species"]).mean()
    assert share > 0.9
    assert result.stderr == f"accelml: accuracy on 90 rows: {share:.2%} (column 'species')\n"


def test_probabilities(model, flowers, run):
    predicted = table(run("predict", model, flowers, "--proba"))
    assert list(predicted.columns) == ["prediction", "proba_aster", "proba_bellis"]
    likely = np.where(predicted["proba_aster"] > 0.5, "aster", "bellis")
    assert (predicted["prediction"] == likely).all()
    np.testing.assert_allclose(predicted["proba_aster"] + predicted["proba_bellis"], 1)


def test_columns_are_matched_by_name(model, flowers, frame, run, tmp_path):
    expected = table(run("predict", model, flowers))
    shuffled = frame.drop(columns="species")[["petals", "width", "height"]].assign(weight="heavy")
    shuffled.to_csv(tmp_path / "s.csv", index=False)
    result = run("predict", model, tmp_path / "s.csv")
    pd.testing.assert_frame_equal(table(result), expected)
    assert "ignored the columns 'weight'" in result.stderr
    assert "accuracy" not in result.stderr


def test_a_missing_column_is_named(model, frame, run, tmp_path):
    frame.rename(columns={"width": "widht"}).to_csv(tmp_path / "s.csv", index=False)
    result = run("predict", model, tmp_path / "s.csv")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "lacks the columns 'width'" in result.stderr
    assert "did you mean 'widht'" in result.stderr


@pytest.mark.parametrize("name", accelml.available_backends())
def test_json_on_each_backend(name, model, flowers, run_json):
    found = run_json("predict", model, flowers, "--backend", name, "--proba")
    assert found["backend"] == name
    assert found["n"] == len(found["prediction"]) == len(found["proba_aster"]) == 90
    assert found["accuracy"] > 0.9


def test_out_writes_the_file_and_nothing_else(model, flowers, run, tmp_path):
    expected = table(run("predict", model, flowers))
    result = run("predict", model, flowers, "--out", tmp_path / "p.csv")
    assert result.stdout == ""
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "p.csv"), expected)


def test_raw_pixels_are_scaled_as_in_training(run, tmp_path):
    """The model carries its scaling: the digits 0 to 16 as they come, from each kind of file."""
    from accelml.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    out = tmp_path / "digits.model"
    assert run("train", "logistic", "--data", "digits", "--out", out).exit_code == 0
    np.savez(tmp_path / "d.npz", X=X.astype(np.uint8), y=y)
    pd.DataFrame(X.astype(int)).assign(label=y).to_csv(tmp_path / "d.csv", index=False)
    for name in ("d.npz", "d.csv"):
        result = run("predict", out, tmp_path / name)
        assert (table(result)["prediction"] == y).mean() > 0.95
        assert "accuracy on 1797 rows: 9" in result.stderr
    wrong = pd.DataFrame(X[:, :60].astype(int))
    wrong.to_csv(tmp_path / "d.csv", index=False)
    result = run("predict", out, tmp_path / "d.csv")
    assert result.exit_code == 2
    assert "60 features" in result.stderr


def test_a_bare_array_is_taken_in_the_order_of_training(model, flowers, frame, run, tmp_path):
    np.save(tmp_path / "a.npy", 0)
    np.savez(tmp_path / "a.npz", frame.drop(columns="species").to_numpy(float))
    result = run("predict", model, tmp_path / "a.npz")
    pd.testing.assert_frame_equal(table(result), table(run("predict", model, flowers)))
    assert result.stderr == ""


def test_foreign_models_are_refused(flowers, model, run, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.write_bytes(model.read_bytes()[:-9])
    scaler = tmp_path / "scaler"
    save_model(PixelScaler().fit([[1]]), scaler)
    for path, reason in (
        (flowers, "not a model file"),
        (damaged, "truncated"),
        (scaler, "holds no classifier, but a PixelScaler"),
        (tmp_path / "none", "No such file"),
    ):
        result = run("predict", path, flowers)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"accelml: error: {path}: ")
        assert reason in line


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_had_enough(unbuffered, model, flowers, start):
    """``accelml predict … | head -1``, more rows than a pipe holds."""
    frame = pd.concat([pd.read_csv(flowers)] * 300)
    frame.to_csv(flowers, index=False)
    process = start("predict", model, flowers, "--proba", unbuffered=unbuffered)
    assert process.stdout.readline() == "prediction,proba_aster,proba_bellis\n"
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait() == 141
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_model_trained_elsewhere(flowers, run, run_json, start, tmp_path):
    """Trained on one backend in one process, used on every other in another."""
    out = tmp_path / "m"
    last = accelml.available_backends()[0]
    process = start("train", "mlp", "--data", flowers, "--target", "species", "--epochs", "30",
                    "--backend", last, "--out", out, "--json")  # fmt: skip
    assert json.loads(process.communicate()[0])["backend"] == last
    answers = [
        run_json("predict", out, flowers, "--backend", name)["prediction"]
        for name in accelml.available_backends()
    ]
    assert all(answer == answers[0] for answer in answers)
