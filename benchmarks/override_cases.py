"""What each override is timed on: sizes as training on MNIST, and on a long table, has them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tests.kernel_arguments import ARGUMENTS


class Timed(NamedTuple):
    """Arguments of a size that matters."""

    label: str
    rows: int
    features: int
    groups: int = 1  # clusters, classes, outputs or targets
    options: Mapping[str, Any] = MappingProxyType({})
    dtype: str = "float32"

    def arguments(self, kernel: str) -> tuple[Any, ...]:
        size = self.rows, self.features, self.groups
        return ARGUMENTS[kernel].build(*size, np.dtype(self.dtype), **self.options)


def image_clusters(**options: Any) -> tuple[Timed, ...]:
    return (
        Timed("60,000 × 784, k=10", 60_000, 784, 10, options),
        Timed("20,000 × 784, k=100", 20_000, 784, 100, options),
        Timed("500,000 × 16, k=64", 500_000, 16, 64, options),
    )


def tables(**options: Any) -> tuple[Timed, ...]:
    return (
        Timed("60,000 × 784", 60_000, 784, 10, options),
        Timed("1,000,000 × 16", 1_000_000, 16, 10, options),
    )


LAYERS = tuple(
    Timed(f"{rows:,} × 784 → 128, {name}", rows, 784, 128, {"activation": name})
    for rows, name in ((128, "relu"), (1024, "relu"), (128, "tanh"), (1024, "logistic"))
)
# From the scores back to the hidden units, and between hidden layers.
LAYERS_BACK = (
    *(
        Timed(f"{rows:,} × 128 ← 10, {name}", rows, 128, 10, {"activation": name})
        for rows, name in ((128, "relu"), (1024, "relu"), (128, "tanh"), (1024, "logistic"))
    ),
    Timed("128 × 512 ← 256, relu", 128, 512, 256, {"activation": "relu"}),
)
SCORES = tuple(Timed(f"{rows:,} × 10", rows, 1, 10) for rows in (128, 1024, 60_000))
NETWORKS = (
    Timed("784-128-10", 1, 784, 10, {"hidden": (128,)}),
    Timed("784-512-256-10", 1, 784, 10, {"hidden": (512, 256)}),
)
EPOCHS = (
    *(
        Timed(f"6,000 × 784-128-10, batches of {batch:,}", 6_000, 784, 10,
              {"hidden": (128,), "batch": batch})
        for batch in (128, 1024)
    ),
    Timed("6,000 × 784-128-10, batches of 128, half of it blank for long", 6_000, 784, 10,
          {"hidden": (128,), "batch": 128, "blank": 0.5}),
)  # fmt: skip
GAUSSIANS = (
    Timed("1,000,000 × 32, diag", 1_000_000, 32, 1, {"covariance": "diag"}),
    Timed("200,000 × 32, full", 200_000, 32, 1, {"covariance": "full"}),
    Timed("1,000,000 × 2, diag", 1_000_000, 2, 1, {"covariance": "diag"}),
)
QUESTIONS = tuple(Timed(f"{rows:,} answers", rows, 1, 1) for rows in (128, 1_000_000))
REGRESSIONS = (Timed("500,000 × 100", 500_000, 100), Timed("60,000 × 784", 60_000, 784))

CASES: dict[str, tuple[Timed, ...]] = {
    "accelml.anomaly.density.log_density": GAUSSIANS,
    "accelml.anomaly.moments.statistics": GAUSSIANS,
    "accelml.cluster.distances.directly": (
        # As many as there are rows that lie on a center; none at all; and every one.
        Timed("60,000 × 784, k=10, 1 of 10,000", 60_000, 784, 10, {"pending": 1e-4}),
        Timed("500,000 × 16, k=64, none", 500_000, 16, 64, {"pending": 0.0}),
        Timed("5,000 × 16, k=10, all", 5_000, 16, 10, {"pending": 1.0}),
    ),
    "accelml.cluster.distances.nearest": image_clusters(),
    "accelml.cluster.distances.squared_distances": image_clusters(),
    "accelml.cluster.initialization.plus_plus": (
        Timed("60,000 × 784, k=5", 60_000, 784, 5),
        Timed("200,000 × 16, k=10", 200_000, 16, 10),
    ),
    "accelml.cluster.lloyd.lloyd": image_clusters(limit=5),
    "accelml.cluster.lloyd.statistics": image_clusters(),
    "accelml.cluster.lloyd.sum_by_cluster": image_clusters(),
    "accelml.cluster.rows.centered": tables(),
    "accelml.cluster.rows.column_means": tables(),
    "accelml.cluster.rows.distances_to": image_clusters(),
    "accelml.cluster.rows.inertia_of": image_clusters(),
    "accelml.cluster.rows.labels_of": image_clusters(),
    "accelml.linear_model.least_squares_sums.block_moments": (
        Timed("1,310 × 100: a block in the cache", 1_310, 100),
        Timed("3,136 × 784: a block of long rows", 3_136, 784),
    ),
    "accelml.linear_model.least_squares_sums.moments": (
        *REGRESSIONS,
        Timed("500,000 × 100, rough", 500_000, 100, 1, {"rough": True}),
        Timed("500,000 × 100, rough, unweighted", 500_000, 100, 1, {"rough": True, "equal": True}),
    ),
    "accelml.linear_model.least_squares_sums.triangle": REGRESSIONS[:1],
    "accelml.linear_model.least_squares_sums.upper": (
        Timed("1,411 × 101", 1_411, 101),
        Timed("3,921 × 785", 3_921, 785),
    ),
    "accelml.linear_model.logistic_metric.scatter": (
        *REGRESSIONS,
        Timed("60,000 × 784, one row in 2", 60_000, 784, 1, {"step": 2}),
    ),
    "accelml.neural_network.training.train_epoch": EPOCHS,
    "accelml.objectives.cross_entropy.logistic_cross_entropy": QUESTIONS,
    "accelml.objectives.cross_entropy.softmax_cross_entropy": SCORES,
    "accelml.objectives.linear_classifier.statistics": (
        Timed("60,000 × 784, 10 classes", 60_000, 784, 10),
        Timed("60,000 × 784, yes or no", 60_000, 784, 1, {"loss": "logistic"}),
        Timed("1,000,000 × 16, 3 classes", 1_000_000, 16, 3),
    ),
    "accelml.objectives.multilayer_perceptron.dense": LAYERS,
    "accelml.objectives.multilayer_perceptron.dense_backward": LAYERS_BACK,
    "accelml.objectives.multilayer_perceptron.squared_error": SCORES,
    "accelml.objectives.products.transposed_times": (
        *(Timed(f"{case.label}, one column", case.rows, case.features) for case in REGRESSIONS),
        Timed("60,000 × 784, 10 columns", 60_000, 784, 10),
    ),
    "accelml.objectives.squared_error.statistics": (
        *REGRESSIONS,
        Timed("1,000,000 × 100", 1_000_000, 100),
    ),
    "accelml.optimize.adam.adam_step": NETWORKS,
    "accelml.optimize.iterate.advance": (
        Timed("60,000 × 784, 10 classes, 10 steps", 60_000, 784, 10, {"solver": "lbfgs"}),
    ),
    "accelml.optimize.sgd.sgd_step": NETWORKS,
    "accelml.preprocessing.moments.statistics": tables(),
    "accelml.preprocessing.polynomial_basis.polynomial_basis": (
        Timed("100,000 × 10, degree 2", 100_000, 10, 1, {"degree": 2}),
        Timed("100,000 × 10, degree 2, by columns", 100_000, 10, 1, {"degree": 2, "order": "F"}),
        Timed("20,000 × 8, degree 4", 20_000, 8, 1, {"degree": 4}),
    ),
    "accelml.preprocessing.standardisation.standardise": tables(),
    "accelml.preprocessing.standardisation.unstandardise": tables(),
}
