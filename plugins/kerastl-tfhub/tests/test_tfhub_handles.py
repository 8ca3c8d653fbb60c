"""From handles to folders: names, paths, archives, downloads, and what goes wrong with each."""

import hashlib
import http.server
import io
import os
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


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and keeps what it was last asked for."""

    asked: str

    def log_request(self, *_: object) -> None:
        Server.asked = self.path


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    handler = partial(Server, directory=archive.parent)
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


def test_a_folder_is_used_where_it_is(plain: str) -> None:
    assert resolve(plain) == Path(plain)


def test_an_archive_is_unpacked_once_below_the_cache(
    archive: Path, plain: str, cache: Path
) -> None:
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


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def chain_of_long_links() -> list[tarfile.TarInfo]:
    """CVE-2025-4517: links whose target is too long to be resolved lead out of the folder."""
    entries, here = [], ""
    for letter in "abcdefghijklmnop":
        entries.append(entry(f"{here}{'d' * 247}", tarfile.DIRTYPE))
        entries.append(entry(f"{here}{letter}", tarfile.SYMTYPE, "d" * 247))
        here += f"{'d' * 247}/"
    short = "/".join("abcdefghijklmnop")
    entries.append(entry(f"{short}/{'l' * 254}", tarfile.SYMTYPE, "../" * 16))
    entries.append(entry("escape", tarfile.SYMTYPE, f"{short}/{'l' * 254}/.."))
    return [*entries, entry("escape/evil")]


OUTSIDE = {
    "parent": [entry("../evil")],
    "absolute": [entry("/evil")],
    "parent of a folder": [entry("a", tarfile.DIRTYPE), entry("a/../../evil")],
    "windows": [entry("..\\evil")],
    "drive": [entry("C:evil")],
    "link to a file": [entry("evil", tarfile.SYMTYPE, "/etc/passwd")],
    "link inside": [entry("a"), entry("evil", tarfile.SYMTYPE, "a")],
    "link to a folder": [entry("a", tarfile.SYMTYPE, ".."), entry("a/evil")],
    "hard link": [entry("evil", tarfile.LNKTYPE, "/etc/passwd")],
    "hard link inside": [entry("a"), entry("evil", tarfile.LNKTYPE, "a")],
    "chain of long links": chain_of_long_links(),
    "device": [entry("evil", tarfile.CHRTYPE)],
    "pipe": [entry("evil", tarfile.FIFOTYPE)],
    "twice": [entry("a"), entry("a")],
}


@pytest.mark.parametrize("entries", OUTSIDE.values(), ids=list(OUTSIDE))
def test_an_archive_of_anything_but_plain_files_is_refused_whole(
    entries: list[tarfile.TarInfo], tmp_path: Path, cache: Path
) -> None:
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for info in entries:
            tar.addfile(info, io.BytesIO())
    with pytest.raises(BackboneError, match="cannot be unpacked"):
        resolve(path)
    assert not [found for found in cache.rglob("*") if not found.name.startswith("archives_")]
    assert not list(tmp_path.rglob("evil"))


def test_archives_are_unpacked_where_nobody_else_can_read_or_write(archive: Path) -> None:
    folder = resolve(archive).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    resolve(archive)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("change", ["edit", "add", "remove", "link"])
def test_an_unpacked_archive_that_was_changed_is_unpacked_again(
    change: str, archive: Path, plain: str
) -> None:
    folder = resolve(archive)
    graph = folder / "saved_model.pb"
    if change == "edit":
        graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    elif change == "add":
        (folder / "saved_model.cpb").write_bytes(b"")
    else:
        graph.rename(folder.parent.parent / "graph")
        if change == "link":
            graph.symlink_to(folder.parent.parent / "graph")
    assert resolve(archive) == folder
    assert content(folder) == content(Path(plain))
    assert not graph.is_symlink()


def test_what_lies_in_the_cache_under_the_name_of_an_archive_is_not_used_unseen(
    archive: Path, plain: str, cache: Path
) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    private = cache / f"archives_{os.getuid()}"
    for planted in (cache / f"archive_{digest}", private / digest, private / f"{digest}_0"):
        planted.mkdir(parents=True)
        (planted / "saved_model.pb").write_bytes(b"planted")
    assert content(resolve(archive)) == content(Path(plain))


def test_an_archive_that_changes_while_it_is_unpacked_is_refused(
    archive: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(hashlib, "file_digest", lambda *arguments: hashlib.sha256(b"before"))
    with pytest.raises(BackboneError, match="changed while it was unpacked"):
        resolve(archive)
    assert not list(next(cache.iterdir()).iterdir())


def test_without_the_variable_the_cache_is_a_private_folder_and_no_temporary_one(
    archive: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    own = tmp_path / "home" / "kerastl-tfhub"
    for handle in (archive, f"{server}/plain.tar.gz"):
        assert own in resolve(handle).parents
    assert own.stat().st_mode & 0o777 == 0o700
    assert "TFHUB_CACHE_DIR" not in os.environ


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_an_empty_folder_or_link_that_another_user_prepared_is_refused(
    kind: str, archive: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = cache / f"archives_{os.getuid() + (kind == 'folder')}"
    cache.mkdir()
    if kind == "folder":
        prepared.mkdir()
        monkeypatch.setattr(os, "getuid", lambda: int(prepared.name.partition("_")[2]))
    else:
        prepared.symlink_to(tmp_path)
    with pytest.raises(BackboneError, match="belongs to another user"):
        resolve(archive)


@pytest.mark.parametrize("kind", ["archive", "download", "default"])
def test_a_cache_of_another_user_is_refused(
    kind: str, archive: Path, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = archive if kind == "archive" else f"{server}/plain.tar.gz"
    if kind == "default":
        monkeypatch.delenv("TFHUB_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    resolve(handle)
    monkeypatch.setattr("kerastl_tfhub.files._ROOT", -1)
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    if kind == "archive":
        cache = tmp_path / "cache"
        next(cache.iterdir()).rename(cache / f"archives_{other}")
    with pytest.raises(BackboneError, match="belongs to another user"):
        resolve(handle)


def test_a_url_is_downloaded_once_to_where_tensorflow_hub_would_keep_it(
    server: str, archive: Path, plain: str, cache: Path
) -> None:
    url = f"{server}/plain.tar.gz"
    found = resolve(url)
    assert content(found) == content(Path(plain))
    assert found == cache / hashlib.sha1(url.encode()).hexdigest()
    archive.unlink()
    assert resolve(url) == found


def test_a_server_is_asked_for_an_archive_as_tf_hub_s_protocol_says(
    server: str, archive: Path, plain: str
) -> None:
    archive.rename(archive.parent / "module")
    assert content(resolve(f"{server}/module?a=b")) == content(Path(plain))
    assert Server.asked == "/module?a=b&tf-hub-format=compressed"


def test_a_terminal_sees_how_far_a_download_is_and_stdout_stays_clean(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    resolve(f"{server}/plain.tar.gz")
    captured = capsys.readouterr()
    assert "Downloading" in captured.err
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
    with pytest.raises(BackboneError, match="cannot be unpacked") as caught:
        resolve(f"{server}/page.tar.gz")
    assert f"{server}/page.tar.gz" in str(caught.value)


def test_an_unreachable_host_is_an_error_not_a_traceback() -> None:
    with pytest.raises(BackboneError, match="Connection refused"):
        resolve("http://127.0.0.1:9/module.tar.gz")


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
