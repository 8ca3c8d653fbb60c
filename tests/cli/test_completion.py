"""Shell completion, asked for as bash asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = (
    "import sys\n"
    "from kerastl.cli import main\n"
    "try: main()\n"
    "finally: print(*{'keras', 'tensorflow', 'pandas'} & set(sys.modules), "
    "file=sys.stderr)\n"
)


@pytest.fixture
def complete(tmp_path: Path):
    """Returns what bash inserts for words; the last is the incomplete one, split as bash does."""
    for run in ("runs/first", "demo/driving/run"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "config.yaml").touch()
        (tmp_path / run / "splits.csv").touch()
    (tmp_path / "images").mkdir()
    command = tmp_path / "kerastl"
    command.write_text(SCRIPT)

    def ask(*words: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, command],
            cwd=tmp_path,
            env={
                **os.environ,
                "_KERASTL_COMPLETE": "bash_complete",
                "COMP_WORDS": "\n".join(("kerastl", *words)),
                "COMP_CWORD": str(len(words)),
            },
            capture_output=True,
            text=True,
        )
        assert result.stderr.strip() == ""  # no error, and nothing heavy was imported
        return [line.partition(",")[2] for line in result.stdout.split()]

    return ask


def test_commands_and_their_options_are_completed(complete):
    assert complete("da") == ["data"]
    assert complete("train", "--res") == ["--resume"]


@pytest.mark.parametrize("command", ["evaluate", "predict", "report"])
def test_runs_are_completed(complete, command):
    assert complete(command, "") == ["demo/driving/run", "runs/first"]
    assert complete(command, "runs/") == ["runs/first"]


def test_an_interrupted_run_is_completed(complete):
    assert complete("train", "--resume", "ru") == ["runs/first"]


def test_backbones_are_completed_before_and_after_the_colon(complete):
    assert complete("backbones", "show", "tiny") == ["tiny:image", "tiny:speech"]
    assert complete("backbones", "show", "tiny", ":", "im") == ["image"]
    assert complete("backbones", "show", "tiny", ":") == ["image", "speech"]


def test_config_keys_and_their_values_are_completed(complete):
    assert complete("train", "c.yaml", "--set", "fit.fo") == ["fit.folds="]
    assert complete("train", "c.yaml", "--set", "trainable", "=") == ["false", "true", "auto"]
    assert complete("train", "c.yaml", "--set", "fit.solver", "=", "") == ["exact", "keras"]


def test_the_backbone_of_a_config_is_completed(complete):
    words = ("compare", "c.yaml", "--set", "backbone.name", "=")
    assert complete(*words, "tiny", ":", "im") == ["image"]
    assert complete(*words, "run", ":", "ru") == ["runs/first"]


def test_an_unknown_command_completes_nothing(complete):
    assert complete("trian", "x") == []
