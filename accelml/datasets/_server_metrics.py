"""Server metrics: latency and throughput, and a few anomalies."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome
from accelml.datasets._tables import Table, load_table, table_file

SERVER_METRICS = Table(
    description="""\
Server metrics: the latency and the throughput of 307 servers, nine of which are labelled as
anomalies. Six of the nine lie far from all others. Three lie in the midst of them, and no model of
the density finds those without as many false alarms. The data are made, not measured.

A. Ng, "Machine Learning", Coursera, exercise on anomaly detection. The table:
homemade-machine-learning, MIT licence.
""",
    file=table_file(
        "server-operational-params.csv",
        11_634,
        "26d4ea63a72879c4b4c141e10844db3dc8c767510115eeff5899704b67804cf2",
    ),
    features={"Latency (ms)": "latency (ms)", "Throughput (mb/s)": "throughput (mb/s)"},
    target="Anomaly",
    target_names=("normal", "anomaly"),
    classes=("0", "1"),
)


def load_server_metrics(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the server metrics, for anomaly detection: 307 servers, 2 features, 9 anomalies.

    All rows are labelled and there is no part apart for validation: fit on X alone, and choose the
    threshold by y. :func:`make_server_metrics` makes others like them without a file.

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

        - `data`, X : ndarray or DataFrame of shape (307, 2), float64: latency in ms and
          throughput in mb/s
        - `target`, y : ndarray or Series of shape (307,), int64, 1 for an anomaly and 0 else
        - `frame` : DataFrame of shape (307, 3) if `as_frame`, else None
        - `feature_names` : list of str, "latency (ms)" and "throughput (mb/s)"
        - `target_names` : ndarray of shape (2,), "normal" and "anomaly"
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
    .. [1] A. Ng, "Machine Learning", Coursera, exercise on anomaly detection.

    Examples
    --------
    >>> from accelml.datasets import load_server_metrics
    >>> X, y = load_server_metrics(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, int(y.sum())  # doctest: +SKIP
    ((307, 2), 9)
    """
    return load_table(
        SERVER_METRICS,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
