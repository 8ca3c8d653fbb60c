"""Which keys of `fit` a config may have for variants that are fitted by another solver."""

from pathlib import Path

import pytest
import yaml

from kerastl.compare.solvers import fitting_note, load_compared
from kerastl.compare.study import TrainingVariant, trial_config
from kerastl.config import config_values
from kerastl.config.features_section import FeaturesConfig
from kerastl.errors import ConfigError


@pytest.fixture
def path(make_config, tmp_path: Path) -> Path:
    """A config file that freezes the backbone and has no `fit`."""
    values = config_values(make_config())
    del values["fit"]
    path = tmp_path / "frozen.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_frozen_config_keeps_its_solver_and_the_epochs_are_for_other_variants(path) -> None:
    config, fit = load_compared(path, ["fit.epochs=3", "fit.folds=4"])
    assert (config.fit.solver, config.fit.folds) == ("exact", 4)
    assert (fit["epochs"], fit["folds"]) == (3, 4)


def test_a_trained_config_has_keys_for_its_frozen_variants(path) -> None:
    config, fit = load_compared(path, ["trainable=true", "fit={epochs: 3, regularization: 0.1}"])
    assert (config.fit.solver, config.fit.epochs) == ("keras", 3)
    assert fit["regularization"] == 0.1


def test_a_key_that_no_solver_knows_is_refused(path) -> None:
    with pytest.raises(ConfigError, match=r"fit\.epoch: unknown key"):
        load_compared(path, ["fit.epoch=3"])


def test_problems_elsewhere_are_reported(path) -> None:
    with pytest.raises(ConfigError, match=r"trainable"):
        load_compared(path, ["fit.epochs=3", "trainable=maybe"])


def test_the_note_names_the_solver_of_each_variant(make_config) -> None:
    frozen, trained = make_config(), make_config(trainable=True)
    note = fitting_note(frozen, {"false": frozen, "true": trained})
    assert "exact (false), keras (true)" in str(note)
    assert fitting_note(frozen, {"a": frozen, "b": frozen}) is None


def test_each_variant_has_the_features_of_its_kind_of_training(make_config, tmp_path: Path) -> None:
    def features(base, **changes):
        variant = TrainingVariant(name="a", tasks=base.data.tasks, changes=changes)
        table = tmp_path / "table.csv"
        return trial_config(
            base, variant, seed=0, table=table, backbone_run=None, fit={"epochs": 1}
        ).features

    frozen, trained = make_config(features={"flips": True}), make_config(trainable=True)
    assert features(frozen).flips
    assert features(frozen, trainable=True) is None
    assert features(trained) is None
    assert features(trained, trainable=False) == FeaturesConfig()
    assert features(frozen, features=None) is None
