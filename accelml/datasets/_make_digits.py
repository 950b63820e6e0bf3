"""Sets of handwritten digits of any length, like MNIST, without a download."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from accelml.datasets._arguments import RandomState, check_generator, check_integer
from accelml.datasets._images import pixel_names
from accelml.datasets._present import as_pandas
from accelml.datasets._render import CONTROL_POINTS, Distortion, render

Subset = Literal["train", "test"]

_SMALLEST_IMAGE = 8
_TEST_EVERY = 5  # one original in five is for testing


def make_digits(
    n_samples: int = 60000,
    *,
    image_size: int = 28,
    subset: Subset = "train",
    random_state: RandomState = None,
    as_frame: bool = False,
) -> tuple[Any, Any]:
    """Render a set of handwritten digits that looks like MNIST, of any length.

    Every image is one of the 1,797 real digits of :func:`load_digits`, enlarged, rotated,
    slanted, scaled, shifted and bent elastically, each time differently. Nothing is
    downloaded. Training and test images never come from the same original: of each digit's
    originals every fifth is for testing and the others for training, whatever `random_state`
    is. Their writers are the same.

    Parameters
    ----------
    n_samples : int, default=60000
        Number of images; the ten digits are equally frequent, to within one image.
    image_size : int, default=28
        Height and width of an image in pixels, at least 8. The digit is drawn about
        5/7 as high, as in MNIST, with its centre of mass near the middle.
    subset : {"train", "test"}, default="train"
        Which of the originals to draw from.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed of the random choices; the same seed gives the same images. None gives others
        each time.
    as_frame : bool, default=False
        Whether to return pandas in place of arrays: a data frame with the columns ``pixel1``,
        ``pixel2``, ... and a series named ``target``.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size**2), uint8
        The images row by row, 0 (background) to 255 (ink).
    y : ndarray of shape (n_samples,), int64
        The digits, 0 to 9, in random order.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository, 1998. The originals.
    .. [2] P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural
       networks applied to visual document analysis", ICDAR 2003. The elastic distortion.

    Examples
    --------
    >>> from accelml.datasets import make_digits
    >>> X, y = make_digits(1000, random_state=0)
    >>> X.shape, X.dtype
    ((1000, 784), dtype('uint8'))
    """
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    image_size = check_integer("image_size", image_size, at_least=_SMALLEST_IMAGE)
    if subset not in get_args(Subset):
        raise ValueError(f"subset is {subset!r}; pass 'train' or 'test'.")
    random = check_generator(random_state)

    images, labels = _originals()
    y = random.permutation(np.arange(n_samples, dtype=np.int64) % 10)
    distortion = draw_distortion(random, y, labels, subset)
    X = render(distortion, images, image_size)
    return as_pandas(X, y, pixel_names(X.shape[1])) if as_frame else (X, y)


def original_indices(labels: NDArray[np.int64], subset: Subset) -> NDArray[np.int64]:
    """Rows of the originals that `subset` may use: of each digit every fifth, or the others.

    Counted out rather than drawn, so that no release of NumPy can ever move an original across.
    """
    chosen = []
    for digit in range(10):
        rows = np.flatnonzero(labels == digit)
        for_test = np.arange(len(rows)) % _TEST_EVERY == _TEST_EVERY - 1
        chosen.append(rows[for_test == (subset == "test")])
    return np.sort(np.concatenate(chosen))


def draw_distortion(
    random: np.random.Generator, y: NDArray[np.int64], labels: NDArray[np.int64], subset: Subset
) -> Distortion:
    """Draw for each image an original of its digit, and what is done to it."""
    n_samples = len(y)
    return Distortion(
        original=_draw_originals(random, y, labels, subset),
        inverse=_draw_inverse(random, n_samples),
        shift=random.normal(0, 0.12, (n_samples, 2)).astype(np.float32),
        elastic=_draw_elastic(random, n_samples),
        threshold=random.uniform(0.44, 0.64, n_samples).astype(np.float32),
    )


def _draw_originals(
    random: np.random.Generator, y: NDArray[np.int64], labels: NDArray[np.int64], subset: Subset
) -> NDArray[np.int64]:
    allowed = original_indices(labels, subset)
    original = np.empty_like(y)
    for digit in range(10):
        pool = allowed[labels[allowed] == digit]
        places = np.flatnonzero(y == digit)
        original[places] = random.choice(pool, size=len(places))
    return original


def _draw_inverse(random: np.random.Generator, n_samples: int) -> NDArray[np.float32]:
    """Matrices, (n, 2, 2), that undo a random rotation, scaling and slant of (row, column)."""
    angle = random.normal(0, np.deg2rad(5), n_samples)
    slant = random.normal(0.12, 0.1, n_samples)
    height = random.normal(0.98, 0.04, n_samples)
    width = random.normal(1.12, 0.08, n_samples)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([cos, sin, -sin, cos], axis=1).reshape(-1, 2, 2)
    stretch = np.zeros((n_samples, 2, 2))
    stretch[:, 0, 0] = 1 / height.clip(0.8, 1.2)
    stretch[:, 1, 1] = 1 / width.clip(0.7, 1.4)
    stretch[:, 1, 0] = slant.clip(-0.4, 0.5)
    return np.asarray(np.einsum("nij,njk->nik", stretch, rotation), dtype=np.float32)


def _draw_elastic(random: np.random.Generator, n_samples: int) -> NDArray[np.float32]:
    shape = (n_samples, 2, CONTROL_POINTS, CONTROL_POINTS)
    return np.float32(0.4) * random.standard_normal(shape, dtype=np.float32)


def _originals() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images, digits.target.astype(np.int64)
