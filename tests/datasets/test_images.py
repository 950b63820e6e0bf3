"""The loaders of labelled images: a toy collection from a real server, then the real ones."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from accelml.datasets import load_digits, load_fashion_mnist, load_mnist
from accelml.datasets._fashion_mnist import FASHION_MNIST
from accelml.datasets._images import ImageCollection, load_collection
from accelml.datasets._mnist import MNIST

SIZES = {"train": 7, "test": 3, "all": 10}


@pytest.fixture
def toy(mirror, published):
    """A collection of ten images of 28 x 28 pixels; returns it, its images and its labels."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8)

    def publish(name, array):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        content = head + array.tobytes()
        url = mirror.serve(f"{name}.gz", gzip.compress(content))
        return published(content, url, name=f"toy/{name}")

    collection = ImageCollection(
        description="ten toys",
        target_names=tuple("abcdefghij"),
        train=(publish("train-images", images[:7]), publish("train-labels", labels[:7])),
        test=(publish("test-images", images[7:]), publish("test-labels", labels[7:])),
    )
    return collection, images, labels


@pytest.fixture
def load(toy, tmp_path):
    def load(subset, **options):
        options = {"return_X_y": False, "as_frame": False, **options}
        return load_collection(
            toy[0], subset, data_home=tmp_path, download_if_missing=True, **options
        )

    return load


class TestToyCollection:
    @pytest.mark.parametrize(
        ("subset", "rows"), [("train", slice(7)), ("test", slice(7, 10)), ("all", slice(10))]
    )
    def test_bunch(self, subset, rows, load, toy):
        _, images, labels = toy
        bunch = load(subset)
        np.testing.assert_array_equal(bunch.images, images[rows])
        np.testing.assert_array_equal(bunch.data, images[rows].reshape(-1, 784))
        np.testing.assert_array_equal(bunch.target, labels[rows])
        assert (bunch.data.dtype, bunch.target.dtype) == (np.uint8, np.int64)
        assert np.shares_memory(bunch.data, bunch.images)
        assert bunch.feature_names[0] == "pixel1"
        assert bunch.feature_names[-1] == "pixel784"
        assert list(bunch.target_names) == list("abcdefghij")
        assert bunch.DESCR == "ten toys"
        assert bunch.frame is None

    @pytest.mark.parametrize("subset", ["test", "all"])
    def test_arrays_are_fresh_and_writable(self, subset, load):
        X, y = load(subset, return_X_y=True)
        before = X.copy()
        for array in (X, y):
            assert array.flags.c_contiguous
            array[:] = 0
        np.testing.assert_array_equal(load(subset).data, before)

    def test_only_the_files_of_the_subset_are_fetched(self, load, mirror):
        load("test")
        assert sorted(mirror.requests) == ["/test-images.gz", "/test-labels.gz"]

    def test_as_frame(self, load):
        bunch = load("train", as_frame=True)
        reference = load("train")
        np.testing.assert_array_equal(bunch.data.to_numpy(), reference.data)
        assert list(bunch.data.columns) == reference.feature_names
        assert (bunch.target.name, bunch.target.dtype) == ("target", np.int64)
        assert set(bunch.data.dtypes) == {np.dtype(np.uint8)}
        assert list(bunch.frame.columns) == [*reference.feature_names, "target"]
        assert bunch.images.shape == (7, 28, 28)
        X, y = load("train", as_frame=True, return_X_y=True)
        assert X.equals(bunch.data)
        assert y.equals(bunch.target)

    @pytest.mark.parametrize("subset", ["Train", None, 0])
    def test_unknown_subset(self, subset, load, mirror):
        with pytest.raises(ValueError, match="subset"):
            load(subset)
        assert mirror.requests == []


def require_real(collection, subset):
    folder = Path(os.environ.get("ACCELML_DATA_DIR", ""))
    for file in collection.files(subset):
        if not any((folder / name).is_file() for name in file.names):
            pytest.skip(f"ACCELML_DATA_DIR lacks {file.name}")


@pytest.mark.mnist
class TestReal:
    @pytest.mark.parametrize(
        ("subset", "counts", "first"),
        [
            (
                "train",
                [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
                [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
            ),
            (
                "test",
                [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
                [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
            ),
        ],
    )
    def test_mnist(self, subset, counts, first):
        require_real(MNIST, subset)
        bunch = load_mnist(subset)
        n = sum(counts)
        assert bunch.data.shape == (n, 784)
        assert bunch.data.dtype == np.uint8
        assert bunch.images.shape == (n, 28, 28)
        assert bunch.target.dtype == np.int64
        assert np.bincount(bunch.target).tolist() == counts
        assert bunch.target[:10].tolist() == first
        assert bunch.target_names.tolist() == list(range(10))
        assert 0.12 < bunch.data.mean() / 255 < 0.14  # bright strokes on black, not the reverse

    @pytest.mark.parametrize(
        ("subset", "count", "first"),
        [("train", 6000, [9, 0, 0, 3, 0]), ("test", 1000, [9, 2, 1, 1, 6])],
    )
    def test_fashion_mnist(self, subset, count, first):
        require_real(FASHION_MNIST, subset)
        bunch = load_fashion_mnist(subset)
        assert bunch.data.shape == (10 * count, 784)
        assert np.bincount(bunch.target).tolist() == [count] * 10
        assert bunch.target[:5].tolist() == first
        assert bunch.target_names[9] == "Ankle boot"

    def test_all_is_train_then_test(self):
        require_real(MNIST, "all")
        X, y = load_mnist("all", return_X_y=True)
        assert X.shape == (70000, 784)
        assert y[[0, 60000]].tolist() == [5, 7]


def test_digits_are_those_of_scikit_learn():
    ours, theirs = load_digits(), sklearn_datasets.load_digits()
    assert set(ours) == set(theirs)
    np.testing.assert_array_equal(ours.data, theirs.data)
    X, y = load_digits(return_X_y=True, as_frame=True)
    assert X.shape == (1797, 64)
    assert y.name == "target"


def test_importing_costs_nothing():
    check = (
        "import accelml, sys; before = set(sys.modules); import accelml.datasets;"
        "heavy = {'pandas', 'sklearn', 'pooch', 'requests', 'rich', 'scipy'};"
        "sys.exit(str(heavy & (set(sys.modules) - before) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == ""
