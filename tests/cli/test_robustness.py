"""What a user can do to the command line besides typing wrong words."""

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import kerastl.cli as cli_module
from kerastl.cli import system_refusal
from kerastl.errors import RunError
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.run.layout import RunLayout
from kerastl.run.lock import is_in_training, training_lock
from kerastl_runtime.media_file import as_file

HOLD = """
import sys, time
from pathlib import Path
from kerastl.run.layout import RunLayout
from kerastl.run.lock import training_lock
with training_lock(RunLayout(Path(sys.argv[1]))):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path: Path):
    """A run that another process has locked."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    yield RunLayout(tmp_path / "run"), process
    process.kill()
    process.wait()


def test_a_run_in_training_is_not_trained_by_another_process(held) -> None:
    layout, _ = held
    assert is_in_training(layout)
    with pytest.raises(RunError, match="is in training"), training_lock(layout):
        pass


def test_a_lock_ends_with_its_process(held) -> None:
    layout, process = held
    process.kill()
    process.wait()
    assert not is_in_training(layout)
    with training_lock(layout):
        pass


def test_asking_whether_a_run_is_in_training_does_not_lock_it(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    assert not is_in_training(layout)
    with training_lock(layout):
        pass
    assert not is_in_training(layout)
    with training_lock(layout):
        pass


def test_the_list_of_runs_says_which_is_in_training(held, kerastl_command) -> None:
    layout, _ = held
    layout.config.write_text("data: {}\n")
    result = kerastl_command("runs", layout.folder.parent)
    assert "in training" in result.out
    assert "--resume" not in result.out


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 732. MiB"), MemoryError()])
def test_a_lack_of_memory_is_one_sentence(error: MemoryError) -> None:
    refusal = system_refusal(error)
    assert refusal is not None
    assert str(refusal).startswith("There is not enough memory.")
    assert "backbone.input_size" in str(refusal)


def test_a_folder_whose_name_is_not_utf8_is_one_sentence() -> None:
    with pytest.raises(UnicodeEncodeError) as error:
        os.fsdecode(b"/data/l\xe4tin/a.png").encode()
    assert str(system_refusal(error.value)).splitlines() == [
        "The name of a file or folder is not UTF-8.",
        "  received: '/data/l\ufffdtin/a.png'",
        "  fix:      Rename it, and run again.",
    ]


@pytest.mark.parametrize("seconds", [0.0, 4.5e9])
def test_a_clock_at_a_year_that_keras_files_cannot_have_is_one_sentence(
    seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    localtime = time.localtime
    monkeypatch.setattr(time, "localtime", lambda *_: localtime(seconds))
    with pytest.raises((ValueError, struct.error)) as error:
        zipfile.ZipFile(tmp_path / "model.keras", "w").writestr("config.json", "{}")
    assert str(system_refusal(error.value)).splitlines() == [
        "The clock of this machine is at a year for which no model can be saved.",
        "  expected: 1980 to 2107, as in all ZIP files",
        f"  received: {1970 if seconds == 0 else 2112}",
        "  fix:      Set the clock, and run again.",
    ]


def test_ctrl_c_claims_nothing_that_is_not_known(monkeypatch, capsys) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_module.cli, "main", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli_module.main(["runs"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "Stopped.\n"


@pytest.mark.parametrize(("module", "code"), [("keras.src.ops", 0), ("kerastl.runs", 1)])
def test_warnings_of_other_packages_are_never_errors(module: str, code: int) -> None:
    program = f"""
import sys, warnings
from kerastl.cli import main
sys.argv = ["kerastl", "--version"]
main()
warnings.warn_explicit("old", DeprecationWarning, "file.py", 1, module={module!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr


@pytest.fixture
def not_utf8(tmp_path: Path) -> Path:
    """A folder of a class, with an image whose name is Latin-1."""
    folder = tmp_path / "pets" / "cat"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    os.rename(folder / "a.png", os.fsencode(folder) + b"/\xe9t\xe9.png")  # noqa: PTH104
    return tmp_path / "pets"


def test_a_file_whose_name_is_not_utf8_is_hashed_and_remembered(
    not_utf8: Path, tmp_path: Path
) -> None:
    (path,) = (not_utf8 / "cat").iterdir()
    os.utime(path, (0, 0))
    hashes = FileHashes(tmp_path / "hashes.db")
    assert hashes.hash_files([as_file(path)]) == [as_file(path).sha256()]
    assert hashes.recall([as_file(path)]) in ([None], [as_file(path).sha256()])


def test_a_table_is_not_made_of_names_that_are_not_utf8(
    not_utf8: Path, tmp_path: Path, kerastl_command
) -> None:
    result = kerastl_command("data", "from-folders", not_utf8, "-o", tmp_path / "pets.csv")
    assert result.code == 2
    assert "pets/cat/\ufffdt\ufffd.png" in result.err
    assert not (tmp_path / "pets.csv").exists()


def test_asking_about_a_run_does_not_refuse_its_training(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    with training_lock(layout):
        pass
    asking = os.open(layout.lock, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    threading.Timer(0.3, os.close, [asking]).start()
    with training_lock(layout):
        pass


def test_a_url_to_predict_is_no_path(kerastl_command, tmp_path: Path) -> None:
    seen: list[object] = []

    class Finished:
        def predict(self, inputs: list[object], **_: object) -> None:
            seen.extend(inputs)
            raise RunError("Seen.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerastl.runs.load_run", lambda path: Finished())
        assert kerastl_command("predict", tmp_path, "https://host/a.jpg").code == 2
    assert seen == ["https://host/a.jpg"]


def test_a_server_that_would_refuse_every_large_request_does_not_start(
    kerastl_command, tmp_path: Path
) -> None:
    pytest.importorskip("fastapi")
    result = kerastl_command("serve", tmp_path, "--max-files", 128)
    assert result.code == 2
    assert "--max-files 128 --max-pending 64" in result.err
