"""The Gaussian of independent features in one pass over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.anomaly.density import Gaussian, log_density
from accelml.anomaly.moments import Moments, statistics
from accelml_cupy.launch import Source, blocks_for, common_float, contiguous, cpp, lanes_for

ANOMALY = Source(
    "anomaly.cu",
    (
        *(
            f"{kernel}<{real}>"
            for kernel in ("moments_of_pieces", "log_density")
            for real in ("float", "double")
        ),
        "merge_moments",
    ),
)
THREADS = 256
STRIPS = 1024
# Rows to a piece; more where there would be so many pieces that merging them takes time.
PIECE = 64
MOST_PIECES = 8192


@statistics.register("cupy")
def fused_moments(backend: Any, covariance_type: str, X: Array, weights: Array) -> Moments:
    """Moments of pieces of the rows, and one more launch that merges them."""
    if covariance_type != "diag" or not common_float(X) or X.size == 0:
        return statistics.generic(backend, covariance_type, X, weights)
    xp = backend.xp
    n, features = X.shape
    X, weights = contiguous(xp, X), contiguous(xp, weights)
    weights = xp.astype(weights, xp.float64, copy=False)
    length = max(PIECE, -(-n // MOST_PIECES))
    pieces = -(-n // length)
    parts = Moments(
        xp.empty(pieces, dtype=xp.float64),
        xp.empty((pieces, features), dtype=xp.float64),
        xp.empty((pieces, features), dtype=xp.float64),
    )
    moments = Moments(*(xp.empty(part.shape[1:], dtype=xp.float64) for part in parts))
    lanes = lanes_for(features)
    columns = blocks_for(features, lanes)
    backend.launch(
        ANOMALY,
        f"moments_of_pieces<{cpp(X)}>",
        (blocks_for(pieces, THREADS // lanes), columns),
        (lanes, THREADS // lanes),
        (X, weights, *parts, np.int64(n), np.int64(features), np.int64(length)),
    )
    backend.launch(
        ANOMALY,
        "merge_moments",
        (columns,),
        (lanes, STRIPS // lanes),
        (*parts, *moments, np.int64(pieces), np.int64(features)),
    )
    return moments


@log_density.register("cupy")
def fused_log_density(backend: Any, gaussian: Gaussian, X: Array) -> Array:
    """The scores from one launch, where the features are independent."""
    mean, remainder, whitening, peak = gaussian
    is_float = common_float(X, mean, remainder, whitening)
    fits = X.size > 0 and mean.shape == remainder.shape == whitening.shape == X.shape[1:]
    if not (is_float and fits):
        return log_density.generic(backend, gaussian, X)
    xp = backend.xp
    X, mean, remainder, whitening = (contiguous(xp, x) for x in (X, mean, remainder, whitening))
    scores = xp.empty(X.shape[0], dtype=X.dtype)
    lanes = lanes_for(X.shape[1])
    rows = THREADS // lanes
    backend.launch(
        ANOMALY,
        f"log_density<{cpp(X)}>",
        (blocks_for(X.shape[0], rows),),
        (lanes, rows),
        (X, mean, remainder, whitening, xp.astype(peak, X.dtype, copy=False), scores,
         np.int64(X.shape[0]), np.int64(X.shape[1])),
    )  # fmt: skip
    return scores
