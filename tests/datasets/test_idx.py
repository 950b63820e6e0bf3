import struct

import numpy as np
import pytest

from accelml.datasets._idx import parse_idx


def idx(array, magic=(0, 0, 8), dimensions=None):
    shape = array.shape if dimensions is None else dimensions
    head = bytes([*magic, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return bytearray(head + array.tobytes())


@pytest.fixture
def images():
    return np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)


def test_round_trip_is_writable_and_contiguous(images):
    parsed = parse_idx(idx(images), ndim=3)
    np.testing.assert_array_equal(parsed, images)
    assert parsed.dtype == np.uint8
    assert parsed.flags.writeable
    assert parsed.flags.c_contiguous


def test_no_images_at_all():
    assert parse_idx(idx(np.empty((0, 28, 28), np.uint8)), ndim=3).shape == (0, 28, 28)


@pytest.mark.parametrize("magic", [(0, 0, 9), (1, 0, 8), (0, 1, 8)])
def test_wrong_magic(images, magic):
    with pytest.raises(ValueError, match="instead of 0x00000803"):
        parse_idx(idx(images, magic), ndim=3)


def test_labels_are_not_images(images):
    with pytest.raises(ValueError, match="1-dimensional"):
        parse_idx(idx(images), ndim=1)


@pytest.mark.parametrize("length", [0, 3])
def test_no_magic(images, length):
    with pytest.raises(ValueError, match="not an IDX file"):
        parse_idx(idx(images)[:length], ndim=3)


def test_header_cut_off(images):
    with pytest.raises(ValueError, match="after 15 of 16 bytes"):
        parse_idx(idx(images)[:15], ndim=3)


@pytest.mark.parametrize("dimensions", [(2, 3, 4), (2, 3, 6), (2**32 - 1,) * 3])
def test_length_differs_from_what_the_header_says(images, dimensions):
    with pytest.raises(ValueError, match="but 30 follow"):
        parse_idx(idx(images, dimensions=dimensions), ndim=3)
