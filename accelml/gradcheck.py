"""Is a gradient derived by hand the gradient? Against ``jax.grad`` and against differences.

The mathematics is in docs/mathematics/multilayer-perceptron.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.selection import available_backends, get_backend, resolve
from accelml.tree import leaves, names, tree_map
from accelml.validation import to_host

TOLERANCE = {"jax.grad": 1e-7, "central differences": 1e-5}
HESSIAN = "Hessian · v"  # what the names of its rows begin with


class Problem(NamedTuple):
    """An objective, where to differentiate it, and its data on one backend."""

    label: str
    objective: Callable[..., Any]
    params: Tree  # on the host, float64
    data: Tree  # on the backend


class Row(NamedTuple):
    """How far the gradients are apart for one array of parameters.

    Attributes
    ----------
    name : str
        Such as ``[0].weights``.
    max_absolute_error : float
        The largest difference of two entries.
    max_relative_error : float
        That, over the largest entry of the reference.
    worst : tuple of int
        Where it is.
    passed : bool
    """

    name: str
    max_absolute_error: float
    max_relative_error: float
    worst: tuple[int, ...]
    passed: bool


@dataclass
class GradientReport:
    """The result of :func:`check_gradients`.

    Attributes
    ----------
    method : {"jax.grad", "central differences"}
        What the gradient was compared with.
    backend : str
        What computed it.
    tolerance : float
        The largest relative error that passes.
    rows : list of Row
        One for each array of parameters.
    """

    method: str
    backend: str
    tolerance: float
    rows: list[Row] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every array passed."""
        return all(row.passed for row in self.rows)

    def __str__(self) -> str:
        lines = [f"gradient on {self.backend} against {self.method}, tolerance {self.tolerance:g}"]
        width = max((len(row.name) for row in self.rows), default=0)
        for row in self.rows:
            verdict = "ok" if row.passed else "WRONG"
            lines.append(
                f"{row.name:{width}}  relative error {row.max_relative_error:.1e}  "
                f"absolute {row.max_absolute_error:.1e} at {list(row.worst)}  {verdict}"
            )
        return "\n".join(lines)


def check_gradients(
    estimator_or_objective: Any,
    X: Any,
    y: Any,
    *,
    params: Tree = None,
    sample_weight: Any = None,
    hessian: bool = False,
    backend: str | Backend | None = None,
    method: str | None = None,
    tolerance: float | None = None,
    random_state: int = 0,
) -> GradientReport:
    """Compare a hand-derived gradient with one that nobody derived, in float64.

    Parameters
    ----------
    estimator_or_objective : estimator or callable
        An estimator with a gradient, whose parameters say which objective (activation, layers,
        penalty, class weights), checked at random parameters. Or an objective of your own,
        ``objective(backend, params, (X, y)) -> (value, gradient)``, written against
        ``backend.xp``, checked at ``params``.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    params : array, or tuple or NamedTuple of arrays, optional
        Where to check an objective of your own; the gradient is of the same form.
    sample_weight : array-like of shape (n_samples,), optional
        For estimators.
    hessian : bool, default=False
        Whether to check, too, how the gradient changes along a random direction: ``jax.jvp`` of
        the hand-derived gradient against ``jax.jvp`` of ``jax.grad``, which is what L-BFGS and
        Newton's method go by. Needs JAX.
    backend : str or Backend, optional
        What computes the hand-derived gradient; the estimator's own by default.
    method : {"jax.grad", "central differences"}, optional
        ``jax.grad`` where JAX is installed, by default.
    tolerance : float, optional
        The largest relative error that passes: 1e-7 against ``jax.grad`` and 1e-5 against
        differences by default.
    random_state : int, default=0
        Seed of the parameters.

    Returns
    -------
    GradientReport

    Raises
    ------
    ValueError
        If ``method`` is not known; an estimator's parameters or its data are invalid; an objective
        comes without ``params``, or an estimator with them; or a gradient has not the form of the
        parameters.
    TypeError
        If the estimator learns without a gradient, or the objective cannot be called.

    Examples
    --------
    >>> from accelml.datasets import load_digits
    >>> from accelml.gradcheck import check_gradients
    >>> from accelml.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> check_gradients(MLPClassifier(8), X[:50] / 16, y[:50]).passed
    True
    """
    is_estimator = hasattr(estimator_or_objective, "_gradient_problems")
    if is_estimator:
        X, y = estimators_data(estimator_or_objective, params, X, y)
    elif not callable(estimator_or_objective):
        raise TypeError(
            f"{type(estimator_or_objective).__name__} has no gradient to check; pass a linear or "
            "logistic regression, a multilayer perceptron, or an objective(backend, params, data)."
        )
    default = getattr(estimator_or_objective, "backend", None)
    chosen, _ = resolve(default if backend is None else backend, None, X)
    if method is None:
        method = "jax.grad" if "jax" in available_backends() else "central differences"
    if method not in TOLERANCE:
        raise ValueError(f"method={method!r} is not known; choose one of {sorted(TOLERANCE)}")
    if hessian and method != "jax.grad":
        raise ValueError("hessian=True needs JAX and method='jax.grad': pip install 'accelml[jax]'")
    tolerance = TOLERANCE[method] if tolerance is None else tolerance
    report = GradientReport(method, chosen.name, tolerance)

    def problems(backend: Backend) -> Iterator[Problem]:
        generator = np.random.default_rng(random_state)
        if is_estimator:
            yield from estimator_or_objective._gradient_problems(
                backend, X, y, sample_weight, generator
            )
        else:
            yield own_problem(backend, estimator_or_objective, params, X, y)

    judge = get_backend("jax" if method == "jax.grad" else "numpy", "cpu")
    reference_of = autodiff if method == "jax.grad" else central_differences
    with both_contexts(chosen, judge):
        for mine, its in zip(problems(chosen), problems(judge), strict=True):
            found = tree_map(chosen.to_numpy, gradient(chosen, mine))
            check_form(mine.params, found)
            if hessian:
                direction = random_direction(its.params, random_state)
                slope, change, reference = along_a_direction(judge, its, direction, is_estimator)
                report.rows += compare(mine.label, found, slope, tolerance)
                report.rows += compare(f"{HESSIAN}, {mine.label}", change, reference, tolerance)
            else:
                report.rows += compare(mine.label, found, reference_of(judge, its), tolerance)
    return report


def estimators_data(estimator: Any, params: Tree, X: Any, y: Any) -> tuple[Any, Any]:
    """What an estimator is checked on, itself checked."""
    if params is not None:
        raise ValueError("params is for an objective of yours; an estimator draws its own.")
    estimator._validate_params()
    X = check_array(to_host(X), dtype=np.float64, input_name="X")
    y = to_host(y)
    check_consistent_length(X, y)
    return X, y


def own_problem(
    backend: Backend, objective: Callable[..., Any], params: Tree, X: Any, y: Any
) -> Problem:
    """An objective that no estimator has."""
    if params is None:
        raise ValueError(
            "params is missing: an objective is checked at parameters of yours, a tuple or "
            "NamedTuple of arrays of the form that its gradient has"
        )
    data = tuple(backend.asarray(floating(part)) for part in (X, y))
    return Problem("", objective, tree_map(lambda leaf: np.array(leaf, np.float64), params), data)


def floating(part: Any) -> np.ndarray[Any, Any]:
    """Floats as float64; integers stay what they are."""
    array: np.ndarray[Any, Any] = np.asarray(part)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def random_direction(params: Tree, random_state: int) -> Tree:
    """A random tree like ``params``, on the host."""
    generator = np.random.default_rng(random_state + 1)
    return tree_map(lambda leaf: generator.standard_normal(np.shape(leaf)), params)


@contextlib.contextmanager
def both_contexts(first: Backend, second: Backend) -> Iterator[None]:
    """Both backends' contexts, once where they are one."""
    with contextlib.ExitStack() as stack:
        for backend in {first, second}:
            stack.enter_context(backend.context())
        yield


def gradient(backend: Backend, problem: Problem) -> Tree:
    """The hand-derived gradient."""
    params = tree_map(backend.asarray, problem.params)
    return problem.objective(backend, params, problem.data)[1]


def autodiff(jax_backend: Backend, problem: Problem) -> Tree:
    """The gradient by ``jax.grad`` of the objective's value, on the host."""
    import jax

    def value(params: Tree) -> Array:
        return problem.objective(jax_backend, params, problem.data)[0]

    params = tree_map(jax_backend.asarray, problem.params)
    return tree_map(jax_backend.to_numpy, jax.grad(value)(params))


def along_a_direction(
    backend: Backend, problem: Problem, direction: Tree, is_traceable: bool
) -> tuple[Tree, Tree, Tree]:
    """``jax.grad``'s gradient; how the hand-derived one changes along a direction, and that one.

    As one program all of it is compiled four times as fast as operation by operation; but an
    objective of the user's own may look at values, which it cannot while it is traced.
    """
    import jax

    def value(params: Tree) -> Array:
        return problem.objective(backend, params, problem.data)[0]

    def derived(params: Tree) -> Tree:
        return problem.objective(backend, params, problem.data)[1]

    def derivatives(at: Tree, along: Tree) -> tuple[Tree, Tree, Tree]:
        _, found = jax.jvp(derived, (at,), (along,))
        slope, reference = jax.jvp(jax.grad(value), (at,), (along,))
        return slope, found, reference

    at, along = (tree_map(backend.asarray, tree) for tree in (problem.params, direction))
    compiled = jax.jit(derivatives) if is_traceable else derivatives
    slope, found, reference = tree_map(backend.to_numpy, compiled(at, along))
    return slope, found, reference


def central_differences(backend: Backend, problem: Problem) -> Tree:
    """The gradient by (f(x + h) − f(x − h)) / 2h, entry by entry; h is ε^(1/3) of the entry."""
    params = tree_map(lambda leaf: np.array(leaf, dtype=np.float64), problem.params)

    def value() -> float:
        return float(problem.objective(backend, tree_map(backend.asarray, params), problem.data)[0])

    def difference(leaf: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        slope = np.empty_like(leaf)
        for place in np.ndindex(leaf.shape):
            here = float(leaf[place])
            step = 6e-6 * max(1.0, abs(here))
            leaf[place] = here + step
            above = value()
            leaf[place] = here - step
            slope[place] = (above - value()) / (2 * step)
            leaf[place] = here
        return slope

    return tree_map(difference, params)


def check_form(params: Tree, found: Tree) -> None:
    """Raise where a gradient is not of the shapes of the parameters, before NumPy broadcasts it."""
    wanted, given = (
        dict(zip(names(tree), map(np.shape, leaves(tree)), strict=True)) for tree in (params, found)
    )
    if wanted != given:
        raise ValueError(
            f"the gradient must have the form of params, an array for each: params has {wanted} "
            f"(names and shapes), the gradient {given}."
        )


def compare(label: str, found: Tree, reference: Tree, tolerance: float) -> list[Row]:
    """One row for each array of parameters."""
    rows = []
    for name, ours, theirs in zip(names(found), leaves(found), leaves(reference), strict=True):
        error = np.abs(ours - theirs)
        worst = np.unravel_index(np.argmax(error), error.shape)
        absolute = float(error[worst])
        relative = absolute / max(float(np.abs(theirs).max()), 1e-12)
        # Not ``>``: an error that is not a number must not pass.
        passed = bool(relative <= tolerance)
        place = tuple(int(i) for i in worst)
        rows.append(Row(label + name, absolute, relative, place, passed))
    return rows
