"""Python values as JSON, with the arrays beside it as tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from accelml.selection import Choice

JSON = Any
Tensors = dict[str, np.ndarray[Any, Any]]

LONGEST_TEXT = 1 << 16


class Unserialisable(TypeError):
    """A value that a model file has no form for."""


class Malformed(ValueError):
    """JSON that :func:`encode` never writes, or tensors other than it says."""


def named_tuples() -> dict[str, Any]:
    """The ``NamedTuple`` and data classes that a fitted estimator may hold."""
    from accelml.cluster.minibatch_step import Stepper
    from accelml.objectives.multilayer_perceptron import Batch, Layer
    from accelml.optimize.adam import Moments

    return {"Batch": Batch, "Layer": Layer, "Moments": Moments, "Stepper": Stepper}


def encode(value: Any, place: str, tensors: Tensors) -> JSON:
    """A value as JSON; its arrays are added to ``tensors`` under names that start with ``place``.

    Parameters
    ----------
    value : object
        None, numbers, strings, lists, tuples, dicts, arrays, generators, and trees of these.
    place : str
        Where the value stands, such as ``"model.coefs_"``.
    tensors : dict
        Receives the arrays.

    Raises
    ------
    Unserialisable
        If there is no form for the value; the message names its place.
    """
    if isinstance(value, Choice):
        return {"choice": [str(value), value.reason]}
    if isinstance(value, np.generic):
        return _encode_scalar(value, place)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, place, tensors)
    if isinstance(value, np.random.Generator):
        return _encode_generator(value, place)
    if isinstance(value, dict):
        pairs = value.items()
        return {"dict": [[encode(k, place, tensors), encode(v, place, tensors)] for k, v in pairs]}
    if isinstance(value, (list, tuple)):
        parts = [encode(part, f"{place}.{i}", tensors) for i, part in enumerate(value)]
        if isinstance(value, list):
            return parts
        name = type(value).__name__
        return {"named": [name, *parts]} if name in named_tuples() else {"tuple": parts}
    name = type(value).__name__
    if name in named_tuples():
        fields = vars(value).items()
        return {"named": [name, *(encode(part, f"{place}.{key}", tensors) for key, part in fields)]}
    raise Unserialisable(f"{place} is a {type(value).__module__}.{type(value).__qualname__}")


def _encode_scalar(value: np.generic, place: str) -> JSON:
    if isinstance(value, np.str_):
        return str(value)
    if value.dtype.kind not in "biuf":
        raise Unserialisable(f"{place} is a number of dtype {value.dtype}")
    return {"scalar": [value.dtype.name, encode(value.item(), place, {})]}


def _encode_array(value: np.ndarray[Any, Any], place: str, tensors: Tensors) -> JSON:
    if value.dtype.kind in "OU":
        if value.ndim != 1:
            raise Unserialisable(f"{place} is a {value.ndim}-dimensional array of {value.dtype}")
        kind = "object" if value.dtype.kind == "O" else value.dtype.str[1:]
        return {"labels": [kind, [encode(label, place, {}) for label in value.tolist()]]}
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise Unserialisable(f"{place} is an array of {value.dtype}")
    # The order in memory decides the order of summation in a product, hence its last bits.
    is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    native = np.asarray(value, dtype=value.dtype.newbyteorder("="))
    # Not ascontiguousarray, which makes a scalar array one of shape (1,).
    tensors[place] = np.array(native.T if is_fortran else native, order="C")
    order = "F" if is_fortran else "C"
    return {"tensor": [place, value.dtype.name, list(tensors[place].shape), order]}


def _encode_generator(value: np.random.Generator, place: str) -> JSON:
    state = value.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise Unserialisable(f"{place} is a generator of kind {state['bit_generator']}")
    return {"generator": encode(state, place, {})}


def decode(value: JSON, tensors: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """The value that :func:`encode` made the JSON of.

    Parameters
    ----------
    value : JSON
    tensors : mapping of str to ndarray

    Raises
    ------
    Malformed
        If this is nothing that ``encode`` writes, or a tensor is missing or of another shape.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [decode(part, tensors) for part in value]
    if not isinstance(value, dict) or len(value) != 1:
        raise Malformed(f"an entry that accelml never writes: {str(value)[:80]}")
    ((form, content),) = value.items()
    try:
        return _decode_form(form, content, tensors)
    except Malformed:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Malformed(f"a broken entry of the form {form!r}: {str(content)[:80]}") from error


def _decode_form(form: str, content: Any, tensors: Mapping[str, Any]) -> Any:
    match form:
        case "choice":
            return Choice(*map(str, content))
        case "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
        case "tuple":
            return tuple(decode(content, tensors))
        case "named":
            return named_tuples()[content[0]](*decode(content[1:], tensors))
        case "dict":
            return {decode(key, tensors): decode(part, tensors) for key, part in content}
        case "scalar":
            return plain_dtype(content[0]).type(decode(content[1], tensors))
        case "labels":
            kind, labels = content
            return np.array(decode(labels, tensors), dtype=label_dtype(kind)).reshape(len(labels))
        case "tensor":
            return _decode_tensor(content, tensors)
        case "generator":
            bits = np.random.PCG64()
            bits.state = decode(content, tensors)
            return np.random.Generator(bits)
    raise Malformed(f"an entry of the unknown form {form!r}")


def _decode_tensor(content: Any, tensors: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    name, dtype, shape, order = content
    if name not in tensors:
        raise Malformed(f"its header names the tensor {name!r}, which is missing")
    tensor: np.ndarray[Any, Any] = tensors[name]
    if tensor.dtype != plain_dtype(dtype) or list(tensor.shape) != shape:
        raise Malformed(
            f"the tensor {name!r} is {tensor.dtype} of shape {tensor.shape}, and its header says "
            f"{dtype} of shape {tuple(shape)}"
        )
    return tensor.T if order == "F" else tensor


def plain_dtype(name: str) -> np.dtype[Any]:
    """The dtype of numbers of that name, e.g. ``"float32"``."""
    dtype = np.dtype(name)
    if dtype.kind not in "biuf" or dtype.name != name:
        raise Malformed(f"{name!r} is not a dtype of numbers")
    return dtype


def label_dtype(kind: str) -> np.dtype[Any]:
    """The dtype of labels that are text: ``"object"``, or ``"U7"`` for at most 7 characters."""
    match = re.fullmatch(r"U(\d{1,6})", kind)
    if kind != "object" and (match is None or int(match[1]) > LONGEST_TEXT):
        raise Malformed(f"{kind!r} is not a dtype of labels")
    return np.dtype(kind)
