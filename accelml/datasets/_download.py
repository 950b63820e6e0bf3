"""Download one file from one of its mirrors into a folder: all of it, verified, or nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from accelml.datasets._progress import DownloadBar
from accelml.datasets._verify import Mismatch, RemoteFile, is_gzip, read_verified

_TIMEOUT = 30.0  # seconds without a byte
_BLOCK = 1 << 16


class DownloadFailed(Exception):
    """The file could not be had; `reasons` says why, mirror by mirror."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


def download(file: RemoteFile, folder: Path) -> bytearray:
    """Fetch `file` below `folder` from the first mirror that delivers it; return its content."""
    target = folder / file.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadFailed(f"{folder} cannot be written to: {error}") from error
    reasons = []
    for url in file.urls:
        try:
            return _download_from(url, file, target)
        # OSError covers what requests raises; ValueError a malformed header or address.
        except (OSError, ValueError) as error:
            reasons.append(f"{url}: {type(error).__name__}: {error}")
    raise DownloadFailed(*reasons)


def _download_from(url: str, file: RemoteFile, target: Path) -> bytearray:
    with _scratch_file(target) as scratch:
        with scratch.open("xb") as stream, DownloadBar(target.name) as bar:
            _http_get(url, _Bounded(stream, _longest_download(file)), bar)
        content = read_verified(scratch, file)
        _move(scratch, Path(f"{target}.gz") if is_gzip(scratch) else target)
    return content


@contextmanager
def _scratch_file(target: Path) -> Iterator[Path]:
    """Name a file beside `target` that no other process uses, and leave none behind."""
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


def _move(scratch: Path, target: Path) -> None:
    try:
        scratch.replace(target)
    except PermissionError:
        # Windows refuses while another process reads what it has just put there itself.
        if not target.exists():
            raise


def _longest_download(file: RemoteFile) -> int:
    """Bytes after which a download cannot be the file: gzip adds little even to noise."""
    return file.size + file.size // 100 + _BLOCK


def _http_get(url: str, stream: _Bounded, bar: DownloadBar) -> None:
    import pooch

    responses: list[Any] = []

    def keep(response: Any, *args: Any, **kwargs: Any) -> None:
        responses.append(response)

    get = pooch.HTTPDownloader(
        progressbar=bar, chunk_size=_BLOCK, timeout=_TIMEOUT, hooks={"response": keep}
    )
    try:
        get(url, stream, None)
    finally:
        for response in responses:  # pooch leaves the connection open when a download fails
            response.close()


class _Bounded:
    """A file open for writing that refuses to grow beyond what is plausible."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def write(self, block: bytes) -> int:
        self._left -= len(block)
        if self._left < 0:
            raise Mismatch("the server sent more than the file can hold")
        return self._stream.write(block)

    def flush(self) -> None:
        self._stream.flush()
