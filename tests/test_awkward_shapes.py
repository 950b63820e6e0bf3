"""Every override equals its generic body over the shapes that loops go wrong at."""

from __future__ import annotations

import numpy as np
import pytest

from accelml.cluster.lloyd import State
from accelml.testing import TOLERANCES, distance
from accelml.testing.kernel_cases import backwards, fortran, plain, read_only, strided
from accelml.testing.kernels import Reference, call
from accelml.tree import leaves, names, tree_map
from tests.backends import CASES, problem
from tests.cluster.kernel_cases import without_norms
from tests.kernel_arguments import ARGUMENTS
from tests.overrides import overrides

# Rows, features, and clusters (or classes, or outputs); of several clusters one is empty. Tiles
# are of 2, 4, 8 and 16, blocks of 32 to 2048 rows, rows of 64 features are long, 32 clusters many.
SHAPES = {
    "one of everything": (1, 1, 1),
    "one row": (1, 7, 3),
    "one feature": (37, 1, 3),
    "k=1": (9, 6, 1),
    "k=n": (9, 5, 9),
    "k=n, many": (70, 66, 70),
    "k > n": (2, 3, 5),
    "one less than a tile": (31, 15, 7),
    "one more than a tile": (33, 17, 9),
    "one more than a long row": (65, 65, 11),
    "one less than a long row": (63, 63, 13),
    "as many clusters as a tile takes": (130, 67, 32),
    "one more cluster than that": (130, 67, 33),
    "some blocks and a row": (4097, 5, 3),
    "wide": (5, 1031, 2),
}
# XLA compiles anew for each shape and dtype, and has tiles of its own; ours are of rows alone.
COMPILED = {
    "float64": (
        "one of everything", "one row", "one feature", "k=1", "k=n", "k=n, many", "k > n",
        "one more than a tile", "some blocks and a row", "wide",
    ),
    "float32": ("one of everything", "k=n, many", "one more than a tile", "some blocks and a row"),
}  # fmt: skip
LAID_OUT = ("one row", "one feature", "one more than a tile", "one more than a long row")
# Enough multiply-adds to be shared out among threads.
LARGE = (30_011, 67, 11)

# Where an override and the generic body differ by more roundings than one call usually makes.
LIMITS: dict[tuple[str, str], float] = {
    # Centers that stay where they are: their shift is the squares of some thousand roundings.
    ("accelml.cluster.lloyd.lloyd", "float32"): 2e-5,
}

OVERRIDES = overrides()


@pytest.fixture(params=OVERRIDES, ids=lambda override: override.label)
def override(request):
    name = request.param.backend
    if problem(name) and name not in request.config.getoption("--require-backend"):
        pytest.skip(problem(name))
    if request.param.kernel not in ARGUMENTS:
        pytest.fail(f"add {request.param.kernel} to tests/kernel_arguments.py")
    return request.param


def wide(leaf):
    is_real = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
    return leaf.astype(np.float64) if is_real else leaf


def compare(override, shape, dtype, layout, label):
    """The override, and the generic body in float64 on the same numbers."""
    target = override.target
    backend = CASES[override.backend].make()
    for options in ARGUMENTS[override.kernel].variants:
        arguments = ARGUMENTS[override.kernel].build(*shape, dtype, **options)

        def place(leaf):
            return layout(leaf) if isinstance(leaf, np.ndarray) and leaf.ndim else leaf

        body = target.overrides[override.backend]
        where = f"{label} {shape}, {dtype}, {layout.__name__}, {options}"
        found = call(backend, body, target.static, tree_map(place, arguments), where)
        if isinstance(found, State):
            found = found._replace(kept=())  # is the backend's own
        types = call(Reference(), target.generic, target.static, arguments, where)
        expected = call(
            Reference(), target.generic, target.static, tree_map(wide, arguments), where
        )
        types, expected = (without_norms(of_generic, found) for of_generic in (types, expected))
        assert list(names(found)) == list(names(types)), where
        limit = TOLERANCES["kernel"].limit(dtype)
        limit = LIMITS.get((override.kernel, dtype), limit)
        for name, ours, theirs, typed in zip(
            names(found), leaves(found), leaves(expected), leaves(types), strict=True
        ):
            assert ours.dtype == typed.dtype, f"{where}: {name}"
            assert ours.shape == typed.shape, f"{where}: {name}"
            if theirs.dtype.kind == "f":
                assert distance("kernel", ours, theirs) <= limit, f"{where}: {name}"
            else:
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{where}: {name}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_awkward_shapes(override, dtype):
    for label in COMPILED[dtype] if override.backend == "jax" else SHAPES:
        compare(override, SHAPES[label], dtype, plain, label)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [fortran, strided, backwards, read_only])
def test_layouts(override, layout, dtype):
    for label in LAID_OUT:
        compare(override, SHAPES[label], dtype, layout, label)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_more_rows_than_one_thread_takes(override, dtype):
    compare(override, LARGE, dtype, plain, "large")
