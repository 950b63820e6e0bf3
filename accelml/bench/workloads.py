"""The workloads: what is raced, and how fast accelml wants to be."""

from __future__ import annotations

from typing import Any, NamedTuple

from accelml.bench.contestant import BACKEND, PEER, PEERS, Contestant


class Workload(NamedTuple):
    """A line of the table.

    Attributes
    ----------
    name : str
        What the command line calls it.
    title : str
    family : str
        Which contestants run it.
    arguments : dict
        What the data is built from, see :mod:`accelml.bench.problems`.
    targets : dict of str to float
        For each backend, how many times as fast as the best of the others it should be on the CPU.
    group : str
        What the command line runs it with: "speed", "small" or "import".
    most_rounds : int
        For work that takes long, and whose ratios are far from 1.
    """

    name: str
    title: str
    family: str
    arguments: dict[str, Any]
    targets: dict[str, float] = {}  # noqa: RUF012  (of a NamedTuple; never changed)
    group: str = "speed"
    most_rounds: int = 99


def on_cpu(numpy: float, numba: float, jax: float) -> dict[str, float]:
    """Targets on two CPU cores."""
    return {"numpy": numpy, "numba": numba, "jax": jax}


def small(estimator: str, one_row: bool = False) -> Workload:
    """Fit and predict on iris, or predict for one image."""
    where = "predict one image" if one_row else "iris"
    return Workload(
        f"{'one' if one_row else 'iris'}-{estimator.lower()}",
        f"{estimator}, {where}",
        "small",
        {"estimator": estimator, "one_row": one_row},
        {"numpy": round(1 / 1.5, 2)},
        "small",
    )


SPEED = [
    Workload(
        "kmeans-10", "k-means, images, k = 10, 20 iterations", "kmeans",
        {"clusters": 10}, on_cpu(0.85, 1.8, 0.75),
    ),
    Workload(
        "kmeans-100", "k-means, images, k = 100, 20 iterations", "kmeans",
        {"clusters": 100}, on_cpu(0.95, 2.0, 0.95),
    ),
    Workload(
        "kmeans-1m", "k-means, 1M × 16, k = 64, 20 iterations", "kmeans",
        {"clusters": 64, "rows": 1_000_000, "features": 16}, on_cpu(0.5, 1.3, 0.5),
    ),
    Workload(
        "logistic", "multinomial logistic regression, images, to a loss 1e-4 above the lowest",
        "logistic", {"to_target": True}, on_cpu(1.2, 2.6, 1.4), most_rounds=3,
    ),
    Workload(
        "mlp", "perceptron 784-128-10, Adam, batch 128, 3 epochs", "perceptron",
        {}, on_cpu(1.4, 1.8, 1.7),
    ),
    Workload(
        "mlp-wide", "perceptron 784-512-256-10, Adam, batch 128, 1 epoch", "perceptron",
        {"hidden": (512, 256), "epochs": 1}, on_cpu(1.0, 1.3, 1.4),
    ),
    Workload(
        "mlp-1024", "perceptron 784-128-10, Adam, batch 1024, 3 epochs", "perceptron",
        {"batch": 1024}, on_cpu(1.4, 1.7, 1.15),
    ),
    Workload(
        "least-squares", "least squares, 1M × 100", "least-squares",
        {"rows": 1_000_000, "features": 100}, on_cpu(0.95, 1.5, 0.9),
    ),
    Workload(
        "descent", "gradient descent, 1M × 100, 100 steps", "descent",
        {"rows": 1_000_000, "features": 100}, on_cpu(1.8, 3.7, 2.0),
    ),
    Workload(
        "gaussian", "Gaussian, 1M × 32, fit and score", "gaussian",
        {"rows": 1_000_000, "features": 32}, on_cpu(6, 25, 4),
    ),
    Workload(
        "threshold", "threshold of highest F1, 1M scores", "threshold",
        {"rows": 1_000_000}, on_cpu(4.5, 7, 1),
    ),
]  # fmt: skip

SMALL = [
    *map(small, ("LinearRegression", "Ridge", "LogisticRegression", "KMeans")),
    *map(small, ("GaussianAnomalyDetector", "MLPClassifier", "StandardScaler")),
    small("PolynomialFeatures"),
    small("LogisticRegression", one_row=True),
    small("MLPClassifier", one_row=True),
    small("KMeans", one_row=True),
]

IMPORT = Workload(
    "import", "import of all estimators", "import", {}, {"numpy": round(1 / 1.2, 2)}, "import"
)

WORKLOADS: dict[str, Workload] = {w.name: w for w in [*SPEED, *SMALL, IMPORT]}


def contestants(family: str) -> list[Contestant]:
    """Everyone who can run a family, whether they are installed or not: peers first."""
    import accelml.bench.peers  # noqa: F401  (registers them)
    from accelml.bench.ours import backends_for

    return [c for c, _ in PEERS.values() if c.family == family] + backends_for(family)


def all_libraries() -> dict[str, list[str]]:
    """What ``--backends`` and ``--peers`` know, by kind."""
    import accelml.bench.peers  # noqa: F401  (registers them)
    from accelml.selection import plugins

    peers = dict.fromkeys(contestant.library for contestant, _ in PEERS.values())
    return {BACKEND: list(plugins()), PEER: [*peers, "none"]}
