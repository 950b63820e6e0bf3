"""Polynomials on NumPy, in blocks that are laid out by columns and turned around, or by rows."""

import numpy as np
import pytest

from accelml.preprocessing.polynomial_basis import count_terms, polynomial_basis
from accelml.selection import get_backend
from accelml_numpy import preprocessing as module

BACKEND = get_backend("numpy")


@pytest.mark.parametrize("turned", [0, np.inf])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("least", "most"), [(0, 0), (1, 1), (0, 3), (2, 3), (3, 3)])
@pytest.mark.parametrize("rows", [1, 99, 100, 101, 250])
def test_blocks_make_the_whole(rows, least, most, order, turned, monkeypatch):
    monkeypatch.setattr(module, "TURNED", turned)
    monkeypatch.setattr(module, "BLOCK_BYTES", 100 * 8 * (1 + count_terms(4, most, False)))
    X = np.random.default_rng(rows).normal(size=(rows, 4))
    basis = polynomial_basis(BACKEND, X, least, most, False, True, order)
    expected = polynomial_basis.generic(BACKEND, X, least, most, False, True, order)
    np.testing.assert_array_equal(basis, expected)
    assert basis.flags[f"{order}_CONTIGUOUS"]
