"""Finding, downloading and verifying files, against a real server that misbehaves on request."""

import gzip
import hashlib
import signal
import socket
import stat
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from accelml.datasets import DatasetCorrupt, DatasetUnavailable
from accelml.datasets._files import read_files

ROOT = Path(__file__).parents[2]
CHILD = """
import hashlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell may ignore it
from accelml.datasets._files import read_files
from accelml.datasets._verify import RemoteFile
url, size, sha256, home = sys.argv[1:]
content, = read_files([RemoteFile("toy/table", (url,), int(size), sha256)], data_home=home)
print(hashlib.sha256(content).hexdigest())
"""


def start_child(file, home):
    command = [sys.executable, "-c", CHILD, file.urls[0], str(file.size), file.sha256, str(home)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def every_file(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def refused_address():
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}/table.gz"


class TestDownload:
    def test_verified_cached_and_not_asked_for_twice(
        self, mirror, published, content, wrapped, tmp_path
    ):
        file = published(content, mirror.serve("table.gz", wrapped))
        assert read_files([file], data_home=tmp_path) == [content]
        assert every_file(tmp_path) == ["toy/table.gz"]
        assert read_files([file], data_home=tmp_path) == [content]
        assert mirror.requests == ["/table.gz"]

    def test_default_cache(self, mirror, published, content, wrapped, default_cache):
        file = published(content, mirror.serve("table.gz", wrapped))
        read_files([file])
        assert every_file(default_cache) == ["toy/table.gz"]

    @pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
    def test_what_arrives_uncompressed_is_cached_so(
        self, headers, mirror, published, content, wrapped, tmp_path
    ):
        body = wrapped if headers else content
        file = published(content, mirror.serve("table", body, headers=headers))
        assert read_files([file], data_home=tmp_path) == [content]
        assert every_file(tmp_path) == ["toy/table"]

    @pytest.mark.skipif(sys.platform == "win32", reason="no permission bits")
    def test_a_shared_cache_is_readable_as_the_umask_says(
        self, mirror, published, content, wrapped, tmp_path
    ):
        (tmp_path / "ordinary").write_bytes(b"")
        file = published(content, mirror.serve("table.gz", wrapped))
        read_files([file], data_home=tmp_path)
        mode = stat.S_IMODE((tmp_path / "toy/table.gz").stat().st_mode)
        assert mode == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)

    def test_nothing_on_the_terminal_when_nobody_watches(
        self, mirror, published, content, wrapped, tmp_path, capfd
    ):
        read_files([published(content, mirror.serve("table.gz", wrapped))], data_home=tmp_path)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            ("truncated", "IncompleteRead"),
            ("truncated gzip", "damaged"),
            ("corrupt gzip", "damaged"),
            ("trailing rubbish", "damaged"),
            ("wrong content", "SHA-256"),
            ("too short", "found 100,000"),
            ("too long", "found more"),
            ("endless", "more than the file can hold"),
            ("not found", "404"),
            ("bad header", "invalid literal"),
        ],
    )
    def test_a_broken_mirror_is_named_with_its_reason_and_the_next_one_tried(
        self, damage, reason, mirror, published, content, wrapped, tmp_path
    ):
        middle = len(wrapped) // 2
        body, options = {
            "truncated": (wrapped[:middle], {"length": len(wrapped)}),
            "truncated gzip": (wrapped[:middle], {}),
            "corrupt gzip": (wrapped[:middle] + bytes(500) + wrapped[middle + 500 :], {}),
            "trailing rubbish": (wrapped + b"rubbish", {}),
            "wrong content": (gzip.compress(content[::-1]), {}),
            "too short": (gzip.compress(content[:100_000]), {}),
            "too long": (gzip.compress(content + b"x"), {}),
            "endless": (content * 3, {}),
            "not found": (b"no such page", {"status": 404}),
            "bad header": (wrapped, {"length": "many"}),
        }[damage]
        bad = mirror.serve("bad.gz", body, **options)
        file = published(content, bad)
        with pytest.raises(DatasetUnavailable) as error:
            read_files([file], data_home=tmp_path)
        assert f"{bad}: " in str(error.value)
        assert reason in str(error.value)
        assert every_file(tmp_path) == []

        good = mirror.serve("good.gz", wrapped)
        assert read_files([published(content, bad, good)], data_home=tmp_path) == [content]
        assert every_file(tmp_path) == ["toy/table.gz"]

    def test_a_bomb_is_not_unpacked(self, mirror, published, tmp_path):
        bomb = gzip.compress(bytes(64 << 20))
        file = published(bytes(100_000), mirror.serve("bomb.gz", bomb))
        tracemalloc.start()
        try:
            with pytest.raises(DatasetUnavailable, match="found more"):
                read_files([file], data_home=tmp_path)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
        assert every_file(tmp_path) == []

    def test_no_network_says_what_goes_where(self, mirror, published, content, tmp_path):
        nowhere = refused_address()
        files = [published(content, nowhere, name=f"toy/{name}") for name in ("first", "second")]
        with pytest.raises(DatasetUnavailable) as error:
            read_files(files, data_home=tmp_path)
        message = str(error.value)
        assert isinstance(error.value, OSError)
        assert nowhere in message
        assert "refused" in message
        assert "ACCELML_DATA_DIR" in message
        for name in ("first", "second"):
            assert str(tmp_path / "toy" / f"{name}.gz") in message

    def test_download_forbidden(self, mirror, published, content, wrapped, tmp_path):
        file = published(content, mirror.serve("table.gz", wrapped))
        with pytest.raises(DatasetUnavailable) as error:
            read_files([file], data_home=tmp_path, download_if_missing=False)
        assert mirror.requests == []
        assert file.urls[0] in str(error.value)
        assert str(tmp_path / "toy" / "table.gz") in str(error.value)

    def test_a_cache_that_cannot_be_written_to(self, mirror, published, content, tmp_path):
        (tmp_path / "toy").write_text("a file where the folder should be")
        file = published(content, mirror.url("table.gz"))
        with pytest.raises(DatasetUnavailable, match="cannot be written to"):
            read_files([file], data_home=tmp_path)


class TestCache:
    def test_a_corrupt_copy_is_replaced(self, mirror, published, content, wrapped, tmp_path):
        file = published(content, mirror.serve("table.gz", wrapped))
        read_files([file], data_home=tmp_path)
        (tmp_path / "toy/table.gz").write_bytes(wrapped[:1000])
        assert read_files([file], data_home=tmp_path) == [content]
        assert (tmp_path / "toy/table.gz").read_bytes() == wrapped
        assert len(mirror.requests) == 2

    def test_a_corrupt_copy_stays_until_a_good_one_comes(
        self, mirror, published, content, tmp_path
    ):
        copy = tmp_path / "toy" / "table.gz"
        copy.parent.mkdir()
        copy.write_bytes(b"half a table")
        file = published(content, mirror.serve("table.gz", b"", status=404))
        with pytest.raises(DatasetUnavailable) as error:
            read_files([file], data_home=tmp_path)
        assert f"{copy} is corrupt: expected 200,000 bytes of content, found 12" in str(error.value)
        assert copy.read_bytes() == b"half a table"

    def test_two_processes_at_once(
        self, mirror, promise_head, published, content, wrapped, tmp_path
    ):
        both_here = threading.Barrier(2, timeout=60)

        def respond(handler):
            both_here.wait()
            promise_head(handler, len(wrapped))
            handler.wfile.write(wrapped)

        file = published(content, mirror.serve_with("table.gz", respond))
        children = [start_child(file, tmp_path) for _ in range(2)]
        for child in children:
            out, err = child.communicate(timeout=60)
            assert (child.returncode, out.strip()) == (0, file.sha256), err
        assert len(mirror.requests) == 2
        assert every_file(tmp_path) == ["toy/table.gz"]
        assert (tmp_path / "toy/table.gz").read_bytes() == wrapped

    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
    def test_an_interrupted_download_leaves_nothing(
        self, mirror, promise_head, published, content, wrapped, tmp_path
    ):
        half_sent, finish = threading.Event(), threading.Event()

        def respond(handler):
            promise_head(handler, len(wrapped))
            handler.wfile.write(wrapped[: len(wrapped) // 2])
            half_sent.set()
            finish.wait(60)

        file = published(content, mirror.serve_with("table.gz", respond))
        child = start_child(file, tmp_path)
        try:
            assert half_sent.wait(60)
            while not any(path.stat().st_size for path in tmp_path.rglob("*.part")):
                assert child.poll() is None, child.communicate()
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=60)
        finally:
            finish.set()
            child.kill()
            child.communicate()
        assert "KeyboardInterrupt" in err
        assert every_file(tmp_path) == []


class TestUserFolder:
    @pytest.fixture
    def own(self, tmp_path, monkeypatch, mirror, default_cache):
        folder = tmp_path / "own"
        (folder / "toy").mkdir(parents=True)
        monkeypatch.setenv("ACCELML_DATA_DIR", str(folder))
        return folder

    @pytest.mark.parametrize("compressed", [True, False])
    def test_used_without_a_download(
        self, compressed, own, mirror, published, content, wrapped, default_cache
    ):
        copy = own / "toy" / ("table.gz" if compressed else "table")
        copy.write_bytes(wrapped if compressed else content)
        assert read_files([published(content, mirror.url("table.gz"))]) == [content]
        assert mirror.requests == []
        assert not default_cache.exists()

    def test_lacking_the_file_it_is_left_alone_and_the_cache_filled(
        self, own, mirror, published, content, wrapped, default_cache
    ):
        file = published(content, mirror.serve("table.gz", wrapped))
        assert read_files([file]) == [content]
        assert every_file(own) == []
        assert every_file(default_cache) == ["toy/table.gz"]

    @pytest.mark.parametrize("compressed", [True, False])
    def test_a_corrupt_file_is_refused_and_untouched(
        self, compressed, own, mirror, published, content, wrapped, default_cache
    ):
        copy = own / "toy" / ("table.gz" if compressed else "table")
        wrong = content[::-1]
        copy.write_bytes(gzip.compress(wrong) if compressed else wrong)
        before = copy.read_bytes()
        file = published(content, mirror.serve("table.gz", wrapped))
        with pytest.raises(DatasetCorrupt) as error:
            read_files([file])
        for part in (str(copy), file.sha256, hashlib.sha256(wrong).hexdigest()):
            assert part in str(error.value)
        assert not isinstance(error.value, DatasetUnavailable)
        assert copy.read_bytes() == before
        assert mirror.requests == []
        assert not default_cache.exists()

    def test_an_explicit_folder_outranks_it(
        self, own, mirror, published, content, wrapped, tmp_path
    ):
        (own / "toy" / "table.gz").write_bytes(b"not even read")
        file = published(content, mirror.serve("table.gz", wrapped))
        assert read_files([file], data_home=tmp_path / "other") == [content]
        assert every_file(tmp_path / "other") == ["toy/table.gz"]

    def test_lacking_the_file_it_is_named_in_the_error(self, own, published, content):
        with pytest.raises(DatasetUnavailable) as error:
            read_files([published(content, refused_address())])
        assert str(own / "toy" / "table.gz") in str(error.value)
