"""K-means without the n x k distances, and with sums that are made in one order."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.cluster.distances import doubt, nearest, squared_norms, tie_margin
from accelml.cluster.lloyd import ClusterSums, sum_by_cluster
from accelml.cluster.rows import slices
from accelml_cupy.launch import Source, blocks_for, common_float, contiguous, cpp, lanes_for

FLOATS = ("float", "double")
# Centers in a tile; the widest is for float alone, whose registers it fills.
WIDTHS = {"float": (16, 64, 128), "double": (16, 64)}

CLUSTER = Source(
    "cluster.cu",
    (
        *(f"nearest_center<{real}, {width}>" for real in FLOATS for width in WIDTHS[real]),
        *(
            f"{kernel}<{real}>"
            for kernel in ("nearest_of_products", "sum_pieces")
            for real in FLOATS
        ),
        "sum_parts",
    ),
)
THREADS = 256
TILE_THREADS = 128  # as in cluster.cu
STRIPS = 1024

# A product of a row and a center takes 2 d operations, and 8 bytes to write and to read it again.
# From some hundred features on that traffic, most of it within the cache, is a few percent of the
# time, and less than what cuBLAS gains over the tiles of cluster.cu. Below, and for few centers,
# reading X is the limit, and products in memory would double it. To be measured on a GPU.
LONG = 256
MANY = 128
PRODUCTS = 2**22  # at once: 16 MB of float32

# Rows to a piece; more where there would be so many pieces that adding them up takes time.
PIECE = 64
MOST_PIECES = 8192


@nearest.register("cupy")
def tiled_nearest(backend: Any, X: Array, norms: Array, centers: Array) -> Array:
    """The labels from one launch over the rows, or from cuBLAS and one launch a block of rows."""
    (n, features), count = X.shape, centers.shape[0]
    if not common_float(X, norms, centers) or n * features * count == 0:
        return nearest.generic(backend, X, norms, centers)
    xp = backend.xp
    X, norms, centers = (contiguous(xp, x) for x in (X, norms, centers))
    center_norms = squared_norms(xp, centers)
    known = (centers, center_norms, xp.max(center_norms, keepdims=True), *rounding(X))
    labels = xp.empty(n, dtype=xp.int32)
    if features >= LONG and count >= MANY:
        for rows in slices(n, max(1, PRODUCTS // count)):
            products = contiguous(xp, X[rows] @ centers.T)
            block = (products, X[rows], norms[rows], *known, labels[rows])
            backend.launch(
                CLUSTER,
                f"nearest_of_products<{cpp(X)}>",
                (blocks_for(len(products), THREADS // 32),),
                (32, THREADS // 32),
                (*block, np.int64(len(products)), np.int64(count), np.int64(features)),
            )
        return labels
    width = next((w for w in WIDTHS[cpp(X)] if count <= w), WIDTHS[cpp(X)][-1])
    lanes = 8 if width < 64 else 16  # as Tile has it in cluster.cu
    rows_in_block = TILE_THREADS // lanes * (32 // X.dtype.itemsize)
    backend.launch(
        CLUSTER,
        f"nearest_center<{cpp(X)}, {width}>",
        (blocks_for(n, rows_in_block),),
        (TILE_THREADS,),
        (X, norms, *known, labels, np.int64(n), np.int64(count), np.int64(features)),
    )
    return labels


def rounding(X: Array) -> tuple[np.float64, np.float64]:
    """How far the expanded form errs, and how far direct distances may lie apart by rounding."""
    one = np.float64(1)
    return np.float64(doubt(np, X)), np.float64(tie_margin(np, X, one, one))


@sum_by_cluster.register("cupy")
def sorted_sums(backend: Any, count: int, X: Array, weights: Array, labels: Array) -> ClusterSums:
    """Put the rows in the order of their clusters, sum pieces of it, and add the pieces up."""
    n, features = X.shape
    if not common_float(X, weights) or cpp(labels) != "int" or n * features * count == 0:
        return sum_by_cluster.generic(backend, count, X, weights, labels)
    xp = backend.xp
    X, weights, labels = (contiguous(xp, x) for x in (X, weights, labels))
    order = xp.argsort(labels, stable=True)
    begins = xp.searchsorted(xp.take(labels, order), xp.arange(count + 1, dtype=labels.dtype))
    length = max(PIECE, -(-n // MOST_PIECES))
    pieces = -(-n // length)
    parts = xp.empty((pieces + count, features + 1), dtype=xp.float64)
    lanes = lanes_for(features + 1)
    columns = blocks_for(features + 1, lanes)
    sizes = (np.int64(features), np.int64(count), np.int64(length))
    backend.launch(
        CLUSTER,
        f"sum_pieces<{cpp(X)}>",
        (blocks_for(pieces, THREADS // lanes), columns),
        (lanes, THREADS // lanes),
        (X, weights, labels, order, parts, np.int64(n), *sizes),
    )
    total = xp.empty((count, features), dtype=xp.float64)
    weight = xp.empty(count, dtype=xp.float64)
    backend.launch(
        CLUSTER,
        "sum_parts",
        (count, columns),
        (lanes, STRIPS // lanes),
        (parts, begins, total, weight, np.int64(features), np.int64(length)),
    )
    return ClusterSums(total, weight)
