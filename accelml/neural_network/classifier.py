"""The multilayer perceptron as a classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.estimator import Session
from accelml.neural_network.base import Examples, MLPBase, can_partial_fit
from accelml.neural_network.labels import all_classes, known_classes, numbered
from accelml.objectives.multilayer_perceptron import MultilayerPerceptron
from accelml.validation import check_labels, check_weights


class MLPClassifier(ClassifierMixin, MLPBase):
    """A multilayer perceptron, trained by backpropagation on the cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Of the hidden layers.
    solver : {"adam", "sgd", "gd", "lbfgs"}, default="adam"
        Adam; stochastic gradient descent with momentum; full-batch gradient descent, one step an
        epoch, without momentum; L-BFGS on all rows at once, which knows no early stopping and
        ends when the gradient's norm is at most ``tol``.
    alpha : float, default=1e-4
        Strength of the L2 term, alpha / 2 times the sum of the squared weights (never the biases)
        over the weight of the batch, as in scikit-learn.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch; "auto" is min(200, n_samples). Ignored by "gd" and "lbfgs".
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": "invscaling" divides ``learning_rate_init`` by t ** ``power_t``; "adaptive"
        divides it by 5 whenever training stops improving.
    learning_rate_init : float, default=0.001
        The step size, at first.
    power_t : float, default=0.5
        See ``learning_rate``.
    max_iter : int, default=200
        The most epochs.
    shuffle : bool, default=True
        Whether each epoch takes the rows in another order.
    random_state : int, RandomState instance or None, default=None
        Decides the first weights, the order of the rows, and the validation rows. The same seed
        gives the same ones on every backend.
    tol : float, default=1e-4
        What counts as an improvement of the loss or of the validation score.
    verbose : bool, default=False
        Whether to show a progress bar.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last parameters.
    momentum : float, default=0.9
        Of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" takes the gradient's step from where the momentum leads.
    early_stopping : bool, default=False
        Whether to keep rows for validation, stop when their score no longer improves, and end with
        the parameters of the best score.
    validation_fraction : float, default=0.1
        The share of rows kept for that.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of Adam's moments.
    epsilon : float, default=1e-8
        Keeps Adam's denominator from zero.
    n_iter_no_change : int, default=10
        Epochs without improvement before training ends.
    class_weight : dict or "balanced", default=None
        Weights by class.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coefs_ : list of ndarray of shape (n_inputs, n_outputs)
        Weights of each layer, of the dtype of ``X``.
    intercepts_ : list of ndarray of shape (n_outputs,)
        Biases of each layer.
    loss_ : float
        Mean loss of the last epoch, L2 included.
    best_loss_ : float or None
        The lowest; None with ``early_stopping``.
    loss_curve_ : list of float
        The loss of each epoch.
    validation_scores_ : list of float or None
        The accuracy on the validation rows after each epoch, with ``early_stopping``.
    validation_loss_curve_ : list of float or None
        The mean cross-entropy there, without L2.
    best_validation_score_ : float or None
        The highest of them.
    n_iter_ : int
        Epochs made.
    t_ : int
        Rows seen in training.
    n_layers_ : int
        Layers, the input and the output among them.
    n_outputs_ : int
        Units of the output layer.
    out_activation_ : {"softmax", "logistic"}
        What makes probabilities of the scores; "logistic" for two classes and for several labels.
    stopped_early_ : bool
        After ``partial_fit``: whether early stopping has ended the training.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    References
    ----------
    Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, Nature 323,
    1986; Kingma, Ba, Adam, ICLR 2015.
    The mathematics is in docs/mathematics/multilayer-perceptron.md.

    Examples
    --------
    >>> from accelml.datasets import load_digits
    >>> from accelml.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(64, tol=1e-3, random_state=0).fit(X[:1000] / 16, y[:1000])
    >>> model.score(X[1000:] / 16, y[1000:]) > 0.9
    True
    """

    classes_: Any
    _several_labels: bool

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MLPBase._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
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
        self.class_weight = class_weight
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, numbers or strings; or 0 and 1 for each of several labels.
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
            y = check_labels(X.shape[0], y, multilabel=True)
            weights = self._weights(sample_weight, y)
            classes = known_classes(y)
            if len(classes) < 2 and y.ndim == 1:
                raise ValueError(
                    f"y has one class only ({classes[0]!r}); {type(self).__name__} needs samples "
                    "of at least two classes."
                )
            goes_on = self.warm_start and hasattr(self, "coefs_")
            if goes_on and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"warm_start=True goes on with the classes {self.classes_}, and y has "
                    f"{classes}; set warm_start=False to start again."
                )
            self._classes_are(classes, y)
            self._train(
                session, Examples(X, numbered(classes, y), weights), tasks, goes_on=goes_on,
                stratify=y.ndim == 1,
            )  # fmt: skip
        return self

    @available_if(can_partial_fit)
    @with_callbacks
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one epoch on some of the data, going on from where the last call ended.

        With ``early_stopping``, a share of the rows of the first call is held out, and the network
        is scored on these rows after each call; once ``n_iter_no_change`` calls have not improved
        the score, the best parameters are restored, ``stopped_early_`` is set, and further calls
        change nothing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``classes`` is missing in the first call or differs in a later one, or ``y`` has a
            label that is not among them.
        """
        self._validate_params()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all of y, which partial_fit never sees: pass the "
                "weights as a dict."
            )
        is_first = not hasattr(self, "coefs_")
        tasks = FitTasks(self, X, y, sample_weight, 1)
        with self._session(X, self._work(X, 1), fitting=True) as session, tasks:
            X = self._check_X(session, X, reset=is_first)
            y = check_labels(X.shape[0], y, multilabel=True)
            weights = self._weights(sample_weight, y)
            known = all_classes(classes, None if is_first else self.classes_)
            unknown = np.setdiff1d(y, known) if y.ndim == 1 else np.setdiff1d(y, [0, 1])
            if len(unknown):
                raise ValueError(f"y has labels that are not in classes={known}: {unknown}.")
            self._classes_are(known, y)
            self._train_more(
                session, Examples(X, numbered(known, y), weights), tasks, first=is_first,
                stratify=y.ndim == 1,
            )  # fmt: skip
        return self

    def _examples(self, X: Any, y: Any, sample_weight: Any) -> Examples:
        """Checked training data; remembers the classes."""
        y = check_labels(X.shape[0], y, multilabel=True)
        self._classes_are(known_classes(y), y)
        return Examples(X, numbered(self.classes_, y), self._weights(sample_weight, y))

    def _weights(self, sample_weight: Any, y: np.ndarray[Any, Any]) -> Any:
        if y.ndim == 2 and self.class_weight is not None:
            raise ValueError("class_weight is for one label a row; y has several: leave it out.")
        return check_weights(sample_weight, self.class_weight, y, np.float64)

    def _classes_are(self, classes: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> None:
        self.classes_ = classes
        self._several_labels = y.ndim == 2

    def _outputs(self) -> int:
        return 1 if self._is_binary() else len(self.classes_)

    def _model(self) -> MultilayerPerceptron:
        is_logistic = self._several_labels or len(self.classes_) == 2
        return MultilayerPerceptron(self.activation, "logistic" if is_logistic else "softmax")

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            Of the library of ``X``; columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X, 1)) as session:
            return session.restore(self._probabilities(session, X))

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        with self._session(X, self._work(X, 1)) as session:
            return session.restore(session.backend.xp.log(self._probabilities(session, X)))

    def predict(self, X: Any) -> Any:
        """The most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_labels)
            Labels out of ``classes_``; 0 and 1 where a row may have several.
        """
        check_is_fitted(self)
        with self._session(X, self._work(X, 1)) as session:
            probabilities = self._probabilities(session, X)
            if self._several_labels:
                answers = session.backend.to_numpy(probabilities > 0.5)
                return session.restore_labels(answers.astype(np.int64))
            winners = session.backend.xp.argmax(probabilities, axis=1)
            indices = session.backend.to_numpy(winners).astype(np.intp)
            return session.restore_labels(self.classes_[indices])

    def _probabilities(self, session: Session, X: Any) -> Array:
        yes = self._predicted(session, X)
        return session.backend.xp.concat([1 - yes, yes], axis=1) if self._is_binary() else yes

    def _is_binary(self) -> bool:
        return len(self.classes_) == 2 and not self._several_labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
