"""TensorFlow's log is hidden while it is imported, and nothing else is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = "import os; os.write(2, b'I0000 native line\\n')"
RUN = "from kerastl.cli.silence import silence_tensorflow; silence_tensorflow(); {}"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with TensorFlow's name whose import writes to standard error."""
    path = tmp_path / "tensorflow" / "__init__.py"
    path.parent.mkdir()
    path.write_text(NATIVE)
    return path


def run(code: str, package: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python process that can import the package."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    path = os.pathsep.join([str(package.parents[1]), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", RUN.format(code)],
        env={**inherited, "PYTHONPATH": path, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def stderr_of(code: str, package: Path, **environment: str) -> str:
    return run(code, package, **environment).stderr


def test_what_is_written_during_the_import_is_hidden(package: Path) -> None:
    assert stderr_of("import tensorflow", package) == ""


def test_what_is_written_before_and_after_is_shown(package: Path) -> None:
    code = "import sys; print('a', file=sys.stderr); import tensorflow; os = tensorflow.os; "
    assert stderr_of(code + "os.write(2, b'b')", package) == "a\nb"


def test_other_imports_are_not_hidden(package: Path) -> None:
    package.parent.rename(package.parents[1] / "other")
    assert stderr_of("import other", package) == "I0000 native line\n"


def test_a_failed_import_shows_what_was_written(package: Path) -> None:
    package.write_text(f"{NATIVE}\nraise ImportError('no library')")
    lines = stderr_of("import tensorflow", package).splitlines()
    assert lines[0] == "I0000 native line"
    assert lines[-1] == "ImportError: no library"


def test_later_messages_are_hidden_by_the_level(package: Path) -> None:
    package.write_text("import os; level = os.environ['TF_CPP_MIN_LOG_LEVEL']")
    code = "import sys, tensorflow; sys.exit(tensorflow.level)"
    assert stderr_of(code, package, TF_CPP_MIN_LOG_LEVEL="2") == "3\n"


@pytest.mark.parametrize("level", ["0", "1"])
def test_a_low_level_shows_everything(level: str, package: Path) -> None:
    shown = stderr_of("import tensorflow", package, TF_CPP_MIN_LOG_LEVEL=level)
    assert shown == "I0000 native line\n"


def test_without_standard_error_the_import_works(package: Path) -> None:
    package.write_text("")
    code = "import os, sys; sys.stderr = None; os.close(2); import tensorflow"
    assert run(code, package).returncode == 0


def test_the_loader_reads_files_of_the_package(package: Path) -> None:
    (package.parent / "data.txt").write_text("data")
    code = "import sys; from importlib.resources import files; "
    code += "sys.exit(files('tensorflow').joinpath('data.txt').read_text())"
    assert stderr_of(code, package) == "data\n"
