"""The data of a notebook: the real ones where they can be had, and otherwise some like them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from accelml import datasets

Floats = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set as a notebook uses it."""

    X: Floats  # (n, d) float64; images: float32 from 0 to 1, the last 10,000 to test with
    y: Floats  # (n,)
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    is_real: bool
    about: str  # one sentence: what it is and where it is from


def load(name: str) -> Data:
    """Load a data set by its name, and say which it is.

    Parameters
    ----------
    name : {"happiness", "nonlinear", "iris", "microchips", "servers", "mnist", "fashion"}

    Returns
    -------
    Data
        The public data set, or, where it is neither on this machine nor to be downloaded, one that
        the library makes itself; ``about`` is printed and says so.

    Raises
    ------
    ValueError
        If there is no data set of that name.
    """
    if name not in SETS:
        raise ValueError(f"name={name!r}: there is no such data set; choose among {sorted(SETS)}")
    loader, stand_in = SETS[name]
    try:
        data = loader()
    except (datasets.DatasetUnavailable, datasets.DatasetCorrupt):
        data = stand_in()
    print(data.about)
    return data


def of_bunch(bunch: Any, about: str, is_real: bool = True) -> Data:
    """Names and numbers of what a loader returns."""
    return Data(
        np.asarray(bunch.data), np.asarray(bunch.target), tuple(bunch.feature_names),
        tuple(str(name) for name in getattr(bunch, "target_names", ())), is_real, about,
    )  # fmt: skip


def stand_in_for(what: str, instead: str) -> str:
    """What is printed where the real data cannot be had."""
    return (
        f"{what} is not on this machine and cannot be downloaded: {instead}. Numbers and figures "
        "below are those of this stand-in."
    )


def happiness() -> Data:
    """Countries of the World Happiness Report."""
    about = "World Happiness Report 2017: 155 countries."
    return of_bunch(datasets.load_world_happiness(), about)


def invented_happiness() -> Data:
    """Countries that do not exist, with about the spread and the slopes of those that do."""
    rng = np.random.default_rng(2017)
    shared = rng.standard_normal(155)
    wealth = np.clip(0.98 + 0.42 * (0.8 * shared + 0.6 * rng.standard_normal(155)), 0, 1.9)
    freedom = np.clip(0.41 + 0.15 * (0.4 * shared + 0.9 * rng.standard_normal(155)), 0, 0.66)
    score = 2.3 + 2.0 * wealth + 2.6 * freedom + 0.55 * rng.standard_normal(155)
    about = stand_in_for("The World Happiness Report", "155 invented countries stand in")
    X = np.stack([wealth, freedom], axis=1)
    return Data(X, score, ("GDP per capita", "freedom"), ("happiness score",), False, about)


def nonlinear() -> Data:
    """The curve of the teaching project."""
    return of_bunch(datasets.load_nonlinear(), "Points along a curve, from the teaching project.")


def made_nonlinear() -> Data:
    """A curve of our own."""
    X, y = datasets.make_nonlinear(random_state=0)
    instead = "accelml draws points along a curve of its own"
    about = stand_in_for("The teaching project's curve", instead)
    return Data(X, y, ("x",), ("y",), False, about)


def iris() -> Data:
    """Fisher's irises."""
    return of_bunch(datasets.load_iris(), "Fisher's irises: 150 flowers, 3 species.")


def sklearn_iris() -> Data:
    """The same flowers, which scikit-learn has with it."""
    from sklearn.datasets import load_iris

    return of_bunch(load_iris(), "Fisher's irises: 150 flowers, 3 species (scikit-learn's copy).")


def microchips() -> Data:
    """Two tests of each chip."""
    return of_bunch(datasets.load_microchips(), "118 microchips, with the results of two tests.")


def made_microchips() -> Data:
    """Chips of our own."""
    X, y = datasets.make_microchips(random_state=0)
    about = stand_in_for("The table of microchips", "accelml makes some of its own")
    return Data(X, y, ("test 1", "test 2"), ("rejected", "accepted"), False, about)


def servers() -> Data:
    """Latency and throughput."""
    about = "307 servers, with their latency and throughput; some are known to be faulty."
    return of_bunch(datasets.load_server_metrics(), about)


def made_servers() -> Data:
    """Servers of our own."""
    X, y = datasets.make_server_metrics(random_state=0)
    about = stand_in_for("The table of servers", "accelml makes some of its own")
    names = ("latency (ms)", "throughput (mb/s)")
    return Data(X, y, names, ("normal", "anomaly"), False, about)


def images(bunch: Any, about: str) -> Data:
    """Pixels from 0 to 1 in float32."""
    data = of_bunch(bunch, about)
    return dataclasses.replace(data, X=data.X.astype(np.float32) / 255)


def collection(load_part: Any, about: str) -> Data:
    """The images to train on, and after them those to test with."""
    parts = [images(load_part(subset=subset), about) for subset in ("train", "test")]
    X = np.concatenate([part.X for part in parts])
    return dataclasses.replace(parts[0], X=X, y=np.concatenate([part.y for part in parts]))


def mnist() -> Data:
    """Handwritten digits."""
    about = "MNIST: 60,000 handwritten digits to train on, and 10,000 to test with."
    return collection(datasets.load_mnist, about)


def fashion() -> Data:
    """Clothes."""
    about = "Fashion-MNIST: 60,000 articles of clothing to train on, and 10,000 to test with."
    return collection(datasets.load_fashion_mnist, about)


def drawn_digits(what: str) -> Data:
    """Digits that accelml distorts anew from small originals, as many as MNIST has."""
    parts = [
        datasets.make_digits(60_000, subset="train", random_state=0),
        datasets.make_digits(10_000, subset="test", random_state=0),
    ]
    X = np.concatenate([X for X, _ in parts]).astype(np.float32) / 255
    y = np.concatenate([y for _, y in parts])
    names = tuple(f"pixel{number}" for number in range(1, X.shape[1] + 1))
    about = stand_in_for(what, "70,000 digits that accelml draws from 1,797 real ones stand in")
    return Data(X, y, names, tuple("0123456789"), False, about)


SETS: dict[str, tuple[Callable[[], Data], Callable[[], Data]]] = {
    "fashion": (fashion, lambda: drawn_digits("Fashion-MNIST")),
    "happiness": (happiness, invented_happiness),
    "iris": (iris, sklearn_iris),
    "microchips": (microchips, made_microchips),
    "mnist": (mnist, lambda: drawn_digits("MNIST")),
    "nonlinear": (nonlinear, made_nonlinear),
    "servers": (servers, made_servers),
}
