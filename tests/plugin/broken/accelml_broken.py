"""Plug-ins that are wrong in one way each. They own no types: the arrays stay the example's."""

import numpy as np
from accelml_example import ExampleBackend

from accelml.objectives.multilayer_perceptron import dense
from accelml.preprocessing.standardisation import standardise


class Kernel(ExampleBackend):
    name, array_types = "broken-kernel", ()


@dense.register("broken-kernel")
def _(backend, activation, layer, a):
    return dense.generic(backend, activation, layer, a) * (1 + 1e-4)


class Writes(ExampleBackend):
    name, array_types = "broken-writes", ()


@dense.register("broken-writes")
def _(backend, activation, layer, a):
    result = dense.generic(backend, activation, layer, a)
    layer.bias[...] = 0.0
    return result


class Done(ExampleBackend):
    name, array_types = "broken-done", ()

    def while_loop(self, step, done, state, max_iter, check_every=1):
        for _ in range(int(max_iter)):
            state = step(state)
        return state


class Every(ExampleBackend):
    name, array_types = "broken-every", ()

    def while_loop(self, step, done, state, max_iter, check_every=1):
        for i in range(int(max_iter)):
            if i % check_every == 0 and bool(done(state)):
                break
            state = step(state)
        return state


class Scan(ExampleBackend):
    name, array_types = "broken-scan", ()

    def scan(self, step, state, xs):
        last, outputs = super().scan(step, state, xs)
        return last, self.xp.flip(outputs)


class Dtype(ExampleBackend):
    name, array_types = "broken-dtype", ()

    def asarray(self, x, dtype=None):
        x = super().asarray(x, dtype)
        return self.xp.astype(x, self.xp.float32) if x.dtype == self.xp.float64 else x


class RaisingStatus(ExampleBackend):
    name, array_types = "broken-status", ()

    @classmethod
    def status(cls):
        raise OSError("no driver")


class UntypedStatus(ExampleBackend):
    name, array_types = "broken-status-type", ()

    @classmethod
    def status(cls):
        return super().status()._replace(devices="cpu")


class Name(ExampleBackend):
    name, array_types = "another", ()


class Types(ExampleBackend):
    name, array_types = "broken-types", ("array_api_strict.Tensor",)


class Context(ExampleBackend):
    name, array_types = "broken-context", ()

    def context(self):
        np.seterr(all="ignore")
        return super().context()


class Estimator(ExampleBackend):
    name, array_types = "broken-estimator", ()


@standardise.register("broken-estimator")
def _(backend, *arguments, **settings):
    return standardise.generic(backend, *arguments, **settings) * 1.01
