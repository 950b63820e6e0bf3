"""What the transformers share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import TransformerMixin

from accelml.estimator import BackendEstimator


class BackendTransformer(TransformerMixin, BackendEstimator):
    """A transformer with the parameters ``backend`` and ``device``; float32 stays float32."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def size_of(X: Any) -> float:
    """How many numbers ``X`` holds, as far as it says."""
    return float(np.prod(getattr(X, "shape", (0,))))
