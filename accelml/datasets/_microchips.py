"""Microchips: two tests each, accepted or rejected."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome
from accelml.datasets._tables import Table, load_table, table_file

MICROCHIPS = Table(
    description="""\
Microchips: the results of two tests of 118 microchips, in units of their own from about -1 to 1,
and whether the chip was accepted. Those accepted lie inside a closed curve, so that no straight
line tells them apart. The data are made, not measured.

A. Ng, "Machine Learning", Coursera, exercise on regularised logistic regression. The table:
homemade-machine-learning, MIT licence.
""",
    file=table_file(
        "microchips-tests.csv",
        2_257,
        "6ad46c0ef212853274926584eea6d96707c53f8f623dbe1cd97dedde1e6758b6",
    ),
    features={"param_1": "test 1", "param_2": "test 2"},
    target="validity",
    target_names=("rejected", "accepted"),
    classes=("0", "1"),
)


def load_microchips(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the microchips, for a boundary that is no straight line: 118 rows, 2 features.

    :func:`make_microchips` makes others like them without a file.

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

        - `data`, X : ndarray or DataFrame of shape (118, 2), float64: the results of the two
          tests, in units of their own from about −1 to 1
        - `target`, y : ndarray or Series of shape (118,), int64, 1 if accepted and 0 if not
        - `frame` : DataFrame of shape (118, 3) if `as_frame`, else None
        - `feature_names` : list of str, "test 1" and "test 2"
        - `target_names` : ndarray of shape (2,), "rejected" and "accepted"
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
    .. [1] A. Ng, "Machine Learning", Coursera, exercise on regularised logistic regression.

    Examples
    --------
    >>> from accelml.datasets import load_microchips
    >>> X, y = load_microchips(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((118, 2), 58)
    """
    return load_table(
        MICROCHIPS,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
