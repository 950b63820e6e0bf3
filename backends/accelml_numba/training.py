"""An epoch of a perceptron: compiled as a whole, or as on NumPy with compiled steps."""

from __future__ import annotations

from typing import Any

from accelml._typing import Array, Tree
from accelml.backend import Backend
from accelml.neural_network.training import Batches, Learner, train_epoch
from accelml.objectives.multilayer_perceptron import Batch, MultilayerPerceptron
from accelml.optimize import SGD, Adam
from accelml_numba import epoch
from accelml_numba.steps import adam, momentum_step
from accelml_numpy.training import Place, run


@train_epoch.register("numba")
def _train_epoch(
    backend: Backend, model: MultilayerPerceptron, rule: SGD | Adam, learner: Learner,
    data: Batch, batches: Batches, alpha: Array, settings: Tree,
) -> tuple[Learner, Array]:  # fmt: skip
    if epoch.fits(model, data, batches, learner.params):
        return epoch.run(model, rule, learner, data, batches, float(alpha), settings)
    return run(backend, model, rule, learner, data, batches, alpha, settings, update)


def update(place: Place, rule: SGD | Adam, steps: float, settings: Tree) -> float:
    """Adam or momentum, in place."""
    arrays = [part.reshape(-1) for part in (place.x, place.gradient, *place.memory)]
    if isinstance(rule, SGD):
        rate, momentum = map(float, settings)
        numbers = map(place.x.dtype.type, (place.decay, rate, momentum))
        arguments: Any = (*arrays, *numbers, rule.nesterov)
        return float(momentum_step(*arguments))
    rate, beta_1, beta_2, epsilon = map(float, settings)
    rate *= (1 - beta_2**steps) ** 0.5 / (1 - beta_1**steps)
    factors = (place.decay, rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2, epsilon)
    arguments = (*arrays, *map(place.x.dtype.type, factors))
    return float(adam(*arguments))
