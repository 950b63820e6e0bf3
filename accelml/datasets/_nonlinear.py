"""A curve with two peaks, for features that are no straight lines."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome
from accelml.datasets._tables import Table, load_table, table_file

NONLINEAR = Table(
    description="""\
A curve with two peaks: 250 values of y at x = 1, 2, ..., 250, neither of which has a unit. They are
those of Gauss2, made at the National Institute of Standards and Technology for tests of nonlinear
least squares: two Gaussians that overlap a little, on an exponential that falls, with normal noise
of variance 6.25.

B. Rust, "Gauss2", Statistical Reference Datasets, NIST, 1996, in the public domain. The table:
homemade-machine-learning, MIT licence.
""",
    file=table_file(
        "non-linear-regression-x-y.csv",
        4_517,
        "f5c5fc667f5dfc3e422358fb4fbf664893d67daa4c5f5ec00dec1d6581cfaba2",
    ),
    features={"x": "x"},
    target="y",
    target_names=("y",),
)


def load_nonlinear(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load a curve with two peaks, for polynomial and sinusoid features: 250 rows, 1 feature.

    :func:`make_nonlinear` makes others like it without a file.

    The file is looked for in the folder that the environment variable `ACCELML_DATA_DIR`
    names, then in the cache, and downloaded to the cache if neither has it. Whatever the source,
    the content is verified by its length and SHA-256.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Return pandas objects.
    data_home : str or path, default=None
        Folder of the cache, instead of the operating system's; with it `ACCELML_DATA_DIR` is
        not looked at. A corrupt file in it is replaced.
    download_if_missing : bool, default=True
        If False, raise instead of downloading.

    Returns
    -------
    data : sklearn.utils.Bunch, or tuple (X, y) if `return_X_y`
        With the attributes

        - `data`, X : ndarray or DataFrame of shape (250, 1), float64, 1 to 250, without a unit
        - `target`, y : ndarray or Series of shape (250,), float64, about 1 to 134, without a unit
        - `frame` : DataFrame of shape (250, 2) if `as_frame`, else None
        - `feature_names` : list of str, "x"
        - `target_names` : ndarray of shape (1,), "y"
        - `DESCR` : str

        The arrays are new with each call and may be written to.

    Raises
    ------
    DatasetUnavailable
        If the file is not on this machine and cannot be downloaded; the message says where to
        put it.
    DatasetCorrupt
        If the file in the folder of `ACCELML_DATA_DIR` is not the published one.

    References
    ----------
    .. [1] B. Rust, "Gauss2", Statistical Reference Datasets, National Institute of Standards and
       Technology, 1996.

    Examples
    --------
    >>> from accelml.datasets import load_nonlinear
    >>> X, y = load_nonlinear(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((250, 1), (250,))
    """
    return load_table(
        NONLINEAR,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
