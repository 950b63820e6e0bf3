"""What perceptrons share, whatever they predict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks
from accelml.estimator import Session, wider
from accelml.gradcheck import Problem
from accelml.neural_network.epochs import EpochTraining, Reporting
from accelml.neural_network.training import Learner, initial_parameters
from accelml.objectives.activations import ACTIVATIONS
from accelml.objectives.multilayer_perceptron import Batch, Layer, Parameters, predict_output
from accelml.optimize import LBFGS, minimize
from accelml.optimize.report import report
from accelml.parameters import BACKEND_CONSTRAINTS, generator_of
from accelml.progress import progress_bar
from accelml.tree import names, tree_map


def can_partial_fit(estimator: Any) -> bool:
    """Only solvers that take mini-batches go on from part of the data."""
    return estimator.solver in {"sgd", "adam"}


class Examples(NamedTuple):
    """Checked training data: ``X`` on the device, the rest on the host."""

    X: Array  # (n, d)
    targets: np.ndarray[Any, Any]  # (n,) or (n, k)
    weights: np.ndarray[Any, Any]  # (n,)


class MLPBase(EpochTraining):
    """Parameters, checks, and what comes before and after training."""

    coefs_: list[Any]
    intercepts_: list[Any]
    hidden_layer_sizes: Any
    activation: str
    random_state: Any
    verbose: Any
    _memory: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"adam", "sgd", "gd", "lbfgs"})],
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

    def _examples(self, X: Any, y: Any, sample_weight: Any) -> Examples:
        """Checked training data; remembers what there is to predict."""
        raise NotImplementedError

    def _gradient_problems(
        self, backend: Backend, X: Any, y: Any, sample_weight: Any, generator: np.random.Generator
    ) -> Iterator[Problem]:
        """What ``accelml.gradcheck`` differentiates."""
        twin = clone(self)
        examples = twin._examples(np.asarray(X, dtype=np.float64), y, sample_weight)
        sizes = [examples.X.shape[1], *twin._hidden(), twin._outputs()]
        params = initial_parameters(sizes, self.activation, generator)
        alpha = backend.asarray(self.alpha, backend.xp.float64)
        data = (tree_map(backend.asarray, Batch(*examples)), alpha)
        yield Problem("layers", twin._model(), params, data)

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

    def _start(self, sizes: list[int], *, goes_on: bool) -> Parameters:
        """The parameters to start from, on the host."""
        if not goes_on:
            self._generator = generator_of(self.random_state)
            self._forget()
            return initial_parameters(sizes, self.activation, self._generator)
        fitted = tuple(map(Layer, self.coefs_, self.intercepts_))
        found = [fitted[0].weights.shape[0], *(layer.bias.shape[0] for layer in fitted)]
        if found != sizes:
            raise ValueError(
                f"the fitted network has layers of {found} units, and these parameters and data "
                f"ask for {sizes}; set warm_start=False, or clone the estimator."
            )
        return fitted

    def _train(
        self,
        session: Session,
        examples: Examples,
        tasks: FitTasks,
        *,
        goes_on: bool,
        stratify: bool,
    ) -> None:
        """Train, and store the result, on the host."""
        backend, X = session.backend, examples.X
        sizes = [X.shape[1], *self._hidden(), self._outputs()]
        first = self._start(sizes, goes_on=goes_on)
        params = tree_map(lambda leaf: backend.asarray(leaf, X.dtype), first)
        data = self._on_backend(backend, examples)
        title = f"training on {session.choice}"
        self.n_iter_ = 0
        self._learning_rate = self.learning_rate_init
        with progress_bar(title, self.max_iter, shown=bool(self.verbose)) as update:
            reporting = Reporting(update, tasks)
            if self.solver == "lbfgs":
                params = self._minimize(backend, params, data, reporting)
            else:
                training, validation = self._split(
                    examples.targets, examples.weights, stratify=stratify
                )
                # Committed to the device, or JAX would compile the second epoch anew.
                memory = tree_map(backend.asarray, self._rule().start(backend.xp, params))
                _, params = self._epochs(
                    backend, Learner(params, memory), data, training,
                    take_rows(backend, data, validation), self.max_iter, reporting,
                )  # fmt: skip
        self.__dict__.update(self._fitted(backend, params))
        self._memory = None

    def _train_more(
        self, session: Session, examples: Examples, tasks: FitTasks, *, first: bool, stratify: bool
    ) -> None:
        """One epoch on some of the data, as ``partial_fit`` makes."""
        backend, X = session.backend, examples.X
        sizes = [X.shape[1], *self._hidden(), self._outputs()]
        start = self._start(sizes, goes_on=not first)
        if first:
            self.n_iter_ = 0
        if first or getattr(self, "_memory", None) is None:
            self._learning_rate = self.learning_rate_init
            self._memory = None
        if self.stopped_early_:
            return
        params = tree_map(lambda leaf: backend.asarray(leaf, X.dtype), start)
        fresh = self._rule().start(backend.xp, params)
        kept = fresh if self._memory is None else self._memory
        if list(names(kept)) != list(names(fresh)):  # of another solver
            kept = fresh
        memory = tree_map(lambda leaf, like: backend.asarray(leaf, like.dtype), kept, fresh)
        learner = Learner(params, memory)
        data = self._on_backend(backend, examples)
        training = np.arange(len(examples.targets), dtype=np.int32)
        held_out = None
        rows_kept = getattr(self, "_held_out", None)
        if self.early_stopping and rows_kept is None:
            # Rows of the first call are kept, so that the scores of all calls compare.
            training, validation = self._split(
                examples.targets, examples.weights, stratify=stratify
            )
            held_out = take_rows(backend, data, validation)
            self._held_out = tree_map(backend.to_numpy, held_out)
        elif self.early_stopping:
            held_out = self._like(backend, rows_kept, data)
        title = f"training on {session.choice}"
        before = self.best_validation_score_
        with progress_bar(title, 1, shown=bool(self.verbose)) as update:
            learner, _ = self._epochs(
                backend, learner, data, training, held_out, 1, Reporting(update, tasks, True)
            )
        self.__dict__.update(self._fitted(backend, learner.params))
        self._memory = tree_map(backend.to_numpy, learner.memory)
        if self.early_stopping:
            if self.best_validation_score_ > before:
                self._best = tuple(map(Layer, self.coefs_, self.intercepts_))
            if self._no_improvement_count > self.n_iter_no_change:
                self.stopped_early_ = True
                self.coefs_ = [layer.weights for layer in self._best]
                self.intercepts_ = [layer.bias for layer in self._best]
                self._held_out = self._best = None

    def _like(self, backend: Backend, rows: Any, data: Batch) -> Batch:
        """Rows of an earlier call, of the dtypes of this one's."""
        same: Batch = tree_map(lambda leaf, like: backend.asarray(leaf, like.dtype), rows, data)
        return same

    def _minimize(
        self, backend: Backend, params: Parameters, data: Batch, reporting: Reporting
    ) -> Parameters:
        """All rows at once, by L-BFGS."""
        tasks = reporting.tasks

        def inspect(now: Parameters) -> bool:
            return tasks.iteration(lambda: self._fitted(backend, now))

        note = tasks.noting(reporting.update)
        result = minimize(
            backend,
            LBFGS(),
            self._model(),
            params,
            (data, backend.asarray(self.alpha, backend.xp.float64)),
            tol=self.tol,
            max_iter=self.max_iter,
            monitor=lambda iteration, loss: note(iteration, loss=loss),
            inspect=inspect if tasks.are_followed else None,
        )
        report(
            [result], solver=self.solver, tol=self.tol, max_iter=self.max_iter,
            dtype=str(data.X.dtype), rate="alpha",
        )  # fmt: skip
        self.n_iter_ = result.n_iter
        self.t_ += result.n_iter * data.X.shape[0]
        self.loss_ = result.value
        self.loss_curve_ += result.curve
        self.best_loss_ = min(self.loss_curve_, default=result.value)
        found: Parameters = result.params
        return found

    def _on_backend(self, backend: Backend, examples: Examples) -> Batch:
        """Training data on the device; numbers to predict are of the dtype of ``X``."""
        X, targets, weights = examples
        is_number = targets.dtype.kind == "f"
        labels = backend.asarray(targets, X.dtype) if is_number else backend.asarray(targets)
        return Batch(X, labels, backend.asarray(weights, X.dtype))

    def _fitted(self, backend: Backend, params: Parameters) -> dict[str, Any]:
        """The fitted attributes that hold the network."""
        layers = [tree_map(backend.to_numpy, layer) for layer in params]
        return {
            "coefs_": [layer.weights for layer in layers],
            "intercepts_": [layer.bias for layer in layers],
            "n_layers_": len(layers) + 1,
            "n_outputs_": layers[-1].bias.shape[0],
            "out_activation_": self._model().output,
        }

    def _predicted(self, session: Session, X: Any) -> Array:
        """The output of the network on the backend, of shape (n, k)."""
        backend = session.backend
        X = self._check_X(session, X)
        dtype = wider(backend.xp, X, self.coefs_[0])
        fitted = tuple(map(Layer, self.coefs_, self.intercepts_))
        params = self._on_device(backend, fitted, dtype)
        return predict_output(backend, self._model(), params, backend.asarray(X, dtype))


def take_rows(backend: Backend, data: Batch, rows: np.ndarray[Any, Any]) -> Batch | None:
    """Some rows of the data, if any are asked for."""
    if len(rows) == 0:
        return None
    index = backend.asarray(rows)
    taken: Batch = tree_map(lambda x: backend.xp.take(x, index, axis=0), data)
    return taken
