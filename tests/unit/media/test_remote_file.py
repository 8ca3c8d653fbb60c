"""Objects on servers: existence, versions, retries, limits, and which addresses are read at all."""

import contextlib
import errno
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kerastl.errors import MediaError
from kerastl.media import remote_file
from kerastl.media.addresses import media_file
from kerastl_runtime.media_file import ask_each


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_file, "_WAITS_SECONDS", (0.01, 0.01, 0.01))
    monkeypatch.setattr(remote_file, "_RECENT", remote_file._Recent())


def put(server: Any, name: str, data: bytes = b"content") -> Any:
    """Returns the file with an address, which is on the server now."""
    (server.folder / name).write_bytes(data)
    return media_file(f"{server.url}/{name}")


def test_an_object_is_read_whole_and_has_the_name_in_its_address(object_server: Any) -> None:
    file = put(object_server, "a b.png", b"one")
    assert (file.read(), file.held().read(), file.open().read()) == (b"one",) * 3
    assert file.head(2) == b"on"
    assert file.exists()
    assert media_file(f"{object_server.url}/x/a.png?token=1#2").name == "a.png"
    assert file.relative_to(Path("/elsewhere")) == str(file)


def test_the_etag_is_the_version_and_asking_for_it_downloads_nothing(object_server: Any) -> None:
    first = put(object_server, "a.png").version()
    assert first == media_file(f"{object_server.url}/a.png").version()
    changed = put(object_server, "a.png", b"changed")
    assert changed.version() != first
    assert object_server.count("GET") == 0


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_strong_etag_there_is_no_version(
    object_server: Any, etag: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(object_server, "a.png")
    monkeypatch.setattr(file._store, "info", lambda _: {"size": 7, "ETag": etag})
    assert file.version() is None


def test_a_missing_object_is_asked_for_once(object_server: Any) -> None:
    file = media_file(f"{object_server.url}/gone.png")
    assert not file.exists()
    assert file.version() is None
    with pytest.raises(FileNotFoundError):
        file.read()
    assert object_server.requests == ["HEAD gone.png", "GET gone.png"]


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_what_may_pass_is_tried_again(object_server: Any, status: int) -> None:
    file = put(object_server, "a.png")
    file.exists()
    object_server.failures["a.png"] = [status, status]
    assert file.read() == b"content"
    assert object_server.requests == ["HEAD a.png", *["GET a.png"] * 3]


def test_facts_that_a_server_does_not_give_at_once_do_not_make_an_object_missing(
    object_server: Any,
) -> None:
    object_server.failures["a.png"] = [503] * 4
    assert put(object_server, "a.png").exists()


@pytest.mark.parametrize("status", [401, 403, 410])
def test_what_is_refused_is_not_asked_for_again(object_server: Any, status: int) -> None:
    file = put(object_server, "a.png")
    file.exists()
    object_server.failures["a.png"] = [status]
    with pytest.raises(OSError, match=str(status)):
        file.read()
    assert object_server.count("GET") == 1


def test_a_server_that_stays_away_is_an_error_and_not_a_missing_object(object_server: Any) -> None:
    object_server.shutdown()
    object_server.server_close()
    with pytest.raises(OSError, match="onnect") as refused:
        media_file(f"{object_server.url}/a.png").exists()
    assert not isinstance(refused.value, FileNotFoundError)


@pytest.mark.parametrize("has_sizes", [True, False])
def test_no_more_bytes_are_read_than_allowed(object_server: Any, has_sizes: bool) -> None:
    object_server.has_sizes = has_sizes
    file = put(object_server, "a.png", bytes(3_000_000))
    with pytest.raises(OSError) as refused:  # noqa: PT011  # its number follows
        file.read(1000)
    assert refused.value.errno == errno.EFBIG
    assert len(put(object_server, "b.png", bytes(3_000_000)).read()) == 3_000_000


def test_threads_that_want_one_object_wait_for_one_download(object_server: Any) -> None:
    object_server.delay_seconds = 0.05
    put(object_server, "a.wav")
    files = [media_file(f"{object_server.url}/a.wav") for _ in range(8)]
    threads = [threading.Thread(target=file.read) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert object_server.count("GET") == 1


def test_few_of_the_latest_objects_are_kept(
    object_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_file, "_KEPT_BYTES", 2500)
    files = [put(object_server, f"{number}.png", bytes(1000)) for number in range(4)]
    for file in (*files, files[3], files[0]):
        file.read()
    assert [request for request in object_server.requests if request.startswith("GET")] == [
        f"GET {number}.png" for number in (0, 1, 2, 3, 0)
    ]


def test_a_changed_object_is_downloaded_again(object_server: Any) -> None:
    assert put(object_server, "a.png", b"one").read() == b"one"
    assert put(object_server, "a.png", b"two").read() == b"two"


def test_many_objects_are_asked_for_at_the_same_time(object_server: Any) -> None:
    object_server.delay_seconds = 0.1
    files = [put(object_server, f"{number}.png") for number in range(32)]
    started = time.monotonic()
    assert all(ask_each(files, lambda file: file.exists()))
    assert time.monotonic() - started < 1.6  # one after the other: 3.2


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://host/a.png", "memory://a", "zip://a::https://b", "local://a"],
)
def test_other_schemes_are_refused(address: str) -> None:
    with pytest.raises(MediaError, match="are not read"):
        media_file(address)


def test_an_address_does_not_lead_to_another_file_system(object_server: Any) -> None:
    (object_server.folder / "secret").write_bytes(b"secret")
    with pytest.raises(OSError, match=r"."):
        media_file(f"{object_server.url}/a::file://{object_server.folder}/secret").read()


def test_the_error_names_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

    def refuse(scheme: str, **_: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", refuse)
    remote_file._store.cache_clear()
    with pytest.raises(MediaError, match=r"pip install 'kerastl\[remote\]' s3fs"):
        media_file("s3://bucket/a.png")


def test_any_store_of_fsspec_is_read_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    from fsspec.implementations.memory import MemoryFileSystem

    class Store(MemoryFileSystem):
        protocol = "gs"
        store: dict[str, Any] = {}  # noqa: RUF012  # as in its base

        def info(self, path: str, **more: Any) -> dict[str, Any]:
            return {**super().info(path, **more), "etag": f"etag of {path}"}

    fsspec.register_implementation("gs", Store, clobber=True)
    remote_file._store.cache_clear()
    Store().pipe_file("gs://bucket/a.png", b"one")
    file = media_file("gs://bucket/a.png")
    assert (file.read(), file.exists()) == (b"one", True)
    assert file.version() is not None
    assert not media_file("gs://bucket/b.png").exists()
    remote_file._store.cache_clear()


class Liar(BaseHTTPRequestHandler):
    """States a small size, and sends without end."""

    sent = 0

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.send_header("ETag", '"1"')
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        Liar.sent = 0
        with contextlib.suppress(OSError):
            while Liar.sent < 2**28:
                Liar.sent += self.wfile.write(bytes(2**16))

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_sends_more_than_it_states_is_stopped() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        file = media_file(f"http://127.0.0.1:{server.server_port}/a.png")
        with pytest.raises(OSError, match="File too large"):
            file.read(1000)
        assert file.head(10) == bytes(10)
        assert Liar.sent < 2**26
    finally:
        server.shutdown()
        server.server_close()
