"""Model files: what a fitted estimator knows, as safetensors with a JSON header.

A file holds numbers and text, never code: there is no pickle in it, and it can only name classes
of the list below. Its arrays are tensors of their own dtype; everything else is JSON in the
``__metadata__`` of the safetensors header, so that any safetensors reader opens it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accelml._serialise import Malformed, Tensors, Unserialisable, decode, encode

FORMAT = "accelml-model"
FORMAT_VERSION = 1

# The only classes that a file can name. Another one would be an import, hence code, that the file
# decides on.
CLASSES = {
    "accelml.anomaly.GaussianAnomalyDetector": "accelml.anomaly",
    "accelml.cluster.KMeans": "accelml.cluster",
    "accelml.cluster.MiniBatchKMeans": "accelml.cluster",
    "accelml.linear_model.LinearRegression": "accelml.linear_model",
    "accelml.linear_model.LogisticRegression": "accelml.linear_model",
    "accelml.linear_model.Ridge": "accelml.linear_model",
    "accelml.neural_network.MLPClassifier": "accelml.neural_network",
    "accelml.neural_network.MLPRegressor": "accelml.neural_network",
    "accelml.preprocessing.PixelScaler": "accelml.preprocessing",
    "accelml.preprocessing.PolynomialFeatures": "accelml.preprocessing",
    "accelml.preprocessing.SinusoidFeatures": "accelml.preprocessing",
    "accelml.preprocessing.StandardScaler": "accelml.preprocessing",
    "sklearn.pipeline.Pipeline": "sklearn.pipeline",
    "sklearn.preprocessing.StandardScaler": "sklearn.preprocessing",
}

TRANSIENT = {"_device_copies", "_sklearn_output_config", "_sklearn_version"}


class ModelFileError(ValueError):
    """A file that is no model of accelml, or no longer one; says which, why, and what to do."""


def save_model(
    estimator: Any, path: str | os.PathLike[str], *, notes: Mapping[str, str] | None = None
) -> None:
    """Write a fitted estimator to a file that loads on any machine and any backend.

    Parameters
    ----------
    estimator : estimator
        A fitted :class:`~accelml.neural_network.MLPClassifier` or
        :class:`~accelml.linear_model.LogisticRegression`, or a scikit-learn ``Pipeline`` of
        :class:`~accelml.preprocessing.PixelScaler`, ``StandardScaler`` and one of these.
    path : path-like
        Replaced as a whole if it exists: the file is complete or is not there.
    notes : mapping of str to str, optional
        Text to keep with the model; :func:`read_header` returns it.

    Raises
    ------
    TypeError
        If the estimator, a parameter or an attribute of it has no form in a model file.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written.

    Notes
    -----
    Everything that ``predict``, ``partial_fit`` and ``fit`` with ``warm_start`` go on from is kept:
    the weights, the optimiser's moments of ``partial_fit``, the state of the random generator and
    the learning rate. The parameters ``backend`` and ``device`` are not, since they may name what
    the next machine lacks; the attributes ``backend_`` and ``device_`` remember them. A
    ``random_state`` that is neither a whole number nor None becomes None, with a warning.

    Examples
    --------
    >>> from accelml.datasets import load_digits
    >>> from accelml.neural_network import MLPClassifier
    >>> from accelml.persistence import load_model, save_model
    >>> X, y = load_digits(return_X_y=True)
    >>> save_model(MLPClassifier(max_iter=500).fit(X, y), "digits.model")  # doctest: +SKIP
    >>> load_model("digits.model", backend="jax").score(X, y)  # doctest: +SKIP
    1.0
    """
    from accelml import __version__

    tensors: Tensors = {}
    try:
        described = _describe(estimator, "model", tensors)
    except Unserialisable as error:
        raise TypeError(
            f"{error}, which a model file cannot hold: set it to a number, a string, or None "
            "(estimator.set_params, or a new fit) before save_model"
        ) from None
    content = {"estimator": described, "notes": dict(notes or {}), "numpy": np.__version__}
    header = json.dumps(content, allow_nan=False)
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "accelml_version": __version__,
        "header": header,
        "sha256": checksum(header, tensors),
    }
    from safetensors.numpy import save

    write_whole(path, save(tensors, metadata=metadata))


def load_model(
    path: str | os.PathLike[str], *, backend: str | None = None, device: str | None = None
) -> Any:
    """Read an estimator that :func:`save_model` wrote, whichever backend it was trained on.

    Parameters
    ----------
    path : path-like
    backend : str, optional
        What the estimator shall compute with here. By default its parameter ``backend`` is None,
        so that the type of ``X`` decides.
    device : str, optional
        Likewise.

    Returns
    -------
    estimator
        Fitted. On the same backend and machine it predicts bit by bit what the original did.

    Raises
    ------
    ModelFileError
        If the file is not a model of accelml, is damaged, or is of a newer version.
    BackendUnavailable
        If ``backend`` or ``device`` is not to be had here.
    OSError
        If the file cannot be read.
    """
    from accelml.selection import get_backend

    if backend is not None and backend != "auto":
        get_backend(backend, device)
    header, tensors = _read(Path(path))
    try:
        estimator = _rebuild(header["estimator"], tensors, backend, device)
        unused = set(tensors) - tensors.used
        if unused:
            raise Malformed(f"its header says nothing of the tensors {sorted(unused)}")
    except Malformed as error:
        raise _damaged(path, error) from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _damaged(path, Malformed(f"its header is incomplete ({error!r})")) from error
    return estimator


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says of itself: the estimator as JSON, versions, and ``notes``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict
        With the keys ``accelml_version``, ``estimator``, ``notes`` and ``numpy``.

    Raises
    ------
    ModelFileError
        As in :func:`load_model`.
    """
    return _read(Path(path))[0]


class UsedTensors(dict[str, np.ndarray[Any, Any]]):
    """The tensors of a file, and which of them were asked for."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        self.used.add(name)
        return super().__getitem__(name)


def _describe(estimator: Any, place: str, tensors: Tensors) -> dict[str, Any]:
    """An estimator as JSON: its class, parameters and fitted attributes."""
    from sklearn.utils.validation import check_is_fitted

    name = _name_of(type(estimator))
    if name == "sklearn.pipeline.Pipeline":
        steps = [
            [key, step if isinstance(step, str) else _describe(step, f"{place}.{key}", tensors)]
            for key, step in estimator.steps
        ]
        return {"class": name, "steps": steps}
    check_is_fitted(estimator)
    params = estimator.get_params(deep=False)
    state = {key: value for key, value in vars(estimator).items() if key not in params}
    params = {key: _portable(key, value) for key, value in params.items()}
    return {
        "class": name,
        "params": {key: encode(params[key], f"{place}.{key}", tensors) for key in params},
        "attributes": {
            key: encode(value, f"{place}.{key}", tensors)
            for key, value in state.items()
            if key not in TRANSIENT
        },
    }


def _name_of(cls: type) -> str:
    for name in CLASSES:
        if name.rpartition(".")[2] == cls.__name__ and cls is _class_named(name):
            return name
    raise Unserialisable(
        f"the estimator is a {cls.__module__}.{cls.__qualname__} (files hold "
        f"{', '.join(name.rpartition('.')[2] for name in CLASSES)})"
    )


def _class_named(name: str) -> Any:
    return getattr(importlib.import_module(CLASSES[name]), name.rpartition(".")[2])


def _portable(key: str, value: Any) -> Any:
    """A parameter as it makes sense on another machine."""
    if key in {"backend", "device"}:
        return None
    if key == "random_state" and not (value is None or isinstance(value, (int, np.integer))):
        warnings.warn(
            f"random_state is a {type(value).__name__}, which a model file cannot hold; the file "
            "says random_state=None.",
            stacklevel=5,
        )
        return None
    return value


def _rebuild(described: Any, tensors: UsedTensors, backend: Any, device: Any) -> Any:
    """The estimator that :func:`_describe` described."""
    name = described["class"]
    if name not in CLASSES:
        raise Malformed(f"it holds a {name!r}, which this version of accelml does not know")
    cls = _class_named(name)
    if "steps" in described:
        return cls(
            [
                (key, step if step == "passthrough" else _rebuild(step, tensors, backend, device))
                for key, step in described["steps"]
            ]
        )
    params = {key: decode(value, tensors) for key, value in described["params"].items()}
    unknown = sorted(set(params) - set(cls().get_params()))
    if unknown:
        raise Malformed(f"this version's {cls.__name__} has no parameter {', '.join(unknown)}")
    if "backend" in params:
        params |= {"backend": backend, "device": device}
    estimator = cls(**params)
    for key, value in described["attributes"].items():
        # A file sets what fitting sets: never a method, a property or a special name.
        if not key.isidentifier() or key.startswith("__") or hasattr(cls, key) or key in params:
            raise Malformed(f"it sets {key!r}, which is no fitted attribute of {cls.__name__}")
        setattr(estimator, key, decode(value, tensors))
    _check_fitted(estimator)
    return estimator


def _check_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise Malformed(f"its {type(estimator).__name__} is not fitted") from error


def _read(path: Path) -> tuple[dict[str, Any], UsedTensors]:
    """The header and the tensors of a file, the header checked as far as its version."""
    from safetensors import SafetensorError, safe_open

    with path.open("rb"):  # a missing file or a folder is an OSError that says so
        pass
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata)
            names = list(file.keys())
            tensors = UsedTensors({name: file.get_tensor(name) for name in names})
    except (SafetensorError, TypeError, KeyError) as error:
        raise ModelFileError(
            f"{path}: not a model file, or a truncated one ({error}); copy it again from where it "
            "was made, or write a new one with accelml.persistence.save_model"
        ) from error
    text = metadata.get("header", "")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, Malformed(f"its JSON header does not parse ({error})")) from error
    if not isinstance(header, dict):
        raise _damaged(path, Malformed("its JSON header is not an object"))
    if metadata.get("sha256") != checksum(text, tensors):
        raise _damaged(path, Malformed("it is not what was saved (the checksum differs)"))
    return {**header, "accelml_version": metadata.get("accelml_version", "unknown")}, tensors


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            f"{path}: a safetensors file, but not a model that accelml wrote; train one with "
            "'accelml train --out', or write one with accelml.persistence.save_model"
        )
    version = metadata.get("format_version", "")
    if version != str(FORMAT_VERSION):
        raise ModelFileError(
            f"{path}: format version {version!r}, and this accelml reads {FORMAT_VERSION}; it was "
            f"written by accelml {metadata.get('accelml_version', '(unknown)')}: install that "
            "version or a newer one, or train the model again"
        )


def _damaged(path: str | os.PathLike[str], error: Malformed) -> ModelFileError:
    return ModelFileError(
        f"{os.fspath(path)}: a damaged model file: {error}; copy it again from where it was made, "
        "or train the model again"
    )


def checksum(header: str, tensors: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """SHA-256 of the header and of all tensors with their names, in the order of the names."""
    digest = hashlib.sha256(header.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + b"\0" + tensor.tobytes())
    return digest.hexdigest()


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it.

    Parameters
    ----------
    path : path-like
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written; what was there before is then untouched.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise OSError(f"{os.fspath(path)}: is not a file; choose another name")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
