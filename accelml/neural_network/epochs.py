"""The loop over epochs: what is recorded after each, and when it ends.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from accelml._typing import Tree
from accelml.backend import Backend
from accelml.blas import one_thread_each
from accelml.callbacks import FitTasks
from accelml.estimator import BackendEstimator
from accelml.exceptions import DivergenceError, TrainingInterrupted, warn_user
from accelml.neural_network.training import Learner, epoch_batches, evaluate, train_epoch
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron, Parameters
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings
from accelml.optimize.sgd import SGDSettings
from accelml.progress import Update
from accelml.tree import tree_map


class Reporting(NamedTuple):
    """Who hears of each epoch."""

    update: Update  # the progress bar
    tasks: FitTasks  # scikit-learn's callbacks
    in_parts: bool = False  # by ``partial_fit``, where one epoch is all there shall be


class EpochTraining(BackendEstimator):
    """An estimator that is trained by epochs; its parameters are those of ``MLPClassifier``."""

    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: int

    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    validation_scores_: Any
    validation_loss_curve_: Any
    best_validation_score_: Any
    _generator: np.random.Generator
    _split_seed: int | None
    _learning_rate: float

    def _model(self) -> MultilayerPerceptron:
        """The objective."""
        raise NotImplementedError

    def _fitted(self, backend: Backend, params: Parameters) -> dict[str, Any]:
        """What ``fit`` stores, had it ended with these parameters."""
        raise NotImplementedError

    def _rule(self) -> SGD | Adam:
        if self.solver == "adam":
            return Adam()
        return SGD(nesterov=self.solver == "sgd" and self.nesterovs_momentum)

    def _settings(self, backend: Backend) -> Tree:
        rate = self._learning_rate
        if self.solver == "adam":
            values: Tree = AdamSettings(rate, self.beta_1, self.beta_2, self.epsilon)
        else:
            values = SGDSettings(rate, self.momentum if self.solver == "sgd" else 0.0)
        return tree_map(lambda value: backend.asarray(value, backend.xp.float64), values)

    def _batch_size(self, rows: int) -> int:
        if self.solver == "gd":
            return rows
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warn_user(
                f"batch_size={self.batch_size} is larger than the {rows} rows to train on, and is "
                "clipped to that."
            )
        return min(int(self.batch_size), rows)

    def _split(self, labels: Any, weights: Any, *, stratify: bool) -> tuple[Any, Any]:
        """Which rows train and which validate."""
        rows = np.arange(len(labels), dtype=np.int32)
        if not self.early_stopping:
            return rows, rows[:0]
        if self._split_seed is None:
            # Kept, so that a warm start does not train on rows that it goes on to be judged by.
            self._split_seed = int(self._generator.integers(2**31))
        try:
            training, validation = train_test_split(
                rows,
                test_size=self.validation_fraction,
                stratify=labels if stratify else None,
                random_state=self._split_seed,
            )
        except ValueError as error:
            raise ValueError(self._bad_split(len(rows), str(error))) from error
        counts = [int(np.count_nonzero(weights[part])) for part in (training, validation)]
        if len(validation) < 2 or 0 in counts:
            reason = "rows of a weight above 0: {} to train on, {} to validate on".format(*counts)
            raise ValueError(self._bad_split(len(rows), reason))
        return training, validation

    def _bad_split(self, rows: int, reason: str) -> str:
        return (
            f"validation_fraction={self.validation_fraction} of {rows} rows leaves too few on one "
            f"side ({reason}); change it, or set early_stopping=False."
        )

    def _epochs(
        self,
        backend: Backend,
        learner: Learner,
        data: Batch,
        training: np.ndarray[Any, Any],
        held_out: Batch | None,
        epochs: int,
        reporting: Reporting,
    ) -> tuple[Learner, Parameters]:
        """Go through the data until nothing improves; the last state and the best parameters."""
        size = self._batch_size(len(training))
        shuffle = self.shuffle and self.solver != "gd"
        alpha = backend.asarray(self.alpha, backend.xp.float64)
        model, rule = self._model(), self._rule()
        best = learner.params
        try:
            for epoch in range(1, epochs + 1):
                batches = epoch_batches(training, size, shuffle=shuffle, generator=self._generator)
                learner, loss = train_epoch(
                    backend, model, rule, learner, data, tree_map(backend.asarray, batches), alpha,
                    self._settings(backend),
                )  # fmt: skip
                score = self._validate(backend, learner.params, held_out)
                if not np.isfinite([float(loss), *(score or ())]).all():
                    raise DivergenceError(
                        f"the loss is not finite in epoch {epoch} of solver={self.solver!r}; lower "
                        f"learning_rate_init={self.learning_rate_init}, or scale X"
                    )
                if score is None or score[0] > self.best_validation_score_:
                    best = learner.params
                self._record(float(loss), score, len(training))
                reporting.update(epoch, loss=self.loss_, score=None if score is None else score[0])
                now = functools.partial(self._fitted, backend, learner.params)
                stop = reporting.tasks.iteration(now)
                if self._should_stop() or stop:
                    break
            else:
                if not reporting.in_parts:
                    warn_user(
                        f"max_iter={self.max_iter} epochs were made and training still improved by "
                        f"more than tol={self.tol}.",
                        ConvergenceWarning,
                    )
        except KeyboardInterrupt:
            warn_user(
                f"Training was interrupted; the model is the best of the {self.n_iter_} epochs "
                "made.",
                TrainingInterrupted,
            )
        return learner, best

    def _validate(
        self, backend: Backend, params: Parameters, held_out: Batch | None
    ) -> tuple[float, float] | None:
        """Score and loss on the rows held out."""
        if held_out is None:
            return None
        # Threads of a matrix library would go on waiting for more on the cores that the next epoch
        # needs.
        with one_thread_each():
            evaluation = evaluate(backend, self._model(), params, held_out)
        if not bool(evaluation.finite):
            return float("nan"), float("nan")
        return float(evaluation.score), float(evaluation.loss)

    def _forget(self) -> None:
        """Before the first epoch of a new training."""
        scores = self.early_stopping and self.solver != "lbfgs"
        self.t_ = 0
        self.loss_ = np.inf
        self.loss_curve_ = []
        self.best_loss_ = None if scores else np.inf
        self.validation_scores_ = [] if scores else None
        self.validation_loss_curve_ = [] if scores else None
        self.best_validation_score_ = -np.inf if scores else None
        self._no_improvement_count = 0
        self.stopped_early_ = False
        self._split_seed = None
        self._held_out: Any = None
        self._best: Any = None

    def _record(self, loss: float, score: tuple[float, float] | None, rows: int) -> None:
        """Note the figures of an epoch, and whether they are better than before."""
        self.n_iter_ += 1
        self.t_ += rows
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if score is not None:
            improved = score[0] >= self.best_validation_score_ + self.tol
            self.validation_scores_.append(score[0])
            self.validation_loss_curve_.append(score[1])
            self.best_validation_score_ = max(score[0], self.best_validation_score_)
        else:
            improved = loss <= self.best_loss_ - self.tol
            self.best_loss_ = min(loss, self.best_loss_)
        self._no_improvement_count = 0 if improved else self._no_improvement_count + 1
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            self._learning_rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t

    def _should_stop(self) -> bool:
        """Whether to end here; an adaptive learning rate is lowered first."""
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        is_adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        if not is_adaptive or self._learning_rate <= 1e-6:
            return True
        self._learning_rate /= 5
        self._no_improvement_count = 0
        return False
