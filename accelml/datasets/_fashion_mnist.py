"""Fashion-MNIST: 70,000 garments in the format of MNIST."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome, ImageCollection, Subset, load_collection
from accelml.datasets._verify import RemoteFile

_MIRRORS = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)


def _file(name: str, size: int, sha256: str) -> RemoteFile:
    urls = tuple(f"{mirror}{name}.gz" for mirror in _MIRRORS)
    return RemoteFile(f"fashion-mnist/{name}", urls, size, sha256)


FASHION_MNIST = ImageCollection(
    description="""\
Fashion-MNIST: 60,000 training and 10,000 test images of garments from Zalando's catalogue, 28 x 28
pixels, 0 (background) to 255, in ten classes; meant to replace MNIST where that is too easy.
MIT licence.

H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", arXiv:1708.07747, 2017.
""",
    target_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    train=(
        _file(
            "train-images-idx3-ubyte",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        _file(
            "train-labels-idx1-ubyte",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    test=(
        _file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        _file(
            "t10k-labels-idx1-ubyte",
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
)


def load_fashion_mnist(
    subset: Subset = "train",
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load Fashion-MNIST, 60,000 training and 10,000 test images of ten kinds of garment.

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
    .. [1] H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
       benchmarking machine learning algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from accelml.datasets import load_fashion_mnist
    >>> X, y = load_fashion_mnist("test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((10000, 784), dtype('uint8'))
    """
    return load_collection(
        FASHION_MNIST,
        subset,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
