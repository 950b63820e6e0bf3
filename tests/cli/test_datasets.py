"""``accelml data``: what it lists, what it fetches, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from accelml.datasets import _catalogue
from accelml.datasets._catalogue import CATALOGUE, Entry
from accelml.datasets._iris import IRIS

TABLE = b"x,y\n1,2\n3,4\n"
# The command, with one more data set in the catalogue.
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from accelml.datasets._catalogue import CATALOGUE, Entry
from accelml.datasets._verify import RemoteFile
url, size, sha256, *sys.argv[1:] = sys.argv[1:]
file = RemoteFile("toy/big.csv", (url,), int(size), sha256)
CATALOGUE["toy"] = Entry(2, 1, "testing", "nobody", "none", int(size), (file,))
from accelml.cli import main
main()
"""


@pytest.fixture
def toys(mirror, published, default_cache, monkeypatch):
    """Three small data sets in the catalogue: two that the mirror has, and one it has lost."""
    files = {name: published(TABLE, mirror.url(name), name=f"toy/{name}.csv") for name in "abc"}
    mirror.serve("a", TABLE)
    mirror.serve("b", b"gone", status=404)
    mirror.serve("c", TABLE)
    entries = {
        name: Entry(2, 1, "testing", "nobody", "MIT", len(TABLE), (file,))
        for name, file in files.items()
    }
    monkeypatch.setattr(_catalogue, "CATALOGUE", {"digits": CATALOGUE["digits"], **entries})
    return default_cache


def every_file(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def row_of(name, output):
    (line,) = [line for line in output.splitlines() if line.split()[:1] == [name]]
    return line


class TestList:
    def test_what_is_here_and_what_is_not(self, run, toys, tmp_path, monkeypatch):
        own = tmp_path / "own"
        for folder, name in ((own, "a"), (toys, "c")):
            (folder / "toy").mkdir(parents=True)
            (folder / "toy" / f"{name}.csv").write_bytes(TABLE)
        monkeypatch.setenv("ACCELML_DATA_DIR", str(own))
        result = run("data", "list")
        assert result.exit_code == 0
        for name, where in (("a", "yours"), ("b", "no"), ("c", "cache"), ("digits", "always")):
            assert f" {where} " in row_of(name, result.stdout)
        assert "2 × 1" in row_of("a", result.stdout)
        assert f"cache: {toys}\n" in result.stdout
        assert f"ACCELML_DATA_DIR: {own}\n" in result.stdout

    def test_nothing_is_fetched_or_made(self, run, toys, mirror):
        assert "ACCELML_DATA_DIR: none\n" in run("data", "list").stdout
        assert mirror.requests == []
        assert not toys.exists()

    def test_json_has_everything_in_full(self, run_json, toys, mirror):
        (toys / "toy").mkdir(parents=True)
        (toys / "toy" / "a.csv").write_bytes(TABLE)
        found = run_json("data", "list")
        sets = {entry["name"]: entry for entry in found["datasets"]}
        assert (found["cache"], found["ACCELML_DATA_DIR"]) == (str(toys), None)
        assert [sets[name]["at_hand"] for name in ("digits", "a", "b")] == [True, True, False]
        assert sets["a"]["paths"] == [str(toys / "toy" / "a.csv")]
        assert sets["b"]["urls"] == [mirror.url("b")]
        assert (sets["b"]["rows"], sets["b"]["columns"], sets["b"]["size"]) == (2, 1, len(TABLE))

    def test_half_of_a_collection_is_not_a_collection(self, run, tmp_path, monkeypatch):
        (tmp_path / "mnist").mkdir()
        (tmp_path / "mnist" / "t10k-images-idx3-ubyte").write_bytes(b"")
        monkeypatch.setenv("ACCELML_DATA_DIR", str(tmp_path))
        assert "in part" in row_of("mnist", run("data", "list").stdout)

    def test_it_fits_a_narrow_terminal(self, run):
        """Every word in full at 80 columns."""
        output = run("data", "list", columns=80).stdout
        table = output[: output.index("cache: ")]
        assert max(map(len, table.splitlines())) <= 80
        assert "…" not in table
        for name in CATALOGUE:
            row_of(name, output)
        assert "70,000 × 784" in row_of("mnist", output)
        for word in ("classifying", "regression", "Happiness", "Zalando", "BY-SA"):
            assert word in table

    def test_rows_and_columns_are_those_of_the_files(self):
        """As each loader documents them, which other tests compare with the real tables."""
        from accelml import datasets

        for name, entry in CATALOGUE.items():
            if entry.licence == "MIT" and name != "fashion-mnist":
                load = getattr(datasets, f"load_{name.replace('-', '_')}")
                assert f"of shape ({entry.rows}, {entry.columns}), float64" in load.__doc__


class TestDownload:
    def test_into_the_cache_and_only_once(self, run, toys, mirror):
        for _ in range(2):
            result = run("data", "download", "a", "c", "a")
            assert result.exit_code == 0
            assert result.stdout == "".join(
                f"{name}: verified, in {toys / 'toy'}\n" for name in "ac"
            )
        assert every_file(toys) == ["toy/a.csv", "toy/c.csv"]
        assert sorted(mirror.requests) == ["/a", "/c"]

    def test_one_that_cannot_be_had_does_not_stop_the_others(self, run, toys, mirror):
        result = run("data", "download", "all")
        assert result.exit_code == 2
        assert result.stdout.splitlines()[0] == "digits: comes with scikit-learn"
        assert [line.split(":")[0] for line in result.stdout.splitlines()[1:]] == ["a", "c"]
        assert result.stderr.startswith("accelml: error: toy/b.csv could not be loaded:")
        for expected in (mirror.url("b"), "404", str(toys / "toy" / "b.csv")):
            assert expected in result.stderr
        assert every_file(toys) == ["toy/a.csv", "toy/c.csv"]

    def test_every_failure_is_told(self, run, toys, mirror):
        mirror.serve("a", TABLE[::-1])
        result = run("data", "download", "a", "b")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("accelml: error: ") == 2
        assert "SHA-256" in result.stderr
        assert every_file(toys) == []

    def test_to_a_folder_of_ones_own(self, run, toys, tmp_path, monkeypatch):
        monkeypatch.setenv("ACCELML_DATA_DIR", str(tmp_path / "elsewhere"))
        target = tmp_path / "stick"
        result = run("data", "download", "a", "--to", target)
        assert result.stdout == f"a: verified, in {target / 'toy'}\n"
        assert every_file(target) == ["toy/a.csv"]
        assert not toys.exists()
        assert "is not a folder" in run("data", "download", "a", "--to", __file__).stderr

    def test_what_is_in_ones_own_folder_is_verified_and_left_there(
        self, run, toys, mirror, tmp_path, monkeypatch
    ):
        copy = tmp_path / "own" / "toy" / "a.csv"
        copy.parent.mkdir(parents=True)
        copy.write_bytes(TABLE)
        monkeypatch.setenv("ACCELML_DATA_DIR", str(tmp_path / "own"))
        assert run("data", "download", "a").stdout == f"a: verified, in {copy.parent}\n"
        copy.write_bytes(TABLE[::-1])
        result = run("data", "download", "a")
        assert result.exit_code == 2
        assert f"{copy} is corrupt" in result.stderr
        assert copy.read_bytes() == TABLE[::-1]
        assert mirror.requests == []

    def test_an_unknown_name_is_an_error_before_anything_is_fetched(self, run, toys, mirror):
        result = run("data", "download", "a", "digit")
        assert result.exit_code == 2
        assert "NAME digit: choose among" in result.stderr
        assert "did you mean 'digits'?" in result.stderr
        assert result.stderr.count("\n") == 1
        assert mirror.requests == []
        assert run("data", "download").exit_code == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
    def test_an_interrupt_leaves_nothing(self, mirror, promise_head, published, content, tmp_path):
        half_sent, finish = threading.Event(), threading.Event()

        def respond(handler):
            promise_head(handler, len(content))
            handler.wfile.write(content[: len(content) // 2])
            half_sent.set()
            finish.wait(60)

        file = published(content, mirror.serve_with("big", respond))
        arguments = [*file.urls, str(file.size), file.sha256, "data", "download", "toy", "--to"]
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert half_sent.wait(60)
            while not any(path.stat().st_size for path in tmp_path.rglob("*.part")):
                assert child.poll() is None, child.communicate()
            child.send_signal(signal.SIGINT)
            output, errors = child.communicate(timeout=60)
        finally:
            finish.set()
            child.kill()
            child.communicate()
        assert (child.returncode, output, errors) == (130, "", "accelml: interrupted\n")
        assert every_file(tmp_path) == []


class TestTrainByName:
    @pytest.mark.parametrize(
        ("name", "model", "rows", "target", "accuracy"),
        [("iris", "logistic", 150, "class", 0.9), ("microchips", "mlp", 118, "validity", 0.75)],
    )
    def test_a_model_of_a_table_reads_its_file(
        self, name, model, rows, target, accuracy, run_json, tmp_path
    ):
        (file,) = CATALOGUE[name].files
        path = Path(os.environ.get("ACCELML_DATA_DIR", "")) / file.name
        if not path.is_file():
            pytest.skip(f"ACCELML_DATA_DIR lacks {file.name}")
        out = tmp_path / "model"
        options = ("--backend", "numpy", "--out", out)
        found = run_json("train", model, "--data", name, *options)
        assert (found["n_train"] + found["n_test"], found["data"]) == (rows, name)
        assert found["train_accuracy"] > accuracy
        predicted = run_json("predict", out, path)
        assert predicted["accuracy"] > accuracy
        assert len(predicted["prediction"]) == rows

    @pytest.mark.parametrize("name", ["world-happiness", "nonlinear", "server-metrics"])
    def test_tables_without_classes_are_refused(self, name, run):
        result = run("train", "mlp", "--data", name)
        assert result.exit_code == 2
        assert f"--data {name}: has no classes to learn" in result.stderr
        assert CATALOGUE[name].purpose in result.stderr

    def test_out_of_reach(self, run, default_cache, monkeypatch):
        """The way out is a proxy at which nobody listens."""
        monkeypatch.delenv("ACCELML_DATA_DIR", raising=False)
        for variable in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        result = run("train", "logistic", "--data", "iris")
        assert result.exit_code == 2
        assert f"  {default_cache / IRIS.file.name}" in result.stderr
        assert not [path for path in default_cache.rglob("*") if path.is_file()]


def test_the_json_is_one_line_in_a_pipe(start):
    output, errors = start("data", "list", "--json").communicate()
    assert len(json.loads(output)["datasets"]) == len(CATALOGUE)
    assert errors == ""
