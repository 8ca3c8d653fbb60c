"""`kerastl config` writes, checks and describes configs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from kerastl.cli.config import command
from kerastl.config import load_config
from kerastl.errors import ConfigError


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        command, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def config(tmp_path: Path) -> Path:
    run("init", tmp_path / "c.yaml")
    return tmp_path / "c.yaml"


def test_init_writes_a_config_that_loads(config: Path) -> None:
    assert load_config(config).backbone.name == "tiny:image"


def test_init_of_a_table_guesses_its_columns_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    table = tmp_path / "data" / "t.csv"
    table.write_text("file,car,scene\na.jpg,1,x\nb.jpg,0,x\nc.jpg,,y\n")
    out = run("init", tmp_path / "new.yaml", "--table", table)
    assert "data.image: file, because its cells end in .jpg" in out
    assert "data.group: scene, because of its name; 3 rows have 2 values" in out
    data = load_config(tmp_path / "new.yaml").data
    assert (data.table, data.tasks, data.group) == (table, ("car",), "scene")


def test_init_refuses_to_overwrite(config: Path) -> None:
    config.write_text("mine")
    with pytest.raises(ConfigError):
        run("init", config)
    assert config.read_text() == "mine"


@pytest.fixture
def known_backbone(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    asked: list[tuple[str, dict[str, object]]] = []

    def find(name: str, options: dict[str, object]) -> SimpleNamespace:
        asked.append((name, options))
        return SimpleNamespace(id=name, trainable=True)

    monkeypatch.setattr("kerastl.heads.backbone_settings.find_backbone", find)
    return asked


def test_validate_sums_up_a_valid_config(config: Path, known_backbone) -> None:
    assert run("validate", config) == (
        "Valid: 2 tasks, image, backbone tiny:image, solver exact.\n"
    )


def test_validate_looks_for_the_backbone(config: Path, known_backbone) -> None:
    run("validate", config, "--set", "backbone.options={alpha: 0.5}")
    assert known_backbone == [("tiny:image", {"alpha": 0.5})]


def test_validate_prints_the_complete_config_as_json(config: Path, known_backbone) -> None:
    printed = json.loads(run("validate", config, "--set", "trainable=true", "--json"))
    assert printed["trainable"] is True
    assert printed["fit"]["solver"] == "keras"


def test_validate_raises_what_is_wrong(config: Path) -> None:
    with pytest.raises(ConfigError):
        run("validate", config, "--set", "fit.sed=1")


def test_validate_refuses_to_train_what_can_only_be_frozen(config: Path) -> None:
    config.write_text(
        "data: {table: t.csv, audio: file, tasks: [word]}\nbackbone: {name: tfhub:yamnet}\n"
        "trainable: true\n"
    )
    with pytest.raises(ConfigError) as caught:
        run("validate", config)
    assert caught.value.problems == (
        "trainable: 'tfhub:yamnet' cannot be trained, because its page says that it cannot be "
        "fine-tuned. Set trainable: false.",
    )
    assert "Valid" in run("validate", config, "--set", "trainable=false")


def test_schema_prints_json() -> None:
    assert json.loads(run("schema"))["title"] == "Config"
