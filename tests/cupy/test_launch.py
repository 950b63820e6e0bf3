"""The size of launches, the choice of what kernels take, and the crossings of small things."""

from __future__ import annotations

import re
import types

import numpy as np
import pytest

from accelml_cupy import convert_if_smaller
from accelml_cupy.launch import blocks_for, common_float, lanes_for
from accelml_cupy.optimize import LEAVES_PER_LAUNCH, OPTIMIZE
from accelml_cupy.precision import FullPrecision


@pytest.mark.parametrize(
    ("columns", "lanes"),
    [(1, 1), (2, 2), (3, 4), (10, 16), (17, 32), (32, 32), (33, 32), (1000, 32)],
)
def test_lanes_are_a_power_of_two_within_a_warp(columns, lanes):
    assert lanes_for(columns) == lanes


@pytest.mark.parametrize(
    ("size", "blocks"), [(1, 1), (256, 1), (257, 2), (2**40, 2**31 - 1), (0, 0)]
)
def test_blocks(size, blocks):
    assert blocks_for(size, 256) == blocks


def test_the_type_that_kernels_take():
    single, double = np.ones(1, np.float32), np.ones(1)
    assert common_float(single, single) == "float"
    assert common_float(double) == "double"
    assert common_float(single, double) == ""
    assert common_float(np.ones(1, np.float16)) == ""
    assert common_float(np.ones(1, np.int32)) == ""


def test_python_and_cuda_agree_on_the_size_of_the_table():
    said = re.search(r"leaves_per_launch = (\d+)", OPTIMIZE.text())
    assert int(said[1]) == LEAVES_PER_LAUNCH


@pytest.mark.parametrize(
    ("given", "wanted", "sent"),
    [
        (np.zeros(10), np.float32, np.float32),
        (np.zeros(10, np.uint8), np.float32, np.float32),  # small: one launch less
        (np.zeros(2**17, np.uint8), np.float32, np.uint8),  # large: a quarter of the bytes
        (np.zeros(2**17), np.float32, np.float32),
        (np.zeros(10, np.int32), None, np.int32),
    ],
)
def test_the_smaller_type_crosses_to_the_device(given, wanted, sent):
    assert convert_if_smaller(given, wanted).dtype == sent


def linalg(kind):
    """CuPy's setting of the precision of products."""
    module = types.SimpleNamespace(COMPUTE_TYPE_TF32=7, COMPUTE_TYPE_DEFAULT=1, kind=kind)
    module.get_compute_type = lambda dtype: module.kind
    module.set_compute_type = lambda dtype, kind: setattr(module, "kind", kind)
    return module


@pytest.mark.parametrize("before", [1, 2, 7])
def test_tf32_is_off_inside_and_as_it_was_after(before):
    module = linalg(before)
    full_precision = FullPrecision()

    def fit():
        with full_precision(module):
            assert module.kind == (1 if before == 7 else before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit()
    assert module.kind == before


def test_tf32_comes_back_when_the_last_of_two_fits_ends():
    module = linalg(7)
    full_precision = FullPrecision()
    first, second = full_precision(module), full_precision(module)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert module.kind == 1
    second.__exit__(None, None, None)
    assert module.kind == 7


def test_the_real_setting_has_these_names():
    module = pytest.importorskip("cupy._core._routines_linalg", exc_type=Exception)
    assert module.COMPUTE_TYPE_TF32 != module.COMPUTE_TYPE_DEFAULT
    assert callable(module.get_compute_type)
    assert callable(module.set_compute_type)
