"""What is mutated, and which tests judge it."""

from __future__ import annotations

from pathlib import Path

# The objectives, the solvers, and every module that holds a kernel.
MODULES = (
    "accelml/objectives/*.py",
    "accelml/optimize/*.py",
    "accelml/cluster/distances.py",
    "accelml/cluster/initialization.py",
    "accelml/cluster/lloyd.py",
    "accelml/cluster/minibatch_step.py",
    "accelml/cluster/rows.py",
    "accelml/anomaly/density.py",
    "accelml/anomaly/moments.py",
    "accelml/anomaly/threshold.py",
    "accelml/preprocessing/moments.py",
    "accelml/preprocessing/polynomial_basis.py",
    "accelml/preprocessing/sinusoid_features.py",
    "accelml/preprocessing/standardisation.py",
    "accelml/neural_network/training.py",
    "accelml/linear_model/least_squares.py",
    "accelml/linear_model/least_squares_descent.py",
    "accelml/linear_model/least_squares_sums.py",
    "accelml/linear_model/logistic_fit.py",
)

# Classes in these modules that hold no arithmetic: an estimator beside its kernel.
LEFT_OUT = {"SinusoidFeatures"}

TESTS = (
    "tests/objectives",
    "tests/optimize",
    "tests/cluster",
    "tests/anomaly",
    "tests/preprocessing",
    "tests/neural_network",
    "tests/linear_model",
    "tests/test_callbacks.py",
    "tests/test_gradcheck.py",
)

# Only what compiles nothing: the generic bodies, which are mutated, on NumPy and on the strict
# namespace, which refuses what the standard does not promise; and NumPy's overrides.
BACKENDS = ("numpy", "numpy-generic", "array-api-strict")

# mutmut's own setting: lines that are nothing but the words of a message are not mutated.
DO_NOT_MUTATE = (r'^\s+f?".*"\s*[,)]*$',)


def sources(root: Path) -> list[Path]:
    """The files to mutate, relative to ``root``."""
    found = (path for pattern in MODULES for path in sorted(root.glob(pattern)))
    return [path.relative_to(root) for path in found]
