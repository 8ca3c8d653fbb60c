"""What a report of somebody else's run shows of the reader's files: nothing."""

import base64
import json
import os
import platform
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from finished_runs import write_run
from PIL import Image

from kerastl.media.image.kind import ImageType
from kerastl.media.media_types import media_type
from kerastl.progress import Progress
from kerastl.report import write_report
from kerastl_runtime.decoder import WHOLE

SECRET = "the password is melon; " * 40


class Listener(Progress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def edit_bundle(run: Path, **values: Any) -> None:
    bundle = json.loads((run / "bundle.json").read_text())
    (run / "bundle.json").write_text(json.dumps({**bundle, **values}))


def embedded(page: Path) -> list[bytes]:
    """Returns the content of every data URI of images and audio."""
    found = re.findall(r'src="data:(?:image|audio)/\w+;base64,([^"]*)"', page.read_text())
    return [base64.b64decode(text) for text in found]


def tables(*paths: str) -> dict[str, Any]:
    listed = [{"path": path, "sha256": "1" * 64} for path in paths]
    return {"data": {"tables": listed, "rows": 240, "column": "path", "group": "scene"}}


def moved(run: Path) -> None:
    edit_bundle(run, origin={"host": platform.node(), "folder": str(run.with_name("elsewhere"))})


def from_another_host(run: Path) -> None:
    edit_bundle(run, origin={"host": "elsewhere", "folder": str(run.resolve())})


def table_is_gone(run: Path) -> None:
    (run / "table.csv").unlink()


def table_of_the_folder_that_the_reader_is_in(run: Path) -> None:
    edit_bundle(run, **tables("table.csv"))


def table_of_the_process_that_reads(run: Path) -> None:
    edit_bundle(run, **tables("/home/../proc/self/cwd/table.csv"))


def table_without_the_column(run: Path) -> None:
    (run / "table.csv").write_text("other\n1\n")


DOUBTS: dict[Callable[[Path], None], str] = {
    moved: "it was trained in another folder",
    from_another_host: "it was trained on another machine",
    table_is_gone: "there is no table 'table.csv'",
    table_of_the_folder_that_the_reader_is_in: "its table cannot be read",
    table_of_the_process_that_reads: "its table cannot be read",
    table_without_the_column: "its table cannot be read",
}


@pytest.mark.parametrize("change", DOUBTS, ids=lambda change: change.__name__)
def test_a_run_that_may_be_somebody_elses_shows_and_reads_nothing_without_trust(
    change: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run")
    change(run)
    monkeypatch.chdir(run)
    listener = Listener()
    with monkeypatch.context() as watched:
        watched.setattr(ImageType, "preview", lambda *arguments: pytest.fail("a file was read"))
        page = write_report(run, progress=listener)
    (warning,) = listener.warnings
    assert warning == (
        f"This run may be somebody else's: {DOUBTS[change]}. Its report therefore shows no images. "
        f"If you trust the run, `kerastl report {run} --trust` shows them."
    )
    assert "may be somebody else&#39;s" in page.read_text()
    assert embedded(page) == []
    assert embedded(write_report(run, trust=True, progress=listener))
    assert listener.warnings == [warning]


def test_a_run_or_a_file_of_another_user_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    listener = Listener()
    assert embedded(write_report(run, progress=listener)) == []
    assert "'run' belongs to another user" in listener.warnings[0]


@pytest.mark.parametrize("is_stored", [True, False], ids=["its origin is stored", "it is older"])
def test_an_older_run_on_a_table_of_another_user_is_somebody_elses(
    is_stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run")
    if is_stored:
        edit_bundle(run, origin={"host": platform.node(), "folder": str(run.resolve())})
    monkeypatch.setattr("kerastl.run.origin.is_own", lambda path, *others: path.suffix != ".csv")
    listener = Listener()
    assert bool(embedded(write_report(run, progress=listener))) == is_stored
    assert is_stored or "its table belongs to another user" in listener.warnings[0]


def test_a_run_that_was_trained_here_shows_its_images(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    edit_bundle(run, origin={"host": platform.node(), "folder": str(run.resolve())})
    listener = Listener()
    assert embedded(write_report(run, progress=listener))
    assert listener.warnings == []


def test_a_run_of_an_earlier_version_shows_its_images_where_its_table_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert json.loads((run / "bundle.json").read_text())["origin"] is None
    assert embedded(write_report(run))


def test_a_file_that_the_table_does_not_name_is_not_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    shutil.copytree(run / "files", tmp_path / "private")
    frame = pd.read_parquet(run / "predictions.parquet")
    frame["path"] = [str(tmp_path / "private" / Path(path).name) for path in frame["path"]]
    frame.to_parquet(run / "predictions.parquet")
    page = write_report(run)
    assert embedded(page) == []
    assert "the table of the run does not name this file" in page.read_text()


@pytest.mark.parametrize("modality", ["image", "audio"])
@pytest.mark.parametrize("is_link", [True, False])
def test_what_does_not_decode_is_not_embedded_whatever_it_is_called(
    modality: str, is_link: bool, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", modality=modality)
    (tmp_path / "private.txt").write_text(SECRET)
    for path in (run / "files").iterdir():
        path.unlink()
        if is_link:
            path.symlink_to(tmp_path / "private.txt")
        else:
            path.write_text(SECRET)
    page = write_report(run, trust=True)
    assert embedded(page) == []
    assert "melon" not in page.read_text()


@pytest.mark.parametrize("extension", ["au", "snd", "vox", "gsm", "raw", "wav", "mp3", "jpg"])
@pytest.mark.parametrize("segment", [WHOLE, (0.0, 0.05), (0.01, 0.05)])
def test_no_extension_makes_audio_or_an_image_of_a_text(
    extension: str, segment: tuple[float | None, float | None], tmp_path: Path
) -> None:
    path = tmp_path / f"private.{extension}"
    path.write_text(SECRET * 20)
    assert media_type("audio").preview(path, segment).uri is None
    assert media_type("image").preview(path, WHOLE).uri is None


def test_only_samples_and_pixels_get_into_a_report(tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    with soundfile.SoundFile(sound, "w", 8000, 1) as file:
        file.comment = SECRET
        file.write(np.zeros(800))
    sound.write_bytes(sound.read_bytes() + SECRET.encode())
    picture = tmp_path / "a.jpg"
    Image.new("RGB", (40, 40)).save(
        picture, comment=SECRET.encode(), exif=b"Exif\0\0" + SECRET.encode()
    )
    picture.write_bytes(picture.read_bytes() + SECRET.encode())
    for name, path in (("audio", sound), ("image", picture)):
        assert b"melon" in path.read_bytes()
        uri = media_type(name).preview(path, WHOLE).uri
        assert uri is not None
        assert b"melon" not in base64.b64decode(uri.partition(",")[2])
