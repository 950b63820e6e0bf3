"""The loaders of tables: a toy table from a real server, then the real ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from accelml.datasets import (
    DatasetCorrupt,
    DatasetUnavailable,
    load_iris,
    load_microchips,
    load_nonlinear,
    load_server_metrics,
    load_world_happiness,
)
from accelml.datasets._iris import IRIS
from accelml.datasets._microchips import MICROCHIPS
from accelml.datasets._nonlinear import NONLINEAR
from accelml.datasets._server_metrics import SERVER_METRICS
from accelml.datasets._tables import Table, load_table
from accelml.datasets._world_happiness import WORLD_HAPPINESS

LOADERS = [
    (load_world_happiness, WORLD_HAPPINESS),
    (load_iris, IRIS),
    (load_microchips, MICROCHIPS),
    (load_server_metrics, SERVER_METRICS),
    (load_nonlinear, NONLINEAR),
]
each_loader = pytest.mark.parametrize(
    ("load", "table"), LOADERS, ids=[load.__name__ for load, _ in LOADERS]
)
TOWNS = b'kind,"Town, in full",height,unused\r\nB,Ur,1.5,x\nA,"Aix, les Bains",2,y\nB,Oz,-1e3,z'


def options(**changes):
    return {"return_X_y": False, "as_frame": False, "download_if_missing": True, **changes}


@pytest.fixture
def toy(mirror, published):
    """A table of three towns; its last line lacks an end, as in some of the real files."""
    return Table(
        description="three towns",
        file=published(TOWNS, mirror.serve("towns.csv", TOWNS), name="toy/towns.csv"),
        features={"height": "height (m)"},
        target="kind",
        target_names=("hill", "plain"),
        classes=("A", "B"),
        texts={"Town, in full": "towns"},
    )


class TestToyTable:
    def test_bunch(self, toy, tmp_path):
        bunch = load_table(toy, data_home=tmp_path, **options())
        np.testing.assert_array_equal(bunch.data, [[1.5], [2], [-1000]])
        assert bunch.target.tolist() == [1, 0, 1]
        assert (bunch.data.dtype, bunch.target.dtype) == (np.float64, np.int64)
        assert bunch.feature_names == ["height (m)"]
        assert bunch.target_names.tolist() == ["hill", "plain"]
        assert bunch.towns.tolist() == ["Ur", "Aix, les Bains", "Oz"]
        assert (bunch.DESCR, bunch.frame) == ("three towns", None)

    def test_as_frame(self, toy, tmp_path):
        bunch = load_table(toy, data_home=tmp_path, **options(as_frame=True))
        assert list(bunch.frame.columns) == ["height (m)", "target"]
        X, y = load_table(toy, data_home=tmp_path, **options(as_frame=True, return_X_y=True))
        assert X.equals(bunch.data)
        assert y.equals(bunch.target)

    def test_kept_as_it_came_and_not_asked_for_twice(self, toy, tmp_path, mirror):
        for _ in range(2):
            load_table(toy, data_home=tmp_path, **options())
        assert mirror.requests == ["/towns.csv"]
        assert [p.name for p in (tmp_path / "toy").iterdir()] == ["towns.csv"]
        assert (tmp_path / "toy" / "towns.csv").read_bytes() == TOWNS

    def test_arrays_are_fresh_and_writable(self, toy, tmp_path):
        X, y = load_table(toy, data_home=tmp_path, **options(return_X_y=True))
        X[:], y[:] = 0, 0
        assert load_table(toy, data_home=tmp_path, **options()).data.any()


def real_file(table):
    """Where the real file is; skips without it."""
    path = Path(os.environ.get("ACCELML_DATA_DIR", "")) / table.file.name
    if not path.is_file():
        pytest.skip(f"ACCELML_DATA_DIR lacks {table.file.name}")
    return path


@each_loader
class TestEachRealTable:
    def test_what_is_loaded_is_what_is_documented(self, load, table):
        real_file(table)
        bunch = load()
        shape, names = bunch.data.shape, len(bunch.target_names)
        assert (shape[1], bunch.data.dtype) == (len(bunch.feature_names), np.float64)
        assert bunch.target.shape == shape[:1]
        assert f"of shape {shape}, float64" in load.__doc__
        assert f"of shape {shape[:1]}, {bunch.target.dtype}" in load.__doc__
        assert f"of shape ({shape[0]}, {shape[1] + 1}) if `as_frame`" in load.__doc__
        assert f"ndarray of shape ({names},)" in load.__doc__
        if table.classes:
            assert set(bunch.target) == set(range(names))
        for array in (bunch.data, bunch.target):
            assert np.isfinite(array).all()
            assert array.flags.writeable

    def test_as_frame_and_as_arrays_agree(self, load, table):
        real_file(table)
        X, y = load(return_X_y=True)
        frame = load(as_frame=True).frame
        assert list(frame.columns) == [*load().feature_names, "target"]
        np.testing.assert_array_equal(frame.to_numpy(), np.column_stack([X, y]))
        assert frame["target"].dtype == y.dtype

    def test_one_changed_byte_is_refused(self, load, table, tmp_path, monkeypatch):
        content = real_file(table).read_bytes()
        copy = tmp_path / table.file.name
        copy.parent.mkdir()
        copy.write_bytes(content[:-1] + b"9")
        monkeypatch.setenv("ACCELML_DATA_DIR", str(tmp_path))
        with pytest.raises(DatasetCorrupt, match="left as it is") as error:
            load()
        assert f"{copy} is corrupt: expected content of SHA-256" in str(error.value)
        assert copy.read_bytes() == content[:-1] + b"9"


@each_loader
class TestOutOfReach:
    def test_no_network(self, load, table, tmp_path, monkeypatch):
        """The way out is a proxy at which nobody listens."""
        for variable in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(variable, "http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(DatasetUnavailable) as error:
            load(data_home=tmp_path)
        for expected in (table.file.urls[0], str(tmp_path / table.file.name), "ProxyError"):
            assert expected in str(error.value)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_download_forbidden(self, load, table, tmp_path):
        with pytest.raises(DatasetUnavailable, match="no download was tried"):
            load(data_home=tmp_path, download_if_missing=False)


class TestContents:
    def test_happiness(self):
        real_file(WORLD_HAPPINESS)
        bunch = load_world_happiness()
        assert bunch.countries[[0, -1]].tolist() == ["Norway", "Central African Republic"]
        assert len(set(bunch.countries)) == 155
        assert (np.diff(bunch.target) <= 0).all()
        gdp, freedom = (bunch.feature_names.index(name) for name in ("GDP per capita", "freedom"))
        assert bunch.data[0, [gdp, freedom]] == pytest.approx([1.616463, 0.635423], abs=1e-6)
        # The residual, with which the score could be added up, is not among the features.
        assert (bunch.target - bunch.data.sum(axis=1)).min() > 0.3

    def test_iris_is_that_of_scikit_learn_but_for_three_values(self):
        real_file(IRIS)
        ours, theirs = load_iris(), sklearn_datasets.load_iris()
        assert ours.feature_names == theirs.feature_names
        assert ours.target_names.tolist() == theirs.target_names.tolist()
        np.testing.assert_array_equal(ours.target, theirs.target)
        differing = np.argwhere(ours.data != theirs.data).tolist()
        assert differing == [[34, 3], [37, 1], [37, 2]]

    def test_microchips(self):
        real_file(MICROCHIPS)
        X, y = load_microchips(return_X_y=True)
        assert np.bincount(y).tolist() == [60, 58]
        assert X[0].tolist() == [0.051267, 0.69956]
        assert np.abs(X).max() < 1.2

    def test_three_of_the_anomalous_servers_look_like_the_others(self):
        real_file(SERVER_METRICS)
        X, y = load_server_metrics(return_X_y=True)
        normal = X[y == 0]
        distance = np.linalg.norm((X - normal.mean(axis=0)) / normal.std(axis=0), axis=1)
        assert len(normal) == 298
        assert np.flatnonzero((y == 1) & (distance < 2)).tolist() == [9, 49, 302]
        assert distance[y == 0].max() < 4 < np.sort(distance[y == 1])[3]

    def test_the_curve(self):
        real_file(NONLINEAR)
        X, y = load_nonlinear(return_X_y=True)
        np.testing.assert_array_equal(X.ravel(), np.arange(1, 251))
        assert y[:3].tolist() == [97.58776, 97.76344, 96.56705]
