"""A public mirror in miniature: a real HTTP server on this machine, well-behaved or not."""

import gzip
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from accelml.datasets._files import cache_folder
from accelml.datasets._verify import RemoteFile

Respond = Callable[[BaseHTTPRequestHandler], None]


class Mirror(ThreadingHTTPServer):
    """Answers each path with what `serve` laid down for it, and keeps count of the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Respond] = {}
        self.requests: list[str] = []

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def serve(self, path, body, *, status=200, headers=None, length=None):
        """Serve `body` under `path`, promising `length` bytes; return the address."""

        def respond(handler):
            send_head(handler, len(body) if length is None else length, status, headers)
            handler.wfile.write(body)

        return self.serve_with(path, respond)

    def serve_with(self, path, respond):
        self.pages[f"/{path}"] = respond
        return self.url(path)

    def handle_error(self, request, client_address):
        # A client that has seen enough hangs up; that is its right.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def send_head(handler, length, status=200, headers=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.server.pages[self.path](self)

    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("ACCELML_DATA_DIR", raising=False)
    with Mirror() as server:
        # A short poll, or each test would wait half a second for the server to stop.
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def promise_head():
    return send_head


@pytest.fixture
def published():
    """Describe a file whose published content is `content`."""

    def describe(content, *urls, name="toy/table"):
        return RemoteFile(name, urls, len(content), hashlib.sha256(content).hexdigest())

    return describe


@pytest.fixture
def default_cache(tmp_path, monkeypatch):
    """The cache that is used when no folder is named, moved to an empty folder."""
    home = tmp_path / "system-cache"
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(home))
    cache = cache_folder(None)
    if home not in cache.parents:
        pytest.skip(f"this system does not let the environment move its cache ({cache})")
    return cache


@pytest.fixture
def content():
    """Something that gzip cannot make much smaller, so that half a file is really half."""
    return hashlib.shake_256(b"a table").digest(200_000)


@pytest.fixture
def wrapped(content):
    return gzip.compress(content, mtime=0)
