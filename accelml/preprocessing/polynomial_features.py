"""All products of features up to a degree, as new features."""

from __future__ import annotations

import collections.abc
import itertools
from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from accelml.backend import Backend
from accelml.callbacks import FitTasks, with_callbacks
from accelml.parameters import BACKEND_CONSTRAINTS
from accelml.preprocessing.polynomial_basis import count_terms, polynomial_basis
from accelml.preprocessing.transformer import BackendTransformer, size_of


class PolynomialFeatures(BackendTransformer):
    r"""All monomials of the features up to a degree.

    The full basis of the polynomials in ``d`` variables of degree at most ``D``,

    .. math:: x_1^{k_1} x_2^{k_2} \cdots x_d^{k_d}, \qquad k_1 + \dots + k_d \le D,

    which are ``C(d + D, D)`` of them: ``[1, a, b, a², ab, b²]`` for features ``a`` and ``b`` and
    degree 2.

    Parameters
    ----------
    degree : int or tuple (min_degree, max_degree), default=2
        The highest degree, or the lowest and the highest. The term of degree zero depends on
        ``include_bias`` alone.
    interaction_only : bool, default=False
        Whether to keep only products of distinct features.
    include_bias : bool, default=True
        Whether the first column is the constant 1.
    order : {"C", "F"}, default="C"
        Layout of the output where it is a NumPy array; other libraries choose their own.
    backend : str or Backend, default=None
        Which array library computes: "numpy", "numba", "jax", "cupy", "auto", or None for that
        of ``X``.
    device : str, default=None
        Such as "cpu" or "gpu:0".

    Attributes
    ----------
    powers_ : ndarray of shape (n_output_features_, n_features_in_)
        ``powers_[i, j]`` is the exponent of feature ``j`` in output ``i``.
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
    Each term is one product, of a feature and a term of one degree less. High powers of features
    that are far from 1 differ by orders of magnitude: standardise before, or after.

    Examples
    --------
    >>> import numpy as np
    >>> from accelml.preprocessing import PolynomialFeatures
    >>> features = PolynomialFeatures(2)
    >>> features.fit_transform(np.array([[2.0, 3.0]]))
    array([[1., 2., 3., 4., 6., 9.]])
    >>> features.get_feature_names_out().tolist()
    ['1', 'x0', 'x1', 'x0^2', 'x0 x1', 'x1^2']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "degree": [Interval(Integral, 0, None, closed="left"), "array-like"],
        "interaction_only": ["boolean"],
        "include_bias": ["boolean"],
        "order": [StrOptions({"C", "F"})],
        **BACKEND_CONSTRAINTS,
    }

    def __init__(
        self,
        degree: int | tuple[int, int] = 2,
        *,
        interaction_only: bool = False,
        include_bias: bool = True,
        order: str = "C",
        backend: str | Backend | None = None,
        device: str | None = None,
    ) -> None:
        self.degree = degree
        self.interaction_only = interaction_only
        self.include_bias = include_bias
        self.order = order
        self.backend = backend
        self.device = device

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> PolynomialFeatures:
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
            If an argument is invalid, or there would be no output or more than can be indexed.
        """
        self._validate_params()
        with self._session(X, fitting=True) as session, FitTasks(self, X, y):
            self._check_X(session, X, reset=True)
            low, high = degree_range(self.degree, self.include_bias)
            width, apart = self.n_features_in_, bool(self.interaction_only)
            count = count_terms(width, high, apart) - count_terms(width, max(low, 1) - 1, apart)
            count += bool(self.include_bias)
            if count > np.iinfo(np.intp).max:
                raise ValueError(
                    f"The output would have {count} features, which is too large to be indexed by "
                    f"{np.dtype(np.intp).name}: lower degree={self.degree}, or give fewer than "
                    f"{width} features, or set interaction_only=True."
                )
            self._min_degree, self._max_degree = low, high
            self.n_output_features_ = count
        return self

    def transform(self, X: Any) -> Any:
        """Multiply the features out.

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
        work = size_of(X) / self.n_features_in_ * self.n_output_features_
        with self._session(X, work) as session:
            expanded = polynomial_basis(
                session.backend,
                self._check_X(session, X),
                min_degree=self._min_degree,
                max_degree=self._max_degree,
                interaction_only=bool(self.interaction_only),
                include_bias=bool(self.include_bias),
                order=self.order,
            )
            result = session.restore(expanded)
        if not isinstance(result, np.ndarray):
            return result
        return np.asfortranarray(result) if self.order == "F" else np.ascontiguousarray(result)

    def _terms(self) -> Iterator[tuple[int, ...]]:
        """The features of each output, a repeated one as often as its power."""
        pick: Any = itertools.combinations_with_replacement
        if self.interaction_only:
            pick = itertools.combinations
        if self.include_bias:
            yield ()
        for degree in range(max(self._min_degree, 1), self._max_degree + 1):
            yield from pick(range(self.n_features_in_), degree)

    @property
    def powers_(self) -> np.ndarray[Any, Any]:
        """The exponent of each feature in each output."""
        check_is_fitted(self)
        width = self.n_features_in_
        rows = [np.bincount(np.asarray(term, int), minlength=width) for term in self._terms()]
        return np.array(rows, dtype=np.intp).reshape(-1, width)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """The names of the outputs, such as "x0^2 x1".

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
        return np.array([monomial(names, term) for term in self._terms()], dtype=object)


def degree_range(degree: Any, include_bias: bool) -> tuple[int, int]:
    """The lowest and the highest degree."""
    if isinstance(degree, Integral):
        low, high = 0, int(degree)
    elif isinstance(degree, collections.abc.Iterable) and len(list(degree)) == 2:
        low, high = degree
        are_degrees = isinstance(low, Integral) and isinstance(high, Integral)
        if not (are_degrees and 0 <= low <= high):
            raise ValueError(
                "degree=(min_degree, max_degree) must be non-negative integers that fulfil "
                f"min_degree <= max_degree, got {degree}."
            )
        low, high = int(low), int(high)
    else:
        raise ValueError(
            f"degree must be a non-negative int or tuple (min_degree, max_degree), got {degree}."
        )
    if high == 0 and not include_bias:
        raise ValueError(
            "Setting degree to zero and include_bias to False would result in an empty output "
            "array: raise degree, or set include_bias=True."
        )
    return low, high


def monomial(names: Any, term: tuple[int, ...]) -> str:
    """A product in words: "1", "x0", "x0^2 x1"."""
    powers = [(names[feature], len(list(times))) for feature, times in itertools.groupby(term)]
    return " ".join(f"{name}^{k}" if k > 1 else str(name) for name, k in powers) or "1"
