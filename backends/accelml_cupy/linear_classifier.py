"""Logistic regression's sums with one matrix of scores in place of three."""

from __future__ import annotations

from typing import Any

from accelml._typing import Array
from accelml.objectives.linear_classifier import Linear, Sums, statistics
from accelml_cupy.launch import common_float, contiguous
from accelml_cupy.objectives import cross_entropy


@statistics.register("cupy")
def sums_in_place(
    backend: Any,
    loss: str,
    params: Linear,
    X: Array,
    labels: Array,
    weights: Array,
    center: Array,
) -> Sums:
    """The bias is added to the scores where they are, and their gradient takes their place.

    X is read by the two matrix products and by nothing else.
    """
    xp = backend.xp
    rows, answers = X.shape[0], params.weights.shape[1]
    one_each = labels.shape == (rows,) and (loss == "softmax" or answers == 1)
    fits = one_each or (loss == "logistic" and labels.shape == (rows, answers))
    fits = fits and weights.shape == (rows,)
    if not common_float(X, weights, center, *params) or not fits or X.size == 0:
        return statistics.generic(backend, loss, params, X, labels, weights, center)
    scores = contiguous(xp, X @ params.weights)
    scores += params.bias - center @ params.weights
    labels = xp.reshape(labels, scores.shape) if loss == "logistic" else labels
    total, delta = cross_entropy(backend, loss, scores, labels, weights, in_place=True)
    bias = xp.sum(delta, axis=0)
    by_weights = X.T @ delta
    by_weights -= center[:, None] * bias[None, :]
    return Sums(total, by_weights, bias)
