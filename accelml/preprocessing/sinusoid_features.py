"""Sines of multiples of the features, as new features.

The mathematics is in docs/mathematics/linear-regression.md.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from accelml._typing import Array
from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.kernel import kernel
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.preprocessing.transformer import BackendTransformer, size_of

# A sine costs about as much as so many multiply-adds.
SINE_WORK = 10


@kernel(static=("degree", "include_cosine", "include_input"))
def sinusoids(
    backend: Backend, X: Array, degree: int, include_cosine: bool, include_input: bool
) -> Array:
    """``sin(j X)`` for each ``j`` from 1 to ``degree``, one after another.

    Parameters
    ----------
    backend : Backend
    X : array of shape (n, d)
    degree : int
    include_cosine : bool
        Whether ``cos(j X)`` follows each ``sin(j X)``.
    include_input : bool
        Whether ``X`` itself comes first.

    Returns
    -------
    array of shape (n, d * (degree * (1 + include_cosine) + include_input))
    """
    xp = backend.xp
    multiples = xp.arange(1, degree + 1, dtype=X.dtype)
    angles = multiples[:, None] * X[:, None, :]  # (n, degree, d)
    waves = xp.sin(angles)
    if include_cosine:
        waves = xp.concat([waves, xp.cos(angles)], axis=2)
    waves = xp.reshape(waves, (X.shape[0], degree * waves.shape[2]))
    return xp.concat([X, waves], axis=1) if include_input else waves


class SinusoidFeatures(BackendTransformer):
    r"""Sines of each feature and of its multiples.

    .. math:: \sin(j x_i), \qquad j = 1, \dots, D, \quad i = 1, \dots, d

    sorted by ``j``, then by ``i``: the sines of a Fourier series of period 2π in each feature. With
    ``include_cosine``, the cosines of the same ``j`` follow its sines, which makes the series
    complete up to its constant.

    Parameters
    ----------
    degree : int, default=1
        The highest multiple, ``D``.
    include_cosine : bool, default=False
        Whether to add :math:`\cos(j x_i)`.
    include_input : bool, default=False
        Whether the features themselves come first.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    n_output_features_ : int
        Number of outputs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` had string names.
    backend_ : str
        What ran; ``backend_.reason`` says why.
    device_ : str
        Where.

    Notes
    -----
    The features are angles in radians: scale them to the period that is expected.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning, section 3.1 (sinusoidal basis functions).

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.preprocessing import SinusoidFeatures
    >>> features = SinusoidFeatures(2)
    >>> features.fit_transform(np.array([[np.pi / 2, np.pi / 4]])).round(3)
    array([[1.   , 0.707, 0.   , 1.   ]])
    >>> features.get_feature_names_out().tolist()
    ['sin(x0)', 'sin(x1)', 'sin(2 x0)', 'sin(2 x1)']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "degree": [Interval(Integral, 1, None, closed="left")],
        "include_cosine": ["boolean"],
        "include_input": ["boolean"],
        **BACKEND_CONSTRAINTS,
    }

    def __init__(
        self,
        degree: int = 1,
        *,
        include_cosine: bool = False,
        include_input: bool = False,
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.degree = degree
        self.include_cosine = include_cosine
        self.include_input = include_input
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> SinusoidFeatures:
        """Count the outputs; nothing else is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is invalid; the message names it.
        """
        self._validate_params()
        with self._session(X, fitting=True) as session, FitTasks(self, X, y):
            self._check_X(session, X, reset=True)
            self.n_output_features_ = self.n_features_in_ * len(self._patterns())
        return self

    def transform(self, X: Any) -> Any:
        """The sinusoids of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_output_features_)
            Of the library of ``X``, on its device: float32 if ``X`` is, else float64.

        Raises
        ------
        ValueError
            If ``X`` is not two-dimensional, is not finite, or has other columns than in ``fit``.
        """
        check_is_fitted(self)
        with self._session(X, SINE_WORK * self.degree * size_of(X)) as session:
            waves = sinusoids(
                session.backend,
                self._check_X(session, X),
                degree=int(self.degree),
                include_cosine=bool(self.include_cosine),
                include_input=bool(self.include_input),
            )
            return session.restore(waves)

    def _patterns(self) -> list[str]:
        """What is made of each feature, in order, with ``{}`` for its name."""
        functions = ["sin", "cos"] if self.include_cosine else ["sin"]
        factors = ["", *(f"{j} " for j in range(2, self.degree + 1))]
        waves = [f"{function}({factor}{{}})" for factor in factors for function in functions]
        return ["{}", *waves] if self.include_input else waves

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The names of the outputs, such as "sin(2 x0)".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; those of ``fit``, or "x0", "x1" and so on, by default.

        Returns
        -------
        ndarray of shape (n_output_features_,)
            Of str objects.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(
            [pattern.format(name) for pattern in self._patterns() for name in names], dtype=object
        )
