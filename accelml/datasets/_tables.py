"""Load a small table, published as a CSV file whose first line names the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelml.datasets._files import read_files
from accelml.datasets._images import DataHome
from accelml.datasets._present import present
from accelml.datasets._verify import RemoteFile

_SOURCE = "https://raw.githubusercontent.com/trekhleb/homemade-machine-learning/master/data/"


@dataclass(frozen=True)
class Table:
    """What there is to know about a table before its file is read.

    Columns are named as in the file; what is on the right of a mapping is what users see.
    """

    description: str
    file: RemoteFile
    features: Mapping[str, str]
    target: str
    target_names: tuple[str, ...]
    classes: tuple[str, ...] = ()  # the file's word for label 0, 1, ...; none if y is a number
    texts: Mapping[str, str] = field(default_factory=dict)  # columns that are attributes only

    @property
    def feature_names(self) -> list[str]:
        """What the columns of X are called."""
        return list(self.features.values())


def table_file(name: str, size: int, sha256: str) -> RemoteFile:
    """A file of the project that publishes them all."""
    return RemoteFile(f"homemade/{name}", (f"{_SOURCE}{name}",), size, sha256)


def load_table(
    table: Table,
    *,
    return_X_y: bool,
    as_frame: bool,
    data_home: DataHome,
    download_if_missing: bool,
) -> Any:
    """Read, verify and parse the file, and present it as scikit-learn does."""
    (content,) = read_files(
        [table.file], data_home=data_home, download_if_missing=download_if_missing
    )
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    X = np.array([[float(row[column]) for column in table.features] for row in rows])
    return present(
        X,
        _target(table, [row[table.target] for row in rows]),
        feature_names=table.feature_names,
        target_names=table.target_names,
        description=table.description,
        return_X_y=return_X_y,
        as_frame=as_frame,
        **{name: np.array([row[column] for row in rows]) for column, name in table.texts.items()},
    )


def _target(table: Table, values: list[str]) -> NDArray[Any]:
    if not table.classes:
        return np.array([float(value) for value in values])
    return np.array([table.classes.index(value) for value in values], dtype=np.int64)
