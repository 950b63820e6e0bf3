"""``accelml train``: what it prints, what it writes, and what it refuses."""

import json
import os

import numpy as np
import pandas as pd
import pytest

import accelml
from accelml.persistence import load_model, read_header

FAST = ("--epochs", "15", "--set", "hidden_layer_sizes=32", "--set", "batch_size=32")


@pytest.mark.parametrize("name", accelml.available_backends())
@pytest.mark.parametrize("model", ["mlp", "logistic"])
def test_digits_on_each_backend(model, name, run_json):
    found = run_json(
        "train", model, "--data", "digits", "--backend", name,
        *(FAST if model == "mlp" else ("--epochs", "60")),
    )  # fmt: skip
    assert found["backend"] == name
    assert found["device"] == accelml.get_backend(name).device
    assert 0.9 < found["test_accuracy"] <= found["train_accuracy"] <= 1
    assert (found["n_train"], found["n_test"]) == (1437, 360)
    assert found["seconds"] > 0
    expected_rate = found["n_train"] * found["epochs"] / found["seconds"]
    assert found["samples_per_second"] == pytest.approx(expected_rate)
    assert found["versions"]["accelml"] == accelml.__version__


def test_the_seed_decides_everything(run_json):
    runs = [run_json("train", "mlp", *FAST, "--seed", seed, "--backend", "numpy") for seed in "112"]
    losses = [run["loss"] for run in runs]
    assert losses[0] == losses[1] != losses[2]
    assert [run["seed"] for run in runs] == [1, 1, 2]


def test_mnist_like_images(run_json, tmp_path):
    out = tmp_path / "m"
    found = run_json("train", "logistic", "--data", "mnist-like", "--samples", 600,
                     "--epochs", 20, "--out", out)  # fmt: skip
    assert (found["n_train"], found["n_test"], found["n_features"]) == (600, 120, 784)
    assert found["test_accuracy"] > 0.5
    assert load_model(out)[0].maximum == 255
    assert load_model(out)[-1].coef_.dtype == np.float32


def test_the_table_and_the_progress_go_to_their_own_streams(start, tmp_path):
    out, plot = tmp_path / "digits.model", tmp_path / "curve.png"
    process = start("train", "mlp", *FAST, "--backend", "numpy", "--out", out, "--plot", plot)
    output, errors = process.communicate()
    assert process.returncode == 0
    for expected in ("numpy (asked for)", "accuracy, test data", "samples per second", "cpu"):
        assert expected in output
    assert "training on numpy" in errors
    assert "training on numpy" not in output
    assert "accelml: note: max_iter=15" in errors
    assert "Warning" not in errors
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert load_model(out).n_features_in_ == 64


def test_json_is_all_there_is_on_standard_output(start):
    process = start("train", "logistic", "--epochs", "3", "--json")
    output, errors = process.communicate()
    found = json.loads(output)
    assert output.endswith("}\n")
    assert found["converged"] is False
    assert found["interrupted"] is False
    assert "Increase max_iter" in errors


def test_a_table_with_labels_of_text(flowers, run_json, tmp_path):
    out = tmp_path / "flowers.model"
    found = run_json("train", "logistic", "--data", flowers, "--target", "species", "--out", out)
    assert found["test_accuracy"] > 0.9
    assert found["n_test"] == 18
    model = load_model(out)
    assert list(model.classes_) == ["aster", "bellis"]
    assert list(model.feature_names_in_) == ["height", "width", "petals"]
    assert model[-1].coef_.dtype == np.float64
    assert read_header(out)["notes"]["target"] == "species"


def test_parquet_and_npz_are_the_same_data(flowers, run_json, tmp_path):
    frame = pd.read_csv(flowers)
    frame.to_parquet(tmp_path / "f.parquet")
    X, y = frame.drop(columns="species").to_numpy(dtype=float), frame["species"].to_numpy(str)
    np.savez(tmp_path / "f.npz", X=X, y=y)
    losses = [
        run_json("train", "logistic", "--data", tmp_path / name, *target)["loss"]
        for name, target in [
            ("flowers.csv", ("--target", "species")),
            ("f.parquet", ("--target", "species")),
            ("f.npz", ()),
        ]
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-9)


def test_an_archive_with_its_own_test_rows_and_pictures(run_json, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    labels = (pictures.mean(axis=(1, 2)) > 127).astype(int)
    path = tmp_path / "p.npz"
    np.savez(path, x_train=pictures[:40], y_train=labels[:40], x_test=pictures[40:],
             y_test=labels[40:])  # fmt: skip
    found = run_json("train", "logistic", "--data", path, "--out", tmp_path / "m")
    assert (found["n_train"], found["n_test"], found["n_features"]) == (40, 20, 16)
    assert type(load_model(tmp_path / "m")[0]).__name__ == "PixelScaler"


def test_parameters_reach_the_estimator(run_json):
    found = run_json(
        "train", "mlp", "--epochs", 2, "--set", "hidden_layer_sizes=12,5", "--set",
        "activation=tanh", "--set", "alpha=1e-3", "--set", "early_stopping=True",
    )  # fmt: skip
    params = found["parameters"]
    assert params["hidden_layer_sizes"] == [12, 5]
    assert (params["activation"], params["alpha"], params["early_stopping"]) == ("tanh", 1e-3, True)
    assert params["max_iter"] == 2


BAD = {
    "no such target": (["--target", "specis"], r"no column 'specis'; did you mean 'species'"),
    "no target": ([], "say with --target which column"),
    "text feature": (["--target", "petals"], "columns 'species' are not numbers"),
    "unknown backend": (["--target", "species", "--backend", "abacus"], "'abacus' is not known"),
    "unknown device": (["--target", "species", "--device", "warp"], "device='warp'"),
    "unknown parameter": (["--target", "species", "--set", "alhpa=1"], "did you mean 'alpha'"),
    "no value": (["--target", "species", "--set", "alpha"], "write NAME=VALUE"),
    "has an option": (["--target", "species", "--set", "max_iter=1"], "use --epochs"),
    "set twice": (["--target", "species", "--set", "tol=1", "--set", "tol=2"], "set twice"),
    "negative rate": (["--target", "species", "--set", "learning_rate_init=-1"], "'learning_rate"),
    "zero epochs": (["--target", "species", "--epochs", "0"], "'max_iter'"),
    "fraction": (["--target", "species", "--test-fraction", "1"], "between 0 and 1"),
    "no folder": (["--target", "species", "--out", "none/m"], "there is no folder"),
    "no picture": (["--target", "species", "--plot", "m.doc"], "end it in .png"),
    "samples": (["--target", "species", "--samples", "500"], "for --data mnist-like only"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_end_in_one_line(case, flowers, run):
    options, reason = BAD[case]
    result = run("train", "mlp", "--data", flowers, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("accelml: error: ")
    assert reason.replace("\\", "") in line


def change(frame, column, row, value):
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


BROKEN = {
    "missing": (lambda f: change(f, "width", 3, None), "values are missing in the columns 'width'"),
    "infinite": (lambda f: change(f, "width", 3, np.inf), "'width' hold infinite values"),
    "no label": (lambda f: change(f, "species", 3, None), "column 'species' lacks 1 of its 90"),
    "one class": (lambda f: f.assign(species="aster"), "one class only"),
    "lonely": (lambda f: change(f, "species", 3, "rose"), "the classes 'rose' have one row only"),
    "no rows": (lambda f: f[:0], "has no rows"),
    "no features": (lambda f: f[["species"]], "no column but the target"),
    "continuous": (lambda f: f.assign(species=f["width"]), "Unknown label type: continuous"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_tables_name_the_file_and_the_column(case, flowers, run):
    breaking, reason = BROKEN[case]
    breaking(pd.read_csv(flowers)).to_csv(flowers, index=False)
    result = run("train", "mlp", "--data", flowers, "--target", "species")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert reason in line


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"", "does not read as csv"),
        ("binary.csv", bytes(range(256)), "does not read as csv"),
        ("numbers.csv", b"1.5,2,0\n2.5,3,1\n", "its first line holds numbers"),
        ("text.parquet", b"a,b\n1,2\n", "does not read as parquet"),
        ("text.npz", b"a,b\n1,2\n", "does not read as npz"),
        ("empty.npz", b"", "does not read as npz"),
        ("cut.npz", b"PK\x03\x04", "does not read as npz"),
        ("other.txt", b"", "nor a file ending in"),
    ],
)
def test_foreign_files_are_refused(name, content, reason, run, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    result = run("train", "mlp", "--data", path)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert name in result.stderr


def test_archives_are_not_unpickled(run, tmp_path):
    np.savez(tmp_path / "o.npz", X=np.array([[object()]], dtype=object), y=[0])
    result = run("train", "mlp", "--data", tmp_path / "o.npz")
    assert result.exit_code == 2
    assert "allow_pickle" in result.stderr
    np.savez(tmp_path / "p.npz", features=np.zeros((3, 2)), y=[0, 1, 0])
    result = run("train", "mlp", "--data", tmp_path / "p.npz")
    assert "needs the arrays X and y" in result.stderr
    np.savez(tmp_path / "q.npz", X=np.zeros((3, 2)), y=[0, 1])
    result = run("train", "mlp", "--data", tmp_path / "q.npz")
    assert "one label a row" in result.stderr


def test_a_missing_file_is_named(run):
    result = run("train", "mlp", "--data", "nowhere.csv")
    assert result.exit_code == 2
    assert result.stderr == "accelml: error: nowhere.csv: No such file or directory\n"


def test_where_to_put_missing_data_is_a_list(run, monkeypatch):
    from accelml import datasets

    def fail(*_, **__):
        raise datasets.DatasetUnavailable("not here\nput a\nput b")

    monkeypatch.setattr(datasets, "load_mnist", fail)
    result = run("train", "mlp", "--data", "mnist")
    assert result.exit_code == 2
    assert result.stderr == "accelml: error: not here\nput a\nput b\n"


def test_divergence_is_one_line(run):
    result = run("train", "mlp", "--set", "solver=sgd", "--set", "learning_rate_init=1e30")
    assert result.exit_code == 2
    assert "accelml: error: the loss is not finite" in result.stderr


def test_tracebacks_are_for_those_who_ask(start, monkeypatch):
    monkeypatch.setitem(os.environ, "ACCELML_DEBUG", "1")
    _, errors = start("train", "mlp", "--data", "nowhere.csv").communicate()
    assert "Traceback" in errors


def test_an_unavailable_backend_is_not_replaced(run):
    absent = sorted({"cupy", "jax", "numba"} - set(accelml.available_backends()))
    if not absent:
        pytest.skip("every backend works here")
    result = run("train", "mlp", "--backend", absent[0])
    assert result.exit_code == 2
    assert f"backend {absent[0]!r}" in result.stderr


def test_two_columns_of_one_name_are_refused(run, tmp_path):
    (tmp_path / "a.csv").write_text("a,b,label,label\n" + "1,2,x,x\n3,4,y,y\n" * 20)
    result = run("train", "logistic", "--data", tmp_path / "a.csv")
    assert result.exit_code == 2
    assert "two columns of one name" in result.stderr


def test_a_file_with_brackets_in_its_name(run, tmp_path):
    path = tmp_path / "a[bold].csv"
    path.write_text("a,b,label\n" + "1,2,x\n3,4,y\n" * 20)
    result = run("train", "logistic", "--data", path)
    assert result.exit_code == 0
    assert "[bold]" in result.stdout


def test_no_picture_is_claimed_where_none_was_drawn(run_json, tmp_path):
    figures = run_json(
        "train", "logistic", "--data", "digits", "--epochs", 0, "--plot", tmp_path / "a.png"
    )
    assert figures["plot"] is None
    assert not (tmp_path / "a.png").exists()
