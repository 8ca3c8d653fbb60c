"""Every command in a process of its own, with the real TensorFlow: only kerastl speaks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

FOREIGN = re.compile(r"^[IWEF]\d{4} |port\.cc|cuda|absl|WARNING|[a-z]Warning:|^To enable", re.M)
COMMANDS = (
    "train bright.yaml -o run",
    "train bright.yaml -o tuned --set trainable=true --set fit.solver=keras --set fit.epochs=1",
    "evaluate run",
    "predict run table.csv",
    "report run",
    "compare bright.yaml --axis fit.regularization=0.1,1.0 --seeds 1 -o compared",
    "data check bright.yaml",
    "config validate bright.yaml",
    "backbones list",
    "backbones show tiny:image",
    "backbones check tiny:image",
    "cache list",
    "demo digits --folder demo",
    "doctor",
)


def stderr_of(command: str, folder: Path) -> str:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TF_")}
    code = f"from kerastl.cli import main; import sys; sys.argv[1:] = {command.split()}; main()"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stderr


@pytest.fixture(scope="module")
def folder(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config and a table."""
    path = tmp_path_factory.mktemp("silence") / "bright"
    shutil.copytree(bright_images, path)
    config = {
        "data": {"table": "table.csv", "image": "path", "tasks": ["bright", "red"]},
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
    }
    (path / "bright.yaml").write_text(yaml.safe_dump(config))
    return path


@pytest.mark.slow
def test_nothing_but_kerastl_speaks(folder: Path) -> None:
    spoken = {command: FOREIGN.findall(stderr_of(command, folder)) for command in COMMANDS}
    assert {command: lines for command, lines in spoken.items() if lines} == {}
