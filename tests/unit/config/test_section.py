"""Sections are completed, checked and copied with one kind of error."""

import pytest

from kerastl.config import ConfigError, FractionSplit, KerasFit, ListeningConfig


def test_a_changed_section_is_another_one_with_the_new_values() -> None:
    settings = ListeningConfig()
    assert settings.changed(hop_seconds=0.2) == ListeningConfig(hop_seconds=0.2)
    assert settings == ListeningConfig()


def test_a_change_is_validated_and_names_every_key() -> None:
    with pytest.raises(ConfigError) as caught:
        ListeningConfig().changed(hop_second=9, smooth_windows=0)
    assert str(caught.value) == (
        "Config has 2 problems.\n"
        "  - smooth_windows: expected 1 or more, received 0\n"
        "  - hop_second: unknown key. Did you mean 'hop_seconds'?"
    )


def test_a_changed_config_is_checked_as_a_whole(parse) -> None:
    config = parse()
    with pytest.raises(ConfigError, match=r"fit.solver: exact can.*trainable: true"):
        config.changed(trainable=True)
    assert config.changed(trainable=True, fit=KerasFit()).trainable is True


def test_sections_inside_of_a_changed_section_stay(parse) -> None:
    config = parse(data={"table": "a.csv", "image": "path", "tasks": ["car"], "split": {"seed": 3}})
    assert config.changed(heads="multi").data.split == FractionSplit(seed=3)
