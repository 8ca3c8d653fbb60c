import dataclasses
import json

import keras
import pytest

from kerastl import health
from kerastl.backbones import Plugin
from kerastl.health import Check, examine, try_behavior
from kerastl.health.behaviors import BEHAVIORS
from kerastl.layers import Backbone
from kerastl.losses import MaskedBinaryCrossentropy


@pytest.fixture(scope="module")
def report():
    return examine()


def failed(*names):
    checks = [try_behavior(name, BEHAVIORS[name]) for name in names]
    return [check.name for check in checks if not check.ok]


def test_this_keras_behaves(report):
    assert [check for check in report.checks if not check.ok] == []
    assert {check.name for check in report.checks} == {"Keras can be imported", *BEHAVIORS}


def test_versions_devices_and_backends_are_reported(report):
    assert report.versions["keras"] == keras.__version__
    assert report.versions["kerastl"]
    assert report.backend == keras.backend.backend()
    assert report.backends[report.backend]
    assert any("cpu" in device for device in report.devices)


def test_the_facts_are_json(report):
    facts = json.loads(json.dumps(report.facts()))
    assert facts["ok"] is (report.problems == ())
    assert facts["checks"][0] == dataclasses.asdict(report.checks[0])


def test_a_broken_plugin_is_a_problem_with_its_name(report):
    broken = Plugin(
        family="radio",
        distribution="kerastl-radio",
        version="1.2",
        target="radio:family",
        problem="ModuleNotFoundError: No module named 'radio'",
    )
    ill = dataclasses.replace(report, plugins=(broken,), checks=())
    assert ill.problems == (
        "The plugin 'radio' of kerastl-radio 1.2 fails: "
        "ModuleNotFoundError: No module named 'radio'",
    )
    assert ill.facts()["ok"] is False


def test_a_failed_check_is_a_problem_with_what_was_observed(report):
    check = Check(name="Water is wet", ok=False, detail="it was dry")
    assert dataclasses.replace(report, plugins=(), checks=(check,)).problems == (
        "Failed: Water is wet. it was dry",
    )


def test_whatever_a_behavior_raises_is_its_finding():
    def breaks():
        raise ValueError("two\nlines")

    assert try_behavior("It works", breaks) == Check(
        name="It works", ok=False, detail="ValueError: two lines"
    )


def test_a_keras_that_cannot_be_imported_is_a_finding(monkeypatch):
    def broken(name):
        raise ImportError(f"no {name}")

    monkeypatch.setattr(health.importlib, "import_module", broken)
    assert health._tried_behaviors() == (
        Check(name="Keras can be imported", ok=False, detail="ImportError: no keras"),
    )


def test_a_backbone_that_runs_in_training_mode_is_noticed(monkeypatch):
    monkeypatch.setattr(
        Backbone, "call", lambda self, x, training=None: self.model(x, training=training)
    )
    names = [
        "Dropout is off in a frozen backbone",
        "BatchNorm's statistics do not change while the backbone learns",
    ]
    assert failed(*names) == names


def test_a_loss_that_does_not_mask_is_noticed(monkeypatch):
    stock = keras.losses.BinaryCrossentropy(reduction=None)
    monkeypatch.setattr(MaskedBinaryCrossentropy, "call", lambda self, y, p: stock(y, p))
    names = ["Training works with missing labels", "Unknown labels have no gradient"]
    assert failed(*names) == names
