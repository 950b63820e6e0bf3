"""The World Happiness Report of 2017: 155 countries."""

from __future__ import annotations

from typing import Any

from accelml.datasets._images import DataHome
from accelml.datasets._tables import Table, load_table, table_file

WORLD_HAPPINESS = Table(
    description="""\
World Happiness Report 2017: how happy the people of 155 countries say they are, from 0 to 10, and
how many points of that the report's authors put down to each of six circumstances, compared with
Dystopia, an imagined country that is last in all of them. The columns hold those points, and not
dollars or years. The file also has the rank and the limits of the confidence interval, which are
the score once more, and the residual, which with the six and nothing else adds up to the score:
they are left out, for from them there is nothing to learn.

J. Helliwell, R. Layard and J. Sachs (eds.), World Happiness Report 2017, Sustainable Development
Solutions Network, New York. The table: homemade-machine-learning, MIT licence.
""",
    file=table_file(
        "world-happiness-report-2017.csv",
        29_380,
        "cd90e5d3d7d504cbcfeef20c4f016fd19f19dce2e73cffb078412b6ebc73ab92",
    ),
    features={
        "Economy..GDP.per.Capita.": "GDP per capita",
        "Family": "family",
        "Health..Life.Expectancy.": "life expectancy",
        "Freedom": "freedom",
        "Generosity": "generosity",
        "Trust..Government.Corruption.": "trust in government",
    },
    target="Happiness.Score",
    target_names=("happiness score",),
    texts={"Country": "countries"},
)


def load_world_happiness(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: DataHome = None,
    download_if_missing: bool = True,
) -> Any:
    """Load the World Happiness Report of 2017, for linear regression: 155 countries, 6 features.

    The features are no dollars and no years: each says how many points of the score the report's
    authors put down to it. The report's rank, confidence limits and residual are left out, since
    the score can be read off them.

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

        - `data`, X : ndarray or DataFrame of shape (155, 6), float64, in points of the score
        - `target`, y : ndarray or Series of shape (155,), float64: the score, on a ladder from 0
          (worst possible life) to 10 (best)
        - `countries` : ndarray of str of shape (155,), the happiest first
        - `frame` : DataFrame of shape (155, 7) if `as_frame`, else None
        - `feature_names` : list of str, "GDP per capita" to "trust in government"
        - `target_names` : ndarray of shape (1,)
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
    .. [1] J. Helliwell, R. Layard and J. Sachs (eds.), "World Happiness Report 2017", Sustainable
       Development Solutions Network, New York.

    Examples
    --------
    >>> from accelml.datasets import load_world_happiness
    >>> happiness = load_world_happiness()  # doctest: +SKIP
    >>> happiness.data.shape, str(happiness.countries[0])  # doctest: +SKIP
    ((155, 6), 'Norway')
    """
    return load_table(
        WORLD_HAPPINESS,
        return_X_y=return_X_y,
        as_frame=as_frame,
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
