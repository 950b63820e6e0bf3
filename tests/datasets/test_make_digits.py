import time
import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from accelml.datasets import _make_digits, _render, make_digits
from accelml.datasets._make_digits import draw_distortion, original_indices


@pytest.fixture(scope="module")
def originals():
    return _make_digits._originals()


def test_shapes_and_dtypes():
    X, y = make_digits(25, random_state=0)
    assert (X.shape, X.dtype) == ((25, 784), np.uint8)
    assert (y.shape, y.dtype) == ((25,), np.int64)
    assert X.flags.c_contiguous


def test_same_seed_same_images():
    first, second = (make_digits(300, random_state=7) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], make_digits(300, random_state=8)[0])
    assert not np.array_equal(make_digits(300)[0], make_digits(300)[0])


@pytest.mark.parametrize("images_per_chunk", [1, 7, 1000])
def test_chunks_do_not_show(images_per_chunk, monkeypatch):
    expected, _ = make_digits(100, random_state=0)
    monkeypatch.setattr(_render, "_PIXELS_PER_CHUNK", images_per_chunk * 784)
    np.testing.assert_array_equal(make_digits(100, random_state=0)[0], expected)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_generators_are_accepted_and_move_on(make):
    generator = make(3)
    first, _ = make_digits(50, random_state=generator)
    second, _ = make_digits(50, random_state=generator)
    np.testing.assert_array_equal(first, make_digits(50, random_state=make(3))[0])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("n_samples", [1, 5, 1234])
def test_digits_are_equally_frequent(n_samples):
    _, y = make_digits(n_samples, random_state=0)
    counts = np.bincount(y, minlength=10)
    assert counts.sum() == n_samples
    assert np.ptp(counts) <= 1
    if n_samples > 1000:
        assert np.any(np.diff(y) < 0)  # in random order


class TestOriginals:
    def test_partition_is_complete_disjoint_and_stratified(self, originals):
        _, labels = originals
        train, test = (original_indices(labels, subset) for subset in ("train", "test"))
        assert sorted([*train, *test]) == list(range(1797))
        share = np.bincount(labels[test]) / np.bincount(labels)
        np.testing.assert_allclose(share, 0.2, atol=0.01)
        # Fixed for good: a partition that moved would leak old test images into training.
        assert test[:5].tolist() == [33, 36, 37, 40, 44]

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("subset", ["train", "test"])
    def test_drawn_from_the_subset_with_the_right_label(self, originals, subset, seed):
        _, labels = originals
        y = np.arange(20000) % 10
        drawn = draw_distortion(np.random.default_rng(seed), y, labels, subset).original
        assert set(drawn) == set(original_indices(labels, subset))
        np.testing.assert_array_equal(labels[drawn], y)

    @pytest.mark.parametrize(("subset", "other"), [("train", "test"), ("test", "train")])
    def test_images_owe_nothing_to_the_other_subset(self, originals, subset, other, monkeypatch):
        images, labels = originals

        def with_noise_in(spoilt):
            noise = np.random.default_rng(0).integers(0, 17, images.shape)
            mine = np.isin(np.arange(len(images)), original_indices(labels, spoilt))
            spoilt_images = np.where(mine[:, None, None], noise, images)
            monkeypatch.setattr(_make_digits, "_originals", lambda: (spoilt_images, labels))
            return make_digits(2000, subset=subset, random_state=0)[0]

        expected, _ = make_digits(2000, subset=subset, random_state=0)
        np.testing.assert_array_equal(with_noise_in(other), expected)
        assert not np.array_equal(with_noise_in(subset), expected)


class TestLook:
    @pytest.mark.parametrize("image_size", [8, 28, 33, 64])
    def test_a_bright_digit_in_the_middle_of_a_black_image(self, image_size):
        X, _ = make_digits(500, image_size=image_size, random_state=0)
        images = X.reshape(-1, image_size, image_size)
        assert X.shape == (500, image_size**2)
        assert 0.11 < X.mean() / 255 < 0.21
        assert np.median(X.max(axis=1)) > 200
        assert images[:, [0, -1]].mean() / 255 < 0.01
        assert images[:, :, [0, -1]].mean() / 255 < 0.01
        height = np.any(images > 64, axis=2).sum(axis=1).mean() / image_size
        assert 0.6 < height < 0.8  # 20 of 28 pixels
        rows = np.arange(image_size) - (image_size - 1) / 2
        center = np.average(np.broadcast_to(rows, images.shape), weights=images)
        assert abs(center) < 0.02 * image_size

    def test_rows_before_columns(self, originals):
        """An image agrees with its original, not with the original lying on its side."""
        images, labels = originals
        y = np.arange(2000) % 10
        drawn = draw_distortion(np.random.default_rng(0), y, labels, "train")
        rendered = _render.render(drawn, images, 8).reshape(-1, 8, 8).astype(float)
        upright = images[drawn.original]
        agreement = np.mean(rendered * upright)
        assert agreement > 1.1 * np.mean(rendered * upright.transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_samples", -3),
        ("n_samples", 2.5),
        ("n_samples", True),
        ("image_size", 7),
        ("image_size", "28"),
        ("subset", "all"),
        ("random_state", -1),
        ("random_state", "seed"),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}; pass "):
        make_digits(**{"n_samples": 5, name: value})


def test_a_model_of_the_training_images_knows_the_test_images():
    X, y = make_digits(4000, random_state=0)
    X_test, y_test = make_digits(2000, subset="test", random_state=1)
    model = LogisticRegression(C=0.01, tol=0.01, max_iter=200).fit(X / 255, y)
    assert 0.87 < model.score(X_test / 255, y_test) < 0.99


def test_time_and_memory_of_a_large_set():
    def peak(n_samples):
        tracemalloc.start()
        try:
            make_digits(n_samples, random_state=0)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    start = time.perf_counter()
    small, large = peak(10), peak(100_000)
    assert time.perf_counter() - start < 60
    assert large - small < 100_000 * 1500  # 784 bytes of image, and the numbers drawn for it


def test_elastic_distortion_is_the_spline_of_its_control_points():
    basis = _render.elastic_basis(28)
    np.testing.assert_allclose(basis.sum(axis=1), 1, rtol=1e-6)  # equal control points only shift
    points = _render.CONTROL_POINTS
    control = np.random.default_rng(0).standard_normal((4, points, points)).astype(np.float32)
    np.testing.assert_allclose(
        _render._bend(control, basis), basis @ control @ basis.T, rtol=1e-4, atol=1e-5
    )


def test_as_frame():
    X, y = make_digits(20, image_size=8, random_state=0)
    frame, series = make_digits(20, image_size=8, random_state=0, as_frame=True)
    assert frame.columns[[0, -1]].tolist() == ["pixel1", "pixel64"]
    assert series.name == "target"
    np.testing.assert_array_equal(frame.to_numpy(), X)
    np.testing.assert_array_equal(series.to_numpy(), y)
