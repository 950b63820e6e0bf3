"""The training that perceptrons share, whatever they predict."""

from __future__ import annotations

import itertools
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.estimator import BackendEstimator, Session
from accelml.exceptions import DivergenceError, TrainingInterrupted
from accelml.neural_network.training import (
    Learner,
    epoch_batches,
    evaluate,
    initial_parameters,
    train_epoch,
)
from accelml.objectives.activations import ACTIVATIONS
from accelml.objectives.multilayer_perceptron import Batch, Layer, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml.optimize.adam import AdamSettings
from accelml.optimize.sgd import SGDSettings
from accelml.parameters import BACKEND_CONSTRAINTS, generator_of
from accelml.progress import Update, progress_bar
from accelml.tree import tree_map


def can_partial_fit(estimator: Any) -> bool:
    """Only solvers that take mini-batches go on from part of the data."""
    return estimator.solver in {"sgd", "adam"}


class MLPBase(BackendEstimator):
    """Parameters, checks and the loop over epochs."""

    coefs_: list[Any]
    intercepts_: list[Any]
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    validation_scores_: Any
    best_validation_score_: Any
    _memory: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"adam", "sgd", "gd"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        **BACKEND_CONSTRAINTS,
    }

    def _outputs(self) -> int:
        """Units of the output layer."""
        raise NotImplementedError

    def _model(self) -> MultilayerPerceptron:
        """The objective."""
        raise NotImplementedError

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if np.ndim(sizes) == 0 else list(sizes)
        if any(not isinstance(size, Integral) or size < 1 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be positive whole numbers, got {self.hidden_layer_sizes}."
            )
        return [int(size) for size in sizes]

    def _work(self, X: Any, epochs: int) -> float:
        """Roughly the multiply-adds of so many epochs on ``X``."""
        shape = getattr(X, "shape", (0, 0))
        if len(shape) != 2 or not np.all([isinstance(n, Integral) for n in shape]):
            return 0.0
        sizes = [int(shape[1]), *self._hidden(), 10]
        links = sum(a * b for a, b in itertools.pairwise(sizes))
        return 3.0 * shape[0] * links * epochs

    def _rule(self) -> SGD | Adam:
        if self.solver == "adam":
            return Adam()
        return SGD(nesterov=self.solver == "sgd" and self.nesterovs_momentum)

    def _settings(self, backend: Backend, learning_rate: float) -> Tree:
        if self.solver == "adam":
            values: Tree = AdamSettings(learning_rate, self.beta_1, self.beta_2, self.epsilon)
        else:
            values = SGDSettings(learning_rate, self.momentum if self.solver == "sgd" else 0.0)
        return tree_map(lambda value: backend.asarray(value, backend.xp.float64), values)

    def _batch_size(self, rows: int) -> int:
        if self.solver == "gd":
            return rows
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn(
                f"batch_size={self.batch_size} is larger than the {rows} rows to train on, and is "
                "clipped to that.",
                stacklevel=4,
            )
        return min(int(self.batch_size), rows)

    def _train(
        self,
        session: Session,
        X: Array,
        labels: np.ndarray[Any, Any],
        weights: np.ndarray[Any, Any],
        *,
        goes_on: bool,
        incremental: bool = False,
    ) -> None:
        """Train, and store the result, on the host."""
        backend = session.backend
        sizes = [X.shape[1], *self._hidden(), self._outputs()]
        if not goes_on:
            self._generator = generator_of(self.random_state)
            first = initial_parameters(sizes, self.activation, self._generator)
            self._forget()
        else:
            first = tuple(map(Layer, self.coefs_, self.intercepts_))
            found = [first[0].weights.shape[0], *(layer.bias.shape[0] for layer in first)]
            if found != sizes:
                raise ValueError(
                    f"the fitted network has layers of {found} units, and these parameters and "
                    f"data ask for {sizes}; set warm_start=False, or clone the estimator."
                )
        training, validation = self._split(labels, weights)
        params = tree_map(lambda leaf: backend.asarray(leaf, X.dtype), first)
        rule = self._rule()
        if incremental and goes_on and getattr(self, "_memory", None) is not None:
            memory = tree_map(backend.asarray, self._memory)
        else:
            # Committed to the device like the parameters: JAX would compile the second epoch anew.
            memory = tree_map(backend.asarray, rule.start(backend.xp, params))
            self._learning_rate = self.learning_rate_init
        data = Batch(X, backend.asarray(labels), backend.asarray(weights, X.dtype))
        title = f"training on {session.choice} ({session.choice.reason})"
        epochs = 1 if incremental else self.max_iter
        self.n_iter_ = self.n_iter_ if incremental and goes_on else 0
        with progress_bar(title, epochs, shown=bool(self.verbose)) as update:
            learner = self._epochs(
                backend, Learner(params, memory), data, training, validation, epochs, update,
                incremental,
            )  # fmt: skip
        self._store(backend, learner, sizes)
        self._memory = tree_map(backend.to_numpy, learner.memory) if incremental else None

    def _split(
        self, labels: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Which rows train and which validate."""
        rows = np.arange(len(labels), dtype=np.int32)
        if not self.early_stopping:
            return rows, rows[:0]
        try:
            training, validation = train_test_split(
                rows,
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=int(self._generator.integers(2**31)),
            )
        except ValueError as error:
            raise ValueError(self._too_few(len(rows), str(error))) from error
        if len(validation) < 2 or not weights[validation].any():
            raise ValueError(self._too_few(len(rows), f"{len(validation)} with a weight"))
        return training, validation

    def _too_few(self, rows: int, reason: str) -> str:
        return (
            f"validation_fraction={self.validation_fraction} of {rows} rows leaves too few to "
            f"validate on ({reason}); raise it, or set early_stopping=False."
        )

    def _epochs(
        self,
        backend: Backend,
        learner: Learner,
        data: Batch,
        training: np.ndarray[Any, Any],
        validation: np.ndarray[Any, Any],
        epochs: int,
        update: Update,
        incremental: bool,
    ) -> Learner:
        """Go through the data until nothing improves; the best parameters if they are scored."""
        xp = backend.xp
        model, rule = self._model(), self._rule()
        alpha = backend.asarray(self.alpha, xp.float64)
        size = self._batch_size(len(training))
        shuffle = self.shuffle and self.solver != "gd"
        chosen = backend.asarray(validation)
        held_out = tree_map(lambda x: xp.take(x, chosen, axis=0), data) if len(validation) else None
        best, converged = learner, incremental
        try:
            for epoch in range(1, epochs + 1):
                batches = epoch_batches(training, size, shuffle=shuffle, generator=self._generator)
                learner, loss = train_epoch(
                    backend, model, rule, learner, data, tree_map(backend.asarray, batches), alpha,
                    self._settings(backend, self._learning_rate),
                )  # fmt: skip
                score = None
                if held_out is not None:
                    accuracy, finite = evaluate(backend, model, learner.params, held_out)
                    score = float(accuracy) if bool(finite) else float("nan")
                if not np.isfinite(float(loss)) or (score is not None and not np.isfinite(score)):
                    raise DivergenceError(
                        f"the loss is not finite in epoch {epoch} of solver={self.solver!r}; lower "
                        f"learning_rate_init={self.learning_rate_init}, or scale X"
                    )
                if score is not None and score > self.best_validation_score_:
                    best = learner
                self._record(float(loss), score, len(training))
                update(epoch, loss=self.loss_, accuracy=score)
                if self._should_stop():
                    converged = True
                    break
            if not converged:
                warnings.warn(
                    f"max_iter={self.max_iter} epochs were made and training still improved by "
                    f"more than tol={self.tol}.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
        except KeyboardInterrupt:
            warnings.warn(
                f"Training was interrupted; the model is the best of the {self.n_iter_} epochs "
                "made.",
                TrainingInterrupted,
                stacklevel=4,
            )
        return best if held_out is not None else learner

    def _forget(self) -> None:
        """Before the first epoch of a new training."""
        self.t_ = 0
        self.loss_ = np.inf
        self.loss_curve_ = []
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self._no_improvement_count = 0

    def _record(self, loss: float, score: float | None, rows: int) -> None:
        """Note the figures of an epoch, and whether they are better than before."""
        self.n_iter_ += 1
        self.t_ += rows
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if score is not None:
            improved = score >= self.best_validation_score_ + self.tol
            self.validation_scores_.append(score)
            self.best_validation_score_ = max(score, self.best_validation_score_)
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

    def _store(self, backend: Backend, learner: Learner, sizes: list[int]) -> None:
        layers = [tree_map(backend.to_numpy, layer) for layer in learner.params]
        self.coefs_ = [layer.weights for layer in layers]
        self.intercepts_ = [layer.bias for layer in layers]
        self.n_layers_ = len(sizes)
        self.n_outputs_ = sizes[-1]
        self.out_activation_ = self._model().output
