"""The IDX format of MNIST: a magic number, the length of each dimension, then the values."""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

_UNSIGNED_BYTE = 0x08


def parse_idx(content: bytes | bytearray, *, ndim: int) -> NDArray[np.uint8]:
    """Return the unsigned bytes of an IDX file as an array of `ndim` dimensions.

    The array shares the memory of `content`, so a bytearray gives a writable one.

    Raises
    ------
    ValueError
        If the content is anything but a complete IDX file of that kind.
    """
    header = 4 + 4 * ndim
    magic = bytes(content[:4])
    expected = bytes([0, 0, _UNSIGNED_BYTE, ndim])
    if magic != expected:
        raise ValueError(
            f"not an IDX file of {ndim}-dimensional unsigned bytes: it starts with "
            f"0x{magic.hex()} instead of 0x{expected.hex()}."
        )
    if len(content) < header:
        raise ValueError(f"the IDX header ends after {len(content)} of {header} bytes.")
    shape = struct.unpack(f">{ndim}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise ValueError(
            f"the IDX header announces {shape} = {math.prod(shape):,} values, but "
            f"{len(content) - header:,} follow."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
