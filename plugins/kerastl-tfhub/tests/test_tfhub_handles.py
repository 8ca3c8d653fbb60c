"""From handles to folders: names, paths, archives, downloads, and what goes wrong with each."""

import hashlib
import http.server
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kerastl.backbones import BackboneError, UnknownBackboneError
from kerastl_tfhub.catalogue import CATALOGUE
from kerastl_tfhub.handles import resolve


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def archive(plain: str, tmp_path: Path) -> Path:
    path = tmp_path / "plain.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(plain, arcname=".")
    return path


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=archive.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_is_used_where_it_is_without_tensorflow_hub(
    plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    assert resolve(plain) == Path(plain)


def test_an_archive_is_unpacked_once_below_the_cache(
    archive: Path, plain: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    first = resolve(archive)
    assert content(first) == content(Path(plain))
    assert cache in first.parents
    stamp = first.stat().st_mtime_ns
    assert resolve(archive) == first
    assert first.stat().st_mtime_ns == stamp


def test_an_archive_may_wrap_the_module_in_a_folder(plain: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "wrapped.tgz", "w:gz") as tar:
        tar.add(plain, arcname="mobilenet")
    assert content(resolve(tmp_path / "wrapped.tgz")) == content(Path(plain))


@pytest.mark.parametrize("kind", ["parent", "absolute", "link", "device"])
def test_an_archive_that_points_outside_is_refused_whole(
    kind: str, tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo({"parent": "../evil", "absolute": "/../evil"}.get(kind, "evil"))
        if kind == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        if kind == "device":
            info.type = tarfile.CHRTYPE
        tar.addfile(info, io.BytesIO())
    with pytest.raises(BackboneError, match="cannot be unpacked"):
        resolve(path)
    assert not list(cache.iterdir())
    assert not (tmp_path / "evil").exists()


def test_a_url_is_downloaded_by_tensorflow_hub_into_its_cache(
    server: str, plain: str, cache: Path
) -> None:
    url = f"{server}/plain.tar.gz"
    found = resolve(url)
    assert content(found) == content(Path(plain))
    assert found == cache / hashlib.sha1(url.encode()).hexdigest()


def test_a_terminal_sees_how_far_a_download_is_and_stdout_stays_clean(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    resolve(f"{server}/plain.tar.gz")
    captured = capsys.readouterr()
    assert "Downloaded" in captured.err
    assert captured.out == ""


def test_a_name_means_the_module_in_tensorflow_hub_s_cache(plain: str, cache: Path) -> None:
    url = CATALOGUE["mobilenet_v2_100_224"].handle
    cache.mkdir()
    (cache / hashlib.sha1(url.encode()).hexdigest()).symlink_to(plain)
    assert content(resolve("mobilenet_v2_100_224")) == content(Path(plain))


def test_a_failing_download_names_the_address_and_leaves_nothing(server: str, cache: Path) -> None:
    with pytest.raises(BackboneError, match=r"HTTP Error 404(.|\n)*TFHUB_CACHE_DIR") as caught:
        resolve(f"{server}/missing.tar.gz")
    assert f"{server}/missing.tar.gz" in str(caught.value)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_download_that_is_no_archive_is_an_error(server: str, archive: Path) -> None:
    (archive.parent / "page.tar.gz").write_text("<html>not found</html>")
    with pytest.raises(BackboneError, match="cannot be downloaded"):
        resolve(f"{server}/page.tar.gz")


def test_an_unreachable_host_is_an_error_not_a_traceback() -> None:
    with pytest.raises(BackboneError, match="Connection refused"):
        resolve("http://127.0.0.1:9/module.tar.gz")


@pytest.mark.parametrize(
    ("missing", "package"),
    [("tensorflow_hub", "tensorflow-hub"), ("pkg_resources", "setuptools<81")],
)
def test_a_missing_package_is_named(
    missing: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow_hub"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BackboneError, match=f"pip install '{package}'"):
        resolve("https://tfhub.dev/google/yamnet/1")


def test_a_typo_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownBackboneError, match="Did you mean 'mobilenet_v2_100_224'"):
        resolve("mobilnet_v2_100_224")


def test_a_path_that_isn_t_there_is_an_error_before_anything_loads() -> None:
    with pytest.raises(UnknownBackboneError, match="no TF Hub module at this path"):
        resolve("./nowhere/saved_model")


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(BackboneError, match="not an archive of a module"):
        resolve(tmp_path / "model.h5")
