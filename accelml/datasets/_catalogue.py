"""What there is to download, in one list."""

from __future__ import annotations

from dataclasses import dataclass

from accelml.datasets._fashion_mnist import FASHION_MNIST
from accelml.datasets._iris import IRIS
from accelml.datasets._microchips import MICROCHIPS
from accelml.datasets._mnist import MNIST
from accelml.datasets._nonlinear import NONLINEAR
from accelml.datasets._server_metrics import SERVER_METRICS
from accelml.datasets._tables import Table
from accelml.datasets._verify import RemoteFile
from accelml.datasets._world_happiness import WORLD_HAPPINESS


@dataclass(frozen=True)
class Entry:
    """A data set as the command line lists it."""

    rows: int
    columns: int  # features
    purpose: str
    source: str
    licence: str
    size: int  # bytes to download; about, where mirrors compress differently
    files: tuple[RemoteFile, ...]  # none for one that comes with scikit-learn


def _table(table: Table, rows: int, purpose: str, source: str) -> Entry:
    columns, size = len(table.features), table.file.size
    return Entry(rows, columns, purpose, source, "MIT", size, (table.file,))


CATALOGUE = {
    "digits": Entry(1797, 64, "classifying", "UCI", "CC BY 4.0", 0, ()),
    "world-happiness": _table(
        WORLD_HAPPINESS, 155, "linear regression", "World Happiness Report"
    ),
    "iris": _table(IRIS, 150, "classifying, k-means", "R. A. Fisher"),
    "microchips": _table(MICROCHIPS, 118, "classifying by a curved boundary", "A. Ng"),
    "server-metrics": _table(SERVER_METRICS, 307, "finding anomalies", "A. Ng"),
    "nonlinear": _table(NONLINEAR, 250, "nonlinear regression", "NIST"),
    "mnist": Entry(
        70_000, 784, "classifying", "Y. LeCun and others", "CC BY-SA 3.0",
        11_500_000, MNIST.files("all"),
    ),
    "fashion-mnist": Entry(
        70_000, 784, "classifying", "Zalando", "MIT",
        31_000_000, FASHION_MNIST.files("all"),
    ),
}  # fmt: skip
