"""A command imports Keras without scikit-learn, and OpenVINO without its telemetry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "import gc, sys; from kerastl.cli.startup import save_startup_time; save_startup_time(); "
KERAS = """
import gc
try:
    import sklearn
except ImportError:
    sklearn = None
is_collecting = gc.isenabled()
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with packages named keras and sklearn."""
    for name, code in (("keras", KERAS), ("sklearn", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
    return tmp_path


def printed(code: str, packages: Path) -> str:
    path = os.pathsep.join([str(packages), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", START + code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_keras_finds_no_scikit_learn_and_collects_nothing(packages: Path) -> None:
    assert printed("import keras; print(keras.sklearn, keras.is_collecting)", packages) == (
        "None False"
    )


def test_afterwards_everyone_finds_scikit_learn_and_garbage_is_collected(packages: Path) -> None:
    code = "import keras, sklearn; print(sklearn.__name__, gc.isenabled())"
    assert printed(code, packages) == "sklearn True"


def test_keras_uses_scikit_learn_that_is_imported_already(packages: Path) -> None:
    code = "import sklearn, keras; print(keras.sklearn is sklearn)"
    assert printed(code, packages) == "True"


def test_after_a_failed_import_all_is_as_before(packages: Path) -> None:
    (packages / "keras" / "__init__.py").write_text("raise ImportError('no backend')")
    code = "\ntry:\n    import keras\nexcept ImportError as error:\n    import sklearn\n"
    code += "    print(error, gc.isenabled())"
    assert printed(code, packages) == "no backend True"


def test_a_command_finds_no_telemetry(packages: Path) -> None:
    (packages / "openvino_telemetry.py").touch()
    code = "\ntry:\n    import openvino_telemetry\nexcept ImportError as error:\n    print(error)"
    assert printed(code, packages) == "openvino_telemetry is left out"
