"""Draw images of handwritten digits from 8x8 originals, each bent a little differently.

An original is treated as a smooth field of ink. Each pixel of the new image looks up the
point of that field which the distortion brought there, and a steep ramp then turns ink into
a crisp stroke, so that one set of originals serves every image size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CONTROL_POINTS = 5  # of the elastic distortion, along each axis
_CELLS_PER_IMAGE = 28 / 2.5  # MNIST draws a digit of 8 cells 20 pixels high on an image of 28
_MARGIN = 4  # empty cells around an original, so that nothing outside is ever looked up
_FINE = 4  # points of the field for each cell
_PIXELS_PER_CHUNK = 200_000  # few enough for a processor's cache


@dataclass(frozen=True)
class Distortion:
    """How each of n images differs from its original; lengths are in cells of the original."""

    original: NDArray[np.int64]  # (n,) index of the original
    inverse: (
        Floats  # (n, 2, 2) from image coordinates back to the original's: rotation, scale, slant
    )
    shift: Floats  # (n, 2) rows, columns
    elastic: Floats  # (n, 2, CONTROL_POINTS, CONTROL_POINTS) displacement of the control points
    threshold: Floats  # (n,) ink that counts as half grey: the lower, the thicker the stroke

    def __getitem__(self, rows: slice) -> Distortion:
        return Distortion(*(getattr(self, field.name)[rows] for field in fields(self)))


def render(distortion: Distortion, originals: NDArray[Any], image_size: int) -> NDArray[np.uint8]:
    """Render the n images, as rows of image_size**2 pixels."""
    field = ink_field(originals)
    center = ink_center(originals)
    basis = elastic_basis(image_size)
    n_samples = len(distortion.original)
    images = np.empty((n_samples, image_size**2), dtype=np.uint8)
    chunk = max(1, _PIXELS_PER_CHUNK // image_size**2)
    for start in range(0, n_samples, chunk):
        part = distortion[start : start + chunk]
        rows, columns = source_coordinates(part, center, basis, image_size)
        ink = look_up(field, part.original, rows, columns)
        grey = stroke(ink, part.threshold, image_size)
        images[start : start + chunk] = grey.reshape(-1, image_size**2)
    return images


def ink_field(originals: NDArray[Any]) -> Floats:
    """Interpolate each original by cubic splines, between cells and into an empty margin."""
    from scipy.interpolate import CubicSpline

    padded = np.pad(originals / 16.0, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    cells = np.arange(padded.shape[1])
    fine = np.arange(_FINE * (len(cells) - 1) + 1) / _FINE
    for axis in (1, 2):
        padded = CubicSpline(cells, padded, axis=axis)(fine)
    return padded.astype(np.float32)


def ink_center(originals: NDArray[Any]) -> Floats:
    """Centre of mass of each original (n, 2), which MNIST puts in the middle of the image."""
    weight = originals / originals.sum(axis=(1, 2), keepdims=True)
    cells = np.arange(originals.shape[1])
    return np.stack([weight.sum(axis=2) @ cells, weight.sum(axis=1) @ cells], axis=1).astype(
        np.float32
    )


def elastic_basis(image_size: int) -> Floats:
    """Cubic B-splines of the control points at the pixels: (image_size, CONTROL_POINTS)."""
    from scipy.interpolate import BSpline

    knots = np.arange(-3.0, CONTROL_POINTS + 1)
    pixels = np.linspace(0, CONTROL_POINTS - 3, image_size)
    return np.asarray(BSpline.design_matrix(pixels, knots, 3).toarray(), dtype=np.float32)


def source_coordinates(
    distortion: Distortion, center: Floats, basis: Floats, image_size: int
) -> tuple[Floats, Floats]:
    """Where in its original each pixel looks: row and column in cells, (n, size, size) each."""
    offset = (np.arange(image_size, dtype=np.float32) - (image_size - 1) / 2) / image_size
    offset = (offset * _CELLS_PER_IMAGE).astype(np.float32)
    down = offset[:, None] - distortion.shift[:, 0, None, None]  # (n, size, 1)
    right = offset[None, :] - distortion.shift[:, 1, None, None]  # (n, 1, size)
    middle = center[distortion.original]
    coordinates = []
    for axis in (0, 1):
        matrix = distortion.inverse[:, axis]
        displaced = _bend(distortion.elastic[:, axis], basis)
        displaced += matrix[:, 0, None, None] * down + middle[:, axis, None, None]
        displaced += matrix[:, 1, None, None] * right
        coordinates.append(displaced)
    return coordinates[0], coordinates[1]


def _bend(control: Floats, basis: Floats) -> Floats:
    """Evaluate basis @ control @ basis.T for each image.

    Spelled out, since a matrix product rounds differently from one BLAS to the next, and from
    one chunk size to the next, and the same seed should give the same images.
    """
    rows = np.zeros((len(control), len(basis), CONTROL_POINTS), dtype=np.float32)
    for k in range(CONTROL_POINTS):
        rows += basis[:, k, None] * control[:, k, None, :]
    field = np.zeros((len(control), len(basis), len(basis)), dtype=np.float32)
    for k in range(CONTROL_POINTS):
        field += rows[:, :, k, None] * basis[:, k]
    return field


def look_up(field: Floats, original: NDArray[np.int64], rows: Floats, columns: Floats) -> Floats:
    """Interpolate the field bilinearly at the given cells of each image's original."""
    side = field.shape[1]
    top, down = _split(rows, side)
    left, right = _split(columns, side)
    first = (original * side**2)[:, None, None] + top * side + left
    flat = field.reshape(-1)
    upper = flat[first]
    upper += (flat[first + 1] - upper) * right
    first += side
    lower = flat[first]
    lower += (flat[first + 1] - lower) * right
    lower -= upper
    lower *= down
    lower += upper
    return np.asarray(lower, dtype=np.float32)


def _split(cells: Floats, side: int) -> tuple[NDArray[np.int64], Floats]:
    """Split a coordinate into the field's point before it and the fraction beyond that point."""
    position = np.clip((cells + np.float32(_MARGIN)) * np.float32(_FINE), 0, side - 1.001)
    whole = position.astype(np.int64)
    return whole, (position - whole).astype(np.float32)


def stroke(ink: Floats, threshold: Floats, image_size: int) -> NDArray[np.uint8]:
    """Turn ink into grey levels; the edge of a stroke is about as wide as MNIST's."""
    # At least 1.25, so that where there is no ink the image is black.
    steepness = np.float32(max(1.25, 2.0 * image_size / 28))
    grey = (ink - threshold[:, None, None]) * steepness + np.float32(0.5)
    return np.asarray(np.rint(np.clip(grey, 0, 1) * np.float32(255)), dtype=np.uint8)
