"""Load a collection of labelled images, published as MNIST is: four IDX files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from accelml.datasets._files import read_files
from accelml.datasets._idx import parse_idx
from accelml.datasets._present import present
from accelml.datasets._verify import RemoteFile

Subset = Literal["train", "test", "all"]
DataHome = str | os.PathLike[str] | None


@dataclass(frozen=True)
class ImageCollection:
    """What there is to know about a collection before any of its files is read."""

    description: str
    target_names: tuple[str, ...] | tuple[int, ...]
    train: tuple[RemoteFile, RemoteFile]  # images, labels
    test: tuple[RemoteFile, RemoteFile]

    def files(self, subset: Subset) -> tuple[RemoteFile, ...]:
        """Images and labels by turns; "all" is the training set, then the test set."""
        if subset not in get_args(Subset):
            raise ValueError(f"subset is {subset!r}; pass 'train', 'test' or 'all'.")
        parts = {"train": self.train, "test": self.test, "all": self.train + self.test}
        return parts[subset]


def load_collection(
    collection: ImageCollection,
    subset: Subset,
    *,
    return_X_y: bool,
    as_frame: bool,
    data_home: DataHome,
    download_if_missing: bool,
) -> Any:
    """Read, verify and parse the files of a subset, and present them as scikit-learn does."""
    contents = read_files(
        collection.files(subset), data_home=data_home, download_if_missing=download_if_missing
    )
    images = _join([parse_idx(content, ndim=3) for content in contents[0::2]])
    target = _join([parse_idx(content, ndim=1) for content in contents[1::2]]).astype(np.int64)
    pixels = images.reshape(len(images), -1)
    return present(
        pixels,
        target,
        feature_names=pixel_names(pixels.shape[1]),
        target_names=collection.target_names,
        description=collection.description,
        return_X_y=return_X_y,
        as_frame=as_frame,
        images=images,
    )


def pixel_names(count: int) -> list[str]:
    """What the columns are called."""
    return [f"pixel{i}" for i in range(1, count + 1)]


def _join(parts: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
