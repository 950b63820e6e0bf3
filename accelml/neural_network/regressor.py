"""The multilayer perceptron as a regressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.neural_network.base import Examples, MLPBase, can_partial_fit
from accelml.objectives.multilayer_perceptron import MultilayerPerceptron
from accelml.validation import check_targets, check_weights


class MLPRegressor(RegressorMixin, MLPBase):
    """A multilayer perceptron, trained by backpropagation on the squared error.

    Minimises the mean over rows of half the squared error, summed over the targets, plus
    alpha / 2 times the sum of the squared weights over the weight of the batch.

    Parameters
    ----------
    loss : {"squared_error"}, default="squared_error"
        What is minimised.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, \
power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, \
nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, backend, device
        As those of :class:`MLPClassifier`; with ``early_stopping``, the validation score is R².

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_inputs, n_outputs)
        Weights of each layer, of the dtype of ``X``.
    intercepts_ : list of ndarray of shape (n_outputs,)
        Biases of each layer.
    loss_, best_loss_, loss_curve_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_layers_, n_outputs_, stopped_early_, n_features_in_, \
feature_names_in_, backend_, device_
        As those of :class:`MLPClassifier`.
    out_activation_ : {"identity"}
        The output is a sum as it is.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, 2006, section 5.2.
    The mathematics is in docs/mathematics/multilayer-perceptron.md.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.neural_network import MLPRegressor
    >>> X = np.linspace(-2, 2, 200)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=32, solver="lbfgs", tol=1e-2, random_state=0)
    >>> model.fit(X, np.sin(2 * X[:, 0])).score(X, np.sin(2 * X[:, 0])) > 0.95
    True
    """

    n_outputs_: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MLPBase._parameter_constraints,
        "loss": [StrOptions({"squared_error"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The numbers to predict. Scale them if they are far from 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 1 by default.

        Returns
        -------
        self
            With a ``ConvergenceWarning`` where ``max_iter`` ended it, and a
            ``TrainingInterrupted`` warning where Ctrl-C did.

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        DivergenceError
            If the loss is not finite.
        """
        self._validate_params()
        tasks = FitTasks(self, X, y, sample_weight, self.max_iter)
        with self._session(X, self._work(X, self.max_iter), fitting=True) as session, tasks:
            X = self._check_X(session, X, reset=True)
            examples = self._examples(X, y, sample_weight)
            goes_on = self.warm_start and hasattr(self, "coefs_")
            self._train(session, examples, tasks, goes_on=goes_on, stratify=False)
        return self

    @available_if(can_partial_fit)
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on some of the data, going on from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
            With ``early_stopping``, as :meth:`MLPClassifier.partial_fit`.
        """
        self._validate_params()
        is_first = not hasattr(self, "coefs_")
        tasks = FitTasks(self, X, y, sample_weight, 1)
        with self._session(X, self._work(X, 1), fitting=True) as session, tasks:
            X = self._check_X(session, X, reset=is_first)
            examples = self._examples(X, y, sample_weight)
            self._train_more(session, examples, tasks, first=is_first, stratify=False)
        return self

    def _examples(self, X: Any, y: Any, sample_weight: Any) -> Examples:
        """Checked training data; remembers how many targets there are."""
        y = check_targets(X.shape[0], y, np.float64)
        weights = check_weights(sample_weight, None, y, np.float64)
        self._one_target = y.ndim == 1
        targets = y.reshape(len(y), -1)
        self.n_outputs_ = targets.shape[1]
        return Examples(X, targets, weights)

    def _outputs(self) -> int:
        return self.n_outputs_

    def _model(self) -> MultilayerPerceptron:
        return MultilayerPerceptron(self.activation, "identity")

    def predict(self, X: Any) -> Any:
        """The output of the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_targets)
            Of the library of ``X``.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X, 1)) as session:
            output = self._predicted(session, X)
            return session.restore(output[:, 0] if self._one_target else output)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
