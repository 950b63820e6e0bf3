"""Latency and throughput of any number of servers, a few of them out of order."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelml.datasets._arguments import RandomState, check_generator, check_integer
from accelml.datasets._present import as_pandas
from accelml.datasets._server_metrics import SERVER_METRICS

MEAN = np.array([14.1, 15.0])  # ms, mb/s
STANDARD_DEVIATION = np.array([0.96, 0.92])
ANOMALY_DISTANCE = (2.5, 12.0)  # from the mean, in standard deviations


def make_server_metrics(
    n_samples: int = 307,
    *,
    n_anomalies: int = 9,
    random_state: RandomState = None,
    as_frame: bool = False,
) -> tuple[Any, Any]:
    """Make the latency and the throughput of servers, a few of which are labelled anomalies.

    They are made to look like those of :func:`load_server_metrics` and to teach the same: a
    Gaussian finds what is rare, and its threshold trades false alarms for anomalies missed.
    They are not those. Nothing is downloaded.

    A normal server is μ + σ ∘ z, with z ~ N(0, I), mean μ = (14.1 ms, 15.0 mb/s) and standard
    deviations σ = (0.96 ms, 0.92 mb/s). The two are independent of each other, unlike those of
    :func:`load_server_metrics`, whose correlation is 0.35. An anomaly is μ + r σ ∘ (cos φ, sin φ)
    with φ uniform on the circle and r uniform from 2.5 to 12, so that most lie far away and a few
    at the edge of the normal ones.

    Parameters
    ----------
    n_samples : int, default=307
        Number of servers, the anomalies among them.
    n_anomalies : int, default=9
        Number of anomalies, at most `n_samples`; they stand anywhere among the rows.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed of the random choices; the same seed gives the same servers. None gives others each
        time.
    as_frame : bool, default=False
        Whether to return pandas in place of arrays: a data frame with the columns of
        :func:`load_server_metrics` and a series named ``target``.

    Returns
    -------
    X : ndarray of shape (n_samples, 2), float64
        Latency in ms and throughput in mb/s.
    y : ndarray of shape (n_samples,), int64
        1 for an anomaly and 0 else.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> from accelml.datasets import make_server_metrics
    >>> X, y = make_server_metrics(random_state=0)
    >>> X.shape, int(y.sum())
    ((307, 2), 9)
    """
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    n_anomalies = check_integer("n_anomalies", n_anomalies, at_least=0)
    if n_anomalies > n_samples:
        raise ValueError(f"n_anomalies is {n_anomalies}; pass at most n_samples, {n_samples}.")
    random = check_generator(random_state)

    y = random.permutation(np.arange(n_samples) < n_anomalies).astype(np.int64)
    z = random.standard_normal((n_samples, 2))
    radius = random.uniform(*ANOMALY_DISTANCE, n_anomalies)
    angle = random.uniform(0, 2 * np.pi, n_anomalies)
    z[y == 1] = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = MEAN + STANDARD_DEVIATION * z
    return as_pandas(X, y, SERVER_METRICS.feature_names) if as_frame else (X, y)
