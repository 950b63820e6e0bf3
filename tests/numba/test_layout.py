"""Where the weights of a perceptron lie."""

import numpy as np
import pytest

from tests.backends import problem

pytestmark = pytest.mark.skipif(bool(problem("numba")), reason=str(problem("numba")))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (24, 16), (49, 33), (100, 10), (7, 70)])
def test_panels_of_the_transpose(inputs, outputs, dtype):
    """In parts as the threads lay them out, and nothing beside them is touched."""
    from accelml.objectives.multilayer_perceptron import Layer
    from accelml_numba.layout import GROUP, flat, shape_of, transpose
    from accelml_numba.tiles import TILE, in_panels

    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[1]).astype(dtype))
        for shape in ((3, inputs), (inputs, outputs))
    ]
    shape = shape_of([weights.shape for weights, _ in layers], TILE.width(dtype))
    x = flat(shape, [Layer(*layer) for layer in layers])
    out = np.full(int(shape.transposed[-1]), 7, dtype)
    for first in range(0, inputs, GROUP):
        transpose(shape, 1, first, min(inputs, first + GROUP), x, out)
    expected = in_panels(layers[1][0].T)
    found = out[shape.transposed[1] :].reshape(expected.shape)
    padding = expected.shape[0] * expected.shape[2] - inputs
    expected[-1, :, expected.shape[2] - padding :] = 7
    np.testing.assert_array_equal(found, expected)
    assert (out[: shape.transposed[1]] == 7).all()
