"""Products of many rows with a few vectors, some rows at a time.

OpenBLAS lays both factors of a large product out anew, which takes longer than to multiply by few
vectors. With AVX-512 it makes small products from the factors as they lie: with 10 vectors of 784
features, that is two to three times as fast. NumPy goes from one part to the next without Python.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from accelml.blas import blas

Floats = np.ndarray[Any, Any]

# The processors for which OpenBLAS has such kernels, as it names them. What it calls small there,
# in kernel/x86_64/sgemm_small_kernel_permit_skylakex.c, is counted in multiplications, and where
# sums run along both factors' rows, in entries of the result, too, and in the features there are.
PROCESSORS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
MULTIPLICATIONS, ENTRIES, FEATURES = 10**6, 1200, 32
# More vectors are as fast in one product; with fewer rows in a part, its beginning is the cost.
FEW, ROWS = 20, 8
# Rows in a part of a sum: more would be no faster.
SUMMED = 64


@functools.cache
def has_small_kernels() -> bool:
    """Whether the matrix library multiplies small matrices as they lie."""
    return any(getattr(library, "architecture", None) in PROCESSORS for library in blas())


def is_few(count: int, features: int) -> bool:
    """Whether so many vectors are multiplied faster in parts."""
    is_small = 1 < count <= FEW and features >= FEATURES and part_of(count, features) >= ROWS
    return is_small and has_small_kernels()


def part_of(count: int, features: int) -> int:
    """Rows that make a small product with so many vectors."""
    return min(ENTRIES // count, MULTIPLICATIONS // (count * features))


def times_rows(vectors: Floats, X: Floats, out: Floats | None = None) -> Floats:
    """``vectors @ X.T``, of shape (k, n), into ``out`` if there is one."""
    (k, d), n = vectors.shape, len(X)
    out = np.empty((k, n), X.dtype) if out is None else out
    if not is_few(k, d):
        return np.matmul(vectors, X.T, out=out)
    size = part_of(k, d)
    whole = n - n % size
    parts = X[:whole].reshape(-1, size, d).transpose(0, 2, 1)
    np.matmul(vectors, parts, out=out[:, :whole].reshape(k, -1, size).transpose(1, 0, 2))
    np.matmul(vectors, X[whole:].T, out=out[:, whole:])
    return out


def sum_rows(shares: Floats, X: Floats) -> Floats:
    """``shares @ X``, of shape (k, d): sums of the rows, each by its shares of shape (k, n)."""
    k, (n, d) = len(shares), X.shape
    if not is_few(k, d):
        product: Floats = shares @ X
        return product
    size = min(SUMMED, MULTIPLICATIONS // (k * d))
    whole = n - n % size
    parts = shares[:, :whole].reshape(k, -1, size).transpose(1, 0, 2)
    total: Floats = np.matmul(parts, X[:whole].reshape(-1, size, d)).sum(axis=0)
    total += shares[:, whole:] @ X[whole:]
    return total
