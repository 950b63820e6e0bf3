"""Products from register tiles, beside NumPy's in float64."""

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))
EPS = {"f4": 6e-8, "f8": 1.2e-16}
FEATURES = {
    "AVX-512": {"avx512f", "avx2"},
    "AVX2": {"avx2"},
    "NEON": {"neon"},
    "of no name": set(),
}


def matrices(rows, length, dtype):
    """Left, right and result, the last one not zero."""
    rng = np.random.default_rng(0)
    shapes = (rows, length), (length, 40), (rows, 40)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def close(found, A, B, C):
    wide = (A.astype("f8"), B.astype("f8"))
    bound = EPS[C.dtype.str[1:]] * (A.shape[1] + 2) * (np.abs(wide[0]) @ np.abs(wide[1]) + abs(C))
    assert (np.abs(found - (C + wide[0] @ wide[1])) <= bound).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("length", [0, 1, 37])
@pytest.mark.parametrize("rows", [1, 5, 6, 7, 13, 25])
@pytest.mark.parametrize("order", ["rows", "columns"])
def test_a_product_of_any_shape(order, rows, length, dtype):
    """With the left matrix read along its rows, and down its columns."""
    from accelml_numba.tiles import TILE, add_product, in_panels

    A, B, C = matrices(rows, length, dtype)
    panels = in_panels(B)
    count, _, width = panels.shape
    left = A if order == "rows" else np.asfortranarray(A)
    row, column = (stride // A.itemsize for stride in left.strides)
    found = np.full((rows + 1, count * width), 7, dtype)
    found[:rows, :40] = C
    for panel in range(count):
        add_product(
            left.ravel(order="K"), 0, row, column, rows, panels.ravel(), panel * length * width,
            length, found.reshape(-1), panel * width, count * width,
        )  # fmt: skip
    close(found[:rows, :40], A, B, C)
    assert (found[:rows, 40:] == 7).all()  # filled up with zeros
    assert (found[rows] == 7).all()  # nothing past the last row
    assert width == TILE.width(dtype)


@pytest.mark.parametrize("to_write", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("processor", FEATURES)
def test_tiles_for_other_processors(processor, dtype, to_write):
    """They are cut up for the vectors there are here, and so slow, but right."""
    import numba

    from accelml_numba.tiles import add_tile_and_ask_of, add_tile_of, tile_for

    tile = tile_for(FEATURES[processor])
    add_tile, add_tile_and_ask = add_tile_of(tile), add_tile_and_ask_of(tile, to_write=to_write)

    @numba.njit
    def add(rows, A, B, C):
        row, length = A.shape[1], A.shape[1]
        add_tile(rows, A, 0, row, 1, B, 0, length, C, 0, C.shape[1], B, 0, 64)

    @numba.njit
    def add_and_ask(rows, A, B, C):
        row, length = A.shape[1], A.shape[1]
        add_tile_and_ask(
            rows, A, 0, row, 1, B, 0, length, C, 0, C.shape[1], C, 0, 48, A.reshape(-1), 0, 24
        )

    width = tile.width(dtype)
    for rows in range(1, tile.rows + 1):
        A, B, C = matrices(rows, 9, dtype)
        A, B, C = A, np.tile(B, 2)[:, :width].copy(), np.tile(C, 2)[:, :width].copy()
        found, again = C.copy(), C.copy()
        add(rows, A, B, found)
        add_and_ask(rows, A, B, again)
        close(found, A, B, C)
        np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("processor", FEATURES)
def test_corner_of_a_panel_times_itself(processor, dtype):
    """The first vector of as many rows as it has numbers; what is beside it and below stays."""
    import numba

    from accelml_numba.tiles import add_corner_of, tile_for

    tile = tile_for(FEATURES[processor])
    add_corner = add_corner_of(tile)

    @numba.njit
    def add(panel, C):
        add_corner(panel, 0, panel.shape[1], panel.shape[0], C, 0, C.shape[1], panel, 0, 64)

    width = tile.width(dtype)
    lanes = width // tile.vectors
    panel = np.random.default_rng(0).normal(size=(9, width)).astype(dtype)
    found = np.full((width, width), 7, dtype)
    add(panel, found)
    product = panel[:, :lanes].T @ panel[:, :lanes]
    tolerance = 1e-5 if dtype == "f4" else 1e-13
    np.testing.assert_allclose(found[:lanes, :lanes] - 7, product, rtol=tolerance, atol=tolerance)
    assert (found[lanes:] == 7).all()
    assert (found[:, lanes:] == 7).all()


def test_registers_are_left_for_what_is_multiplied():
    """A tile and a row of the panel, beside one number, where 16 or 32 registers are."""
    from accelml_numba.tiles import tile_for

    for processor, registers in zip(FEATURES, (32, 16, 32, 16), strict=True):
        rows, vectors, _ = tile_for(FEATURES[processor])
        assert rows * vectors + vectors + 1 <= registers


def test_panels_and_back():
    from accelml_numba.tiles import TILE, from_panels, in_panels

    width = TILE.width("f4")
    for columns in (1, width, width + 1, 3 * width - 1):
        matrix = np.arange(5 * columns, dtype="f4").reshape(5, columns)
        panels = in_panels(matrix)
        assert panels.shape == (-(-columns // width), 5, width)
        assert panels.sum() == matrix.sum()
        np.testing.assert_array_equal(from_panels(panels, columns), matrix)
