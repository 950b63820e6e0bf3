"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome, ImageCollection, Subset, load_collection
from accelml.datasets._verify import RemoteFile

_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)


def _file(name: str, size: int, sha256: str) -> RemoteFile:
    urls = tuple(f"{mirror}{name}.gz" for mirror in _MIRRORS)
    return RemoteFile(f"mnist/{name}", urls, size, sha256)


MNIST = ImageCollection(
    description="""\
MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 x 28 pixels, 0 (background)
to 255 (ink), by Y. LeCun, C. Cortes and C. Burges from NIST's Special Databases 1 and 3. Each digit
was scaled to fit 20 x 20 pixels and placed with its centre of mass in the middle.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), 1998.
""",
    target_names=tuple(range(10)),
    train=(
        _file(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _file(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    test=(
        _file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _file(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)


def load_mnist(
    subset: Subset = "train",
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load MNIST, 60,000 training and 10,000 test images of handwritten digits.

    The files are looked for in the folder that the environment variable `ACCELML_DATA_DIR`
    names, then in the cache, and downloaded to the cache if neither has them. Whatever the
    source, the content is verified by its length and SHA-256.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images; "all" is the training set followed by the test set, as on OpenML.
    return_X_y : bool, default=False
        Return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Return pandas objects.
    data_home : str or path, default=None
        Folder of the cache, instead of the operating system's; with it `ACCELML_DATA_DIR` is
        not looked at. Corrupt files in it are replaced.
    download_if_missing : bool, default=True
        If False, raise instead of downloading.

    Returns
    -------
    data : sklearn.utils.Bunch, or tuple (X, y) if `return_X_y`
        With the attributes

        - `data`, X : ndarray or DataFrame of shape (n, 784), uint8, 0 to 255
        - `target`, y : ndarray or Series of shape (n,), int64, 0 to 9
        - `images` : ndarray of shape (n, 28, 28), uint8; a view of `data` unless `as_frame`
        - `frame` : DataFrame of shape (n, 785) if `as_frame`, else None
        - `feature_names` : list of str, "pixel1" to "pixel784", row by row
        - `target_names` : ndarray of shape (10,)
        - `DESCR` : str

        The arrays are new with each call and may be written to.

    Raises
    ------
    DatasetUnavailable
        If the files are not on this machine and cannot be downloaded; the message says which
        file goes where.
    DatasetCorrupt
        If a file in the folder of `ACCELML_DATA_DIR` is not the published one.
    ValueError
        If `subset` is none of the three.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    >>> from accelml.datasets import load_mnist
    >>> X, y = load_mnist("test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((10000, 784), dtype('uint8'))
    """
    return load_collection(
        MNIST,
        subset,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
