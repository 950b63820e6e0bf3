"""Cross-entropy of class scores, and its gradient by the scores.

The mathematics is in docs/mathematics/logistic-regression.md.
"""

from __future__ import annotations

from typing import NamedTuple

from accelml._typing import Array
from accelml.backend import Backend
from accelml.kernel import kernel


class CrossEntropy(NamedTuple):
    """The loss summed over rows, and its gradient by the scores."""

    total: Array  # () float64
    delta: Array  # (n, k)


@kernel
def softmax_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    """Σᵢ wᵢ (log Σₖ exp sᵢₖ − sᵢ,ᵧᵢ), and wᵢ (pᵢₖ − [yᵢ = k]).

    Parameters
    ----------
    backend : Backend
    scores : array of shape (n, k)
        What the softmax is taken of.
    labels : integer array of shape (n,)
        The class of each row, from 0 to k − 1.
    weights : array of shape (n,)
        The weight of each row; 0 leaves it out.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, equations 4.108 and 4.109.
    The mathematics is in docs/mathematics/logistic-regression.md.
    """
    xp = backend.xp
    shifted = scores - xp.max(scores, axis=1, keepdims=True)
    exponentials = xp.exp(shifted)
    partition = xp.sum(exponentials, axis=1, keepdims=True)
    classes = xp.arange(scores.shape[1], dtype=labels.dtype)
    target = xp.astype(labels[:, None] == classes[None, :], scores.dtype)
    losses = xp.log(partition)[:, 0] - xp.sum(target * shifted, axis=1)
    delta = weights[:, None] * (exponentials / partition - target)
    return CrossEntropy(xp.sum(weights * losses, dtype=xp.float64), delta)


@kernel
def logistic_cross_entropy(
    backend: Backend, scores: Array, labels: Array, weights: Array
) -> CrossEntropy:
    """Σᵢ wᵢ Σₖ (softplus sᵢₖ − yᵢₖ sᵢₖ), and wᵢ (σ(sᵢₖ) − yᵢₖ).

    Parameters
    ----------
    backend : Backend
    scores : array of shape (n, k)
        The log-odds of ``k`` separate yes-or-no questions; one, for two classes.
    labels : integer array of shape (n,) or (n, k)
        0 or 1.
    weights : array of shape (n,)
        The weight of each row.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, equations 4.90 and 4.91.
    The mathematics is in docs/mathematics/logistic-regression.md.
    """
    xp = backend.xp
    target = xp.astype(xp.reshape(labels, scores.shape), scores.dtype)
    e = xp.exp(-xp.abs(scores))
    # Exactly zero where the answer is right, so that the logarithm keeps its digits.
    margin = xp.maximum(scores, xp.zeros_like(scores)) - target * scores
    losses = xp.sum(margin + xp.log1p(e), axis=1)
    probabilities = xp.where(scores >= 0, 1 / (1 + e), e / (1 + e))
    delta = weights[:, None] * (probabilities - target)
    return CrossEntropy(xp.sum(weights * losses, dtype=xp.float64), delta)


@kernel
def softmax(backend: Backend, scores: Array) -> Array:
    """Exp sₖ / Σⱼ exp sⱼ along the last axis, of shape (n, k), in its stable form."""
    xp = backend.xp
    exponentials = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    return exponentials / xp.sum(exponentials, axis=1, keepdims=True)


CROSS_ENTROPY = {"softmax": softmax_cross_entropy, "logistic": logistic_cross_entropy}
