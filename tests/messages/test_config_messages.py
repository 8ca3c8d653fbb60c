"""What a user reads when a config is wrong, word for word."""

from pathlib import Path

import pytest

from kerastl.config import load_config, write_template
from kerastl.config.training_sections import HeadConfig
from kerastl.errors import ConfigError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def message(text: str | bytes, *overrides: str) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    Path("xray.yaml").write_bytes(content)
    return message_of("xray.yaml", *overrides)


def message_of(path: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


VALID = """\
data: {table: a.csv, image: path, tasks: [edema, effusion]}
backbone: {name: tiny:image}
"""


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    text = """\
bakbone: {name: tiny:image}
data: {table: a.csv, image: path, tasks: [edema]}
fit: {solver: keras, batch_size: many, learning_rate: 1_000}
"""
    assert message(text) == (
        "Config has 3 problems.\n"
        "  - bakbone: unknown key. Did you mean 'backbone'?\n"
        "  - fit.batch_size: expected a whole number, received 'many'\n"
        "  - fit.learning_rate: expected a number, received '1_000'. In YAML write 1000.\n"
        "  where:    xray.yaml"
    )


def test_yaml_traps_shape_errors_and_contradictions_are_reported_together() -> None:
    text = """\
data:
  table: a.csv
  imge: path
  tasks: [edema, effusion, edema]
  split: {column: part, test: 0.2}
  labels:
    edma: {}
    effusion: {positive: [1], uncertain: ["0"], when_uncertain: {soft: 2}}
backbone: {name: tiny:image, options: {alpha: .inf}}
heads: singel
trainable: off
loss: {label_smoothing: 1, class_weight: {0: 1}}
fit: {solver: exact, epochs: 3, epochs: 4}
"""
    assert message(text) == (
        "Config has 13 problems.\n"
        "  - data.imge: unknown key. Did you mean 'data.image'?\n"
        "  - data.tasks[2]: 'edema' is listed twice.\n"
        "  - data.split.test: has no effect beside column. Remove one of them.\n"
        "  - data.labels.effusion.positive[0]: expected text, received 1. Put it in quotes.\n"
        "  - data.labels.effusion.uncertain[0]: the cell '0' is listed under negative too.\n"
        "  - data.labels.effusion.when_uncertain.soft: expected 1 or less, received 2\n"
        "  - backbone.options.alpha: expected a finite number, received .inf\n"
        "  - heads: expected one of single, multi, received 'singel'. Did you mean 'single'?\n"
        "  - trainable: expected true or false, received 'off'. Write false.\n"
        "  - loss.label_smoothing: expected a number below 1, received 1\n"
        "  - loss.class_weight: Keras's class_weight gives wrong results if labels are missing. "
        "Set loss.positive_weight.\n"
        '  - loss.class_weight.0: expected text as a key. In YAML write "0":\n'
        "  - fit.epochs: given twice, in lines 13 and 13.\n"
        "  where:    xray.yaml"
    )


def test_a_key_of_keras_under_the_default_solver() -> None:
    assert message(VALID + "fit: {epochs: 3}\n") == (
        "Config has 1 problem.\n"
        "  - fit.epochs: has no effect with solver: exact, the default for linear heads on a "
        "frozen backbone. Set fit.solver: keras, or remove fit.epochs.\n"
        "  where:    xray.yaml"
    )


def test_a_key_of_exact_where_keras_is_the_default() -> None:
    assert message(VALID + "trainable: true\nfit: {folds: 3}\n") == (
        "Config has 1 problem.\n"
        "  - fit.folds: has no effect with solver: keras, the default if the backbone is trained, "
        "a head has hidden layers or dropout, or examples are augmented. Remove fit.folds.\n"
        "  where:    xray.yaml"
    )


def test_the_exact_solver_where_it_is_impossible() -> None:
    text = """\
heads: {all: {tasks: [edema, effusion], hidden: [8]}}
trainable: {stages: 1}
augment: {rotate: 0.1}
fit: {solver: exact}
"""
    assert message(VALID + text) == (
        "Config has 1 problem.\n"
        "  - fit.solver: exact cannot be used with trainable, heads.all.hidden and augment: it "
        "solves linear heads on frozen features without augmentation. Set fit.solver: keras, or "
        "remove these settings.\n"
        "  where:    xray.yaml"
    )


def test_heads_that_miss_repeat_and_invent_tasks() -> None:
    text = "heads: {a: {tasks: [edema]}, b: {tasks: [edema, efusion]}}\n"
    assert message(VALID + text) == (
        "Config has 3 problems.\n"
        "  - heads: no head answers 'effusion'. Add each task to one head.\n"
        "  - heads.b.tasks[0]: the head 'a' answers 'edema' already.\n"
        "  - heads.b.tasks[1]: 'efusion' is not in data.tasks. Did you mean 'effusion'?\n"
        "  where:    xray.yaml"
    )


def test_overrides_are_named_with_the_file() -> None:
    overrides = ("fit.epoch=3", "fit.learning_rate=.inf", "seed", "backbone.weights=")
    assert message(VALID, *overrides) == (
        "Config has 4 problems.\n"
        "  - --set seed: expected KEY=VALUE, such as fit.epochs=3\n"
        "  - --set backbone.weights=: expected a value after '='. For none write null.\n"
        "  - fit.epoch: unknown key. Did you mean 'fit.epochs'?\n"
        "  - fit.learning_rate: expected a finite number, received .inf\n"
        "  where:    xray.yaml, --set fit.epoch=3, --set fit.learning_rate=.inf, --set seed, "
        "--set backbone.weights="
    )


def test_missing_sections() -> None:
    assert message("heads: single\n") == (
        "Config has 2 problems.\n"
        "  - data: missing. The table of examples and what its columns mean.\n"
        "  - backbone: missing. The pretrained network.\n"
        "  where:    xray.yaml"
    )


def test_no_file_column() -> None:
    text = "data: {table: a.csv, tasks: [edema]}\nbackbone: {name: tiny:image}\n"
    assert message(text) == (
        "Config has 1 problem.\n"
        "  - data.image: missing. Name the column with the files: image or audio.\n"
        "  where:    xray.yaml"
    )


def test_an_empty_file() -> None:
    assert message("# nothing yet\n") == (
        "The config is empty.\n"
        "  where:    xray.yaml\n"
        "  fix:      `kerastl config init` writes one to start from."
    )


def test_a_list_instead_of_a_mapping() -> None:
    assert message("- data\n") == (
        "The config is not a mapping.\n"
        "  where:    xray.yaml\n"
        "  expected: keys with values, such as data:"
    )


def test_broken_yaml() -> None:
    assert message("data:\n  tasks: [edema\nbackbone: {}\n") == (
        "The config is not valid YAML.\n"
        "  where:    xray.yaml\n"
        "  received: line 3, column 9, expected ',' or ']', but got ':'"
    )


def test_a_file_in_another_encoding() -> None:
    assert message(b"data: {table: caf\xe9.csv}\n") == (
        "The config cannot be read.\n"
        "  where:    xray.yaml\n"
        "  expected: text in UTF-8\n"
        "  received: byte 0xe9 at position 17"
    )


def test_a_missing_file_with_a_like_one_beside_it() -> None:
    Path("xray.yaml").touch()
    assert message_of("xrya.yaml") == (
        "The config 'xrya.yaml' does not exist.\n  fix:      Did you mean 'xray.yaml'?"
    )


def test_a_missing_file_in_an_empty_folder() -> None:
    assert message_of("a/xray.yaml") == (
        "The config 'a/xray.yaml' does not exist.\n"
        "  fix:      `kerastl config init a/xray.yaml` writes one to start from."
    )


def test_a_folder_instead_of_a_file() -> None:
    Path("configs").mkdir()
    assert message_of("configs") == (
        "The config cannot be read.\n  where:    configs\n  received: Is a directory"
    )


def test_a_template_where_a_file_is_already() -> None:
    Path("xray.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        write_template(Path("xray.yaml"))
    assert str(caught.value) == (
        "The file 'xray.yaml' already exists.\n  fix:      Name another file, or remove this one."
    )


def test_a_template_in_a_folder_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as caught:
        write_template(Path("a/xray.yaml"))
    assert str(caught.value) == (
        "The file 'a/xray.yaml' cannot be written.\n  received: No such file or directory"
    )


def test_a_hidden_layer_that_no_machine_can_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="16384"):
        HeadConfig.parse({"tasks": ["a"], "hidden": [1_000_000_000]})
