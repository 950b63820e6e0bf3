"""Read a file of exactly known content, however it comes, and trust nothing about it."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A public file whose content is known to the byte.

    Mirrors wrap the same content in gzip differently, or not at all, so `size` and `sha256`
    are those of the uncompressed content.
    """

    name: str  # path below a data folder, uncompressed: "mnist/train-images-idx3-ubyte"
    urls: tuple[str, ...]  # the mirrors in the order to try
    size: int
    sha256: str

    @property
    def names(self) -> tuple[str, str]:
        """The names under which a folder may hold the file: compressed, or as it is."""
        return f"{self.name}.gz", self.name


class Mismatch(ValueError):
    """The content read is not the published one."""


def is_gzip(path: Path) -> bool:
    """Whether the file is compressed, judged by what it holds: a name may say otherwise."""
    with path.open("rb") as stream:
        return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def read_verified(path: Path, file: RemoteFile) -> bytearray:
    """Read the uncompressed content of `path` and verify its length and SHA-256."""
    opener = gzip.open if is_gzip(path) else open
    with opener(path, "rb") as stream:
        try:
            content = _read_at_most(stream, file.size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Mismatch(f"expected a whole gzip file, found a damaged one ({error})") from error
    if len(content) != file.size:
        raise Mismatch(f"expected {file.size:,} bytes of content, found {len(content):,}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise Mismatch(f"expected content of SHA-256 {file.sha256}, found {digest}")
    return content


def _read_at_most(stream: io.BufferedIOBase, size: int) -> bytearray:
    """Read a stream to its end, stopping early once it is longer than `size`.

    A few kilobytes of gzip can hold gigabytes, so the length is checked while reading.
    """
    content = bytearray()
    while block := stream.read(_BLOCK):
        content += block
        if len(content) > size:
            raise Mismatch(f"expected {size:,} bytes of content, found more")
    return content
