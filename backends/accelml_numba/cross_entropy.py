"""Cross-entropy as compiled loops, class by class over some rows: vectors are rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from accelml._typing import Array
from accelml.backend import Backend
from accelml.objectives.cross_entropy import (
    CrossEntropy,
    logistic_cross_entropy,
    softmax_cross_entropy,
)
from accelml_numba.compilation import compiled, locked, locked_row
from accelml_numba.elementary import exp_minus, log1p_of
from accelml_numba.products import total_of

Floats = np.ndarray[Any, Any]

# Rows whose scores are in the first cache.
BLOCK = 64


@compiled
def softmax_block(scores: Floats, labels: Floats, weights: Floats, first: int) -> float:
    """Replace the scores of each class, of some rows, by δ, and return the loss."""
    total = 0.0
    classes, rows = scores.shape
    highest, partition = scores[0].copy(), np.zeros(rows, scores.dtype)
    for j in range(1, classes):
        for r in range(rows):
            highest[r] = max(highest[r], scores[j, r])
    for r in range(rows):
        total -= weights[first + r] * (scores[labels[first + r], r] - highest[r])
    for j in range(classes):
        for r in range(rows):
            scores[j, r] = exp_minus(scores[j, r] - highest[r])
            partition[r] += scores[j, r]
    for r in range(rows):
        total += weights[first + r] * math.log(partition[r])
        partition[r] = weights[first + r] / partition[r]
    for j in range(classes):
        for r in range(rows):
            scores[j, r] *= partition[r]
    for r in range(rows):
        scores[labels[first + r], r] -= weights[first + r]
    return total


@compiled
def logistic_block(scores: Floats, labels: Floats, weights: Floats, first: int) -> float:
    """The same of one yes-or-no question."""
    z, zero = scores[0], scores.dtype.type(0)
    # Parts of one array, unpacked, LLVM does not see through.
    label, weight = np.empty_like(z), np.empty_like(z)
    probability, loss = np.empty_like(z), np.empty_like(z)
    for r in range(z.size):
        label[r], weight[r] = labels[first + r], weights[first + r]
    answer(z, probability, loss)
    for r in range(z.size):
        loss[r] = weight[r] * (max(z[r], zero) - label[r] * z[r] + loss[r])
        z[r] = weight[r] * (probability[r] - label[r])
    return total_of(loss)


@compiled
def answer(scores: Floats, probability: Floats, excess: Floats) -> None:
    """Fill σ(z), and log(1 + e^−|z|), which is what log(1 + e^z) is above max(z, 0)."""
    one = scores.dtype.type(1)
    for r in range(scores.size):
        e = exp_minus(-abs(scores[r]))
        probability[r] = (one if scores[r] >= 0 else e) / (one + e)
        excess[r] = log1p_of(e)


@compiled
def loss_block(
    is_softmax: bool, scores: Floats, labels: Floats, weights: Floats, first: int
) -> float:
    """Either of them."""
    if is_softmax:
        return softmax_block(scores, labels, weights, first)
    return logistic_block(scores, labels, weights, first)


@compiled
def softmax_rows(scores: Floats, labels: Floats, weights: Floats, delta: Floats) -> float:
    """Fill ``delta`` and return the loss."""
    total = 0.0
    for first in range(0, len(scores), BLOCK):
        last = min(len(scores), first + BLOCK)
        by_class = scores[first:last].T.copy()
        total += softmax_block(by_class, labels, weights, first)
        delta[first:last] = by_class.T
    return total


@softmax_cross_entropy.register("numba")
def _softmax_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    delta = np.empty(scores.shape, scores.dtype)
    total = softmax_rows(locked(scores), locked_row(labels), locked(weights), delta)
    return CrossEntropy(np.float64(total), delta)


@compiled
def logistic_rows(scores: Floats, labels: Floats, weights: Floats, delta: Floats) -> float:
    """Fill ``delta`` and return the loss."""
    total = 0.0
    n, k = scores.shape
    zero, excess = scores.dtype.type(0), np.empty(BLOCK * k, scores.dtype)
    for first in range(0, n, BLOCK):
        last = min(n, first + BLOCK)
        answer(scores[first:last].reshape(-1), delta[first:last].reshape(-1), excess)
        for i in range(first, last):
            for j in range(k):
                score, label, weight = scores[i, j], labels[i, j], weights[i]
                margin = max(score, zero) - label * score
                total += weight * (margin + excess[(i - first) * k + j])
                delta[i, j] = weight * (delta[i, j] - label)
    return total


@logistic_cross_entropy.register("numba")
def _logistic_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    scores, delta = np.ascontiguousarray(scores), np.empty(scores.shape, scores.dtype)
    labels = labels.reshape(scores.shape)
    total = logistic_rows(locked(scores), locked_row(labels), locked(weights), delta)
    return CrossEntropy(np.float64(total), delta)
