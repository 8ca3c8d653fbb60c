"""Paths inside of a config start from its folder."""

from pathlib import Path

import pytest

from kerastl.config.loader import anchor_paths, is_weights_file

BASE = Path("/base/configs")


def anchored(section: str, key: str, value):
    return anchor_paths({section: {key: value}}, BASE)[section][key]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("a.csv", "/base/configs/a.csv"),
        ("../a.csv", "/base/a.csv"),
        ("/data/a.csv", "/data/a.csv"),
        (["a.csv", "/b.csv"], ["/base/configs/a.csv", "/b.csv"]),
        (3, 3),
        (None, None),
        ("", ""),
    ],
)
def test_a_table_is_a_path(table, expected) -> None:
    assert anchored("data", "table", table) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("run:runs/a", "run:/base/configs/runs/a"),
        ("run:../runs/a", "run:/base/runs/a"),
        ("keras_hub:./preset", "keras_hub:/base/configs/preset"),
        ("keras_hub:hf://owner/model", "keras_hub:hf://owner/model"),
        ("tfhub:./module", "tfhub:/base/configs/module"),
        ("tfhub:../module", "tfhub:/base/module"),
        ("tfhub:/module", "tfhub:/module"),
        ("tfhub:https://tfhub.dev/google/yamnet/1", "tfhub:https://tfhub.dev/google/yamnet/1"),
        ("tfhub:mobilenet_v2_100_224", "tfhub:mobilenet_v2_100_224"),
        ("applications:mobilenet_v2", "applications:mobilenet_v2"),
        ("run:", "run:"),
        ("tiny", "tiny"),
        (3, 3),
    ],
)
def test_only_a_local_name_is_a_path(name, expected) -> None:
    assert anchored("backbone", "name", name) == expected


@pytest.mark.parametrize("weights", ["w.h5", "w.weights.h5", "w.keras", "./w", "a/b", "w.H5"])
def test_weights_with_a_separator_or_a_suffix_are_a_file(weights: str) -> None:
    assert is_weights_file(weights)
    assert anchored("backbone", "weights", weights).startswith("/base/configs/")


@pytest.mark.parametrize("weights", ["imagenet", "default", "noisy-student", "v1.5"])
def test_other_weights_are_a_published_name(weights: str) -> None:
    assert anchored("backbone", "weights", weights) == weights


def test_a_tilde_is_the_home_folder() -> None:
    assert anchored("data", "table", "~/a.csv") == str(Path.home() / "a.csv")


@pytest.mark.parametrize("raw", [None, 3, [], {}, {"data": 3}, {"data": {}}])
def test_a_config_without_paths_remains_unchanged(raw) -> None:
    assert anchor_paths(raw, BASE) == raw
