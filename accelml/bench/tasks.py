"""What is to be computed: the data, an independent judge of the answer, and the work there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

Floats = np.ndarray[Any, Any]


class Work(NamedTuple):
    """The least that the plain algorithm does: arithmetic, and memory read from end to end."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class Task:
    """One problem; every contestant gets the same arrays.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Float32.
    measure : str
        What :meth:`quality` returns, in words.
    slack : float
        How far an answer may be worse than the best one, relative, and still count as equal.
    higher_is_better : bool
    """

    X: Floats
    measure: ClassVar[str] = ""
    slack: ClassVar[float] = 0.0
    higher_is_better: ClassVar[bool] = False

    def quality(self, answer: Any) -> float:
        """Judge an answer, in float64 and by NumPy alone."""
        raise NotImplementedError

    def work(self) -> Work:
        """What one fit has to do."""
        raise NotImplementedError


@dataclass(frozen=True)
class KMeansTask(Task):
    """Lloyd's iterations from given centers; the answer is the centers."""

    init: Floats = field(default_factory=lambda: np.empty((0, 0)))
    iterations: int = 20
    measure = "inertia"
    slack = 1e-4

    def quality(self, answer: Floats) -> float:
        """The sum of squared distances to the nearest center."""
        centers = np.asarray(answer, dtype=np.float64)
        total = 0.0
        for start in range(0, len(self.X), 50_000):
            rows = self.X[start : start + 50_000].astype(np.float64)
            norms = np.sum(rows**2, axis=1)
            total += np.sum(norms + np.min(np.sum(centers**2, 1) - 2 * rows @ centers.T, axis=1))
        return float(total)

    def work(self) -> Work:
        """Every distance in every iteration, and ``X`` read once for each."""
        n, d = self.X.shape
        k = len(self.init)
        return Work(2.0 * n * d * k * self.iterations, float(self.X.nbytes) * self.iterations)


@dataclass(frozen=True)
class LogisticTask(Task):
    """Multinomial logistic regression; the answer is weights (d, K) and biases (K,).

    ``target`` is the objective that must be reached, where contestants run until they do; otherwise
    everyone makes ``iterations``.
    """

    y: Floats = field(default_factory=lambda: np.empty(0))
    C: float = 1.0
    iterations: int = 50
    target: float | None = None
    measure = "mean loss with penalty (nats)"
    slack = 1e-2  # iterations are whole; with a target, what counts is that it is reached

    def quality(self, answer: tuple[Floats, Floats]) -> float:
        """Mean cross-entropy plus ``‖W‖² / (2 C n)``: scikit-learn's objective over C n."""
        W, b = (np.asarray(part, dtype=np.float64) for part in answer)
        penalty = np.sum(W**2) / (2 * self.C * len(self.X))
        return mean_cross_entropy(lambda rows: rows @ W + b, self.X, self.y) + float(penalty)

    def work(self) -> Work:
        """The scores and the gradient of each iteration, and ``X`` read once for each."""
        n, d = self.X.shape
        classes = int(self.y.max()) + 1
        return Work(4.0 * n * d * classes * self.iterations, float(self.X.nbytes) * self.iterations)


@dataclass(frozen=True)
class PerceptronTask(Task):
    """Adam over batches; the answer is a list of weights and a list of biases, one a layer."""

    y: Floats = field(default_factory=lambda: np.empty(0))
    hidden: tuple[int, ...] = (128,)
    batch: int = 128
    epochs: int = 3
    measure = "training loss (nats)"
    slack = 0.15  # each library draws weights and batches of its own

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer."""
        return (self.X.shape[1], *self.hidden, int(self.y.max()) + 1)

    def quality(self, answer: tuple[list[Floats], list[Floats]]) -> float:
        """Mean cross-entropy of the training rows after the last epoch."""

        def scores(rows: Floats) -> Floats:
            for layer, (W, b) in enumerate(zip(*answer, strict=True)):
                rows = (np.maximum(rows, 0) if layer else rows) @ np.asarray(W, float) + b
            return rows

        return mean_cross_entropy(scores, self.X, self.y)

    def work(self) -> Work:
        """Forward, and backward but for the gradient of the input; ``X`` read once an epoch."""
        products = [a * b for a, b in zip(self.sizes[:-1], self.sizes[1:], strict=True)]
        flops = 6.0 * len(self.X) * sum(products) - 2.0 * len(self.X) * products[0]
        return Work(flops * self.epochs, float(self.X.nbytes) * self.epochs)


@dataclass(frozen=True)
class LeastSquaresTask(Task):
    """Linear regression with an intercept; the answer is weights (d,) and the intercept."""

    y: Floats = field(default_factory=lambda: np.empty(0))
    measure = "mean squared error"
    slack = 1e-5

    def quality(self, answer: tuple[Floats, float]) -> float:
        """The mean of the squared residuals."""
        w, b = np.asarray(answer[0], dtype=np.float64), float(answer[1])
        total = 0.0
        for start in range(0, len(self.X), 50_000):
            rows = slice(start, start + 50_000)
            total += float(np.sum((self.X[rows].astype(np.float64) @ w + b - self.y[rows]) ** 2))
        return total / len(self.X)

    def work(self) -> Work:
        """The symmetric half of XᵀX, and ``X`` read once."""
        n, d = self.X.shape
        return Work(1.0 * n * d * (d + 1), float(self.X.nbytes))


@dataclass(frozen=True)
class DescentTask(LeastSquaresTask):
    """Batch gradient descent with a given step, from zero."""

    step: float = 0.1
    iterations: int = 100
    slack = 1e-3

    def work(self) -> Work:
        """Residuals and gradient; one reading of ``X`` a step is enough for both."""
        n, d = self.X.shape
        return Work(4.0 * n * d * self.iterations, float(self.X.nbytes) * self.iterations)


@dataclass(frozen=True)
class GaussianTask(Task):
    """Means, variances, and the log density of every row; the answer is these densities."""

    measure = "mean log density"
    slack = 1e-4
    higher_is_better = True

    def quality(self, answer: Floats) -> float:
        """The mean of what was returned."""
        return float(np.mean(np.asarray(answer, dtype=np.float64)))

    def work(self) -> Work:
        """A pass for the moments and one for the densities."""
        return Work(8.0 * self.X.size, 2.0 * self.X.nbytes)


@dataclass(frozen=True)
class ThresholdTask(Task):
    """The threshold of highest F1; the answer is the threshold, below which lie the alarms."""

    scores: Floats = field(default_factory=lambda: np.empty(0))
    is_anomaly: Floats = field(default_factory=lambda: np.empty(0))
    measure = "F1"
    slack = 1e-6
    higher_is_better = True

    def quality(self, answer: float) -> float:
        """F1 of that threshold, counted."""
        alarms = self.scores < answer
        hits = float(np.sum(alarms & self.is_anomaly))
        return 2 * hits / (float(np.sum(alarms)) + float(np.sum(self.is_anomaly)))

    def work(self) -> Work:
        """One sort: log₂ n comparisons an element, reading them as often."""
        n = len(self.scores)
        return Work(n * np.log2(n), self.scores.nbytes * np.log2(n))


@dataclass(frozen=True)
class SmallTask(Task):
    """Fit and predict on a small table, or predict for one row; the answer is not judged."""

    y: Floats = field(default_factory=lambda: np.empty(0))
    estimator: str = ""
    one_row: bool = False

    def quality(self, answer: Any) -> float:
        """Nothing: the tests compare what is predicted."""
        return 0.0

    def work(self) -> Work:
        """Next to none."""
        return Work(0.0, 0.0)


def mean_cross_entropy(scores: Callable[[Floats], Floats], X: Floats, y: Floats) -> float:
    """Of the softmax of the scores, in float64, block by block."""
    total = 0.0
    for start in range(0, len(X), 10_000):
        z = scores(X[start : start + 10_000].astype(np.float64))
        z = z - z.max(axis=1, keepdims=True)
        picked = z[np.arange(len(z)), y[start : start + 10_000]]
        total += float(np.sum(np.log(np.sum(np.exp(z), axis=1)) - picked))
    return total / len(X)
