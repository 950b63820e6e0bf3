"""Iris: 150 flowers of three species."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome
from accelml.datasets._tables import Table, load_table, table_file

IRIS = Table(
    description="""\
Iris: the length and the width of sepals and petals of 150 flowers, 50 of each of three species, in
centimetres. The table is that of the UCI Machine Learning Repository; in its 35th and 38th rows
three values differ from those that Fisher published, which scikit-learn's copy has.

R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2),
1936. The table: homemade-machine-learning, MIT licence.
""",
    file=table_file(
        "iris.csv", 3_856, "501cdbc0994362c898a8368c0f0e9d88cc8bdee32cefb9854f5bd5bf7512835c"
    ),
    features={
        "sepal_length": "sepal length (cm)",
        "sepal_width": "sepal width (cm)",
        "petal_length": "petal length (cm)",
        "petal_width": "petal width (cm)",
    },
    target="class",
    target_names=("setosa", "versicolor", "virginica"),
    classes=("SETOSA", "VERSICOLOR", "VIRGINICA"),
)


def load_iris(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load Iris, for logistic regression and k-means: 150 flowers, 4 features, 3 species.

    The names and the order of rows and columns are those of :func:`sklearn.datasets.load_iris`,
    which needs no file; three of the 600 values differ.

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

        - `data`, X : ndarray or DataFrame of shape (150, 4), float64, in centimetres
        - `target`, y : ndarray or Series of shape (150,), int64, 0 to 2
        - `frame` : DataFrame of shape (150, 5) if `as_frame`, else None
        - `feature_names` : list of str, "sepal length (cm)" to "petal width (cm)"
        - `target_names` : ndarray of shape (3,), "setosa", "versicolor" and "virginica"
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
    .. [1] R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
       Eugenics 7(2), 1936.

    Examples
    --------
    >>> from accelml.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, X.dtype  # doctest: +SKIP
    ((150, 4), dtype('float64'))
    """
    return load_table(
        IRIS,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
