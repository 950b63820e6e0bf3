"""Solvers: full-batch (gradient descent, conjugate gradient, L-BFGS) and stochastic (SGD, Adam)."""

from accelml.optimize.adam import Adam
from accelml.optimize.conjugate_gradient import ConjugateGradient
from accelml.optimize.gradient_descent import GradientDescent
from accelml.optimize.iterate import Result, Solver, Stop, minimize
from accelml.optimize.lbfgs import LBFGS
from accelml.optimize.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "ConjugateGradient",
    "GradientDescent",
    "Result",
    "Solver",
    "Stop",
    "minimize",
]
