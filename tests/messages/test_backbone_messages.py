"""Whole texts of the errors about backbones."""

from functools import partial

import keras
import pytest

from kerastl.backbones import Backbone, ImageInput, Stage, find_backbone
from kerastl.errors import KerastlError


def _message(call) -> str:
    with pytest.raises(KerastlError) as caught:
        call()
    return str(caught.value)


def _layer() -> Backbone:
    raw = keras.Input((4,), name="raw")
    hidden = keras.layers.Dense(3, name="first")(raw)
    network = keras.Model(raw, keras.layers.Dense(2, name="second")(hidden))
    stages = (Stage(name="low", layers=("first",)), Stage(name="high", layers=("second",)))
    return Backbone(network, stages=stages)


MESSAGES = {
    "no family": (
        lambda: find_backbone("mobilenet_v2"),
        """'mobilenet_v2' is not the name of a backbone.
  expected: family:name, such as applications:mobilenet_v2
  fix:      Did you mean 'applications:mobilenet_v2'?""",
    ),
    "misspelt family and name": (
        lambda: find_backbone("aplications:mobilenet_v3_smal"),
        """No installed plugin provides the backbone family 'aplications'.
  expected: one of applications, keras_hub, onnx, run, tfhub, tiny
  fix:      Did you mean 'applications:mobilenet_v3_small'?""",
    ),
    "misspelt name": (
        lambda: find_backbone("applications:mobilnet_v2"),
        """No installed plugin provides the backbone 'applications:mobilnet_v2'.
  expected: one of 40 names of 'applications'; `kerastl backbones list` shows them
  fix:      Did you mean 'applications:mobilenet_v2'?""",
    ),
    "unknown option": (
        lambda: find_backbone("applications:mobilenet_v2", options={"alhpa": 1.0}),
        """The backbone 'applications:mobilenet_v2' has no option 'alhpa'.
  expected: one of alpha
  fix:      Did you mean 'alpha'?""",
    ),
    "option of a network without any": (
        lambda: find_backbone("applications:vgg16", options={"depth": 3}),
        """The backbone 'applications:vgg16' has no option 'depth'.
  expected: no options
  fix:      Remove 'depth' from backbone.options.""",
    ),
    "too small": (
        lambda: find_backbone("applications:xception").build(
            weights=None, input=ImageInput(height=71, width=70)
        ),
        """The images are too small for the backbone 'applications:xception'.
  expected: height and width of at least 71 pixels
  received: 71 x 70
  fix:      Set backbone.input_size to 71 or more.""",
    ),
    "missing weights": (
        lambda: find_backbone("applications:mobilenet_v3_small").build(
            weights="imagnet", input=ImageInput(height=32, width=32)
        ),
        """There are no weights 'imagnet' for the backbone 'applications:mobilenet_v3_small'.
  expected: 'imagenet', an existing file (.keras, .weights.h5, .h5, .hdf5), or null for random weights
  fix:      Did you mean 'imagenet'?""",  # noqa: E501 - one line of the message
    ),
    "options without published weights": (
        lambda: find_backbone("applications:mobilenet_v3_small").build(
            weights="imagenet", input=ImageInput(height=32, width=32), alpha=0.5
        ),
        """There are no published weights of 'applications:mobilenet_v3_small' with these options.
  expected: alpha: 0.75, minimalistic: False
            alpha: 1.0, minimalistic: False
            alpha: 1.0, minimalistic: True
  received: alpha: 0.5, minimalistic: False
  fix:      Change backbone.options, or set backbone.weights to a local file or to null.""",
    ),
    "too many stages": (
        lambda: _layer().unfreeze_stages(3),
        """The backbone 'backbone' cannot unfreeze 3 stages.
  expected: 1 to 2 stages
  received: 3
  fix:      Set trainable to true to train the whole backbone.""",
    ),
    "no such variable": (
        lambda: _layer().unfreeze_variables("secnd/kernel"),
        """No weight of the backbone 'backbone' matches 'secnd/kernel'.
  expected: a pattern such as block_16*, for paths such as
            first/kernel
            first/bias
            second/kernel
            second/bias
  received: 'secnd/kernel'
  fix:      Did you mean 'second/kernel'?""",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_the_message_says_what_happened_and_how_to_mend_it(case):
    call, expected = MESSAGES[case]
    assert _message(call) == expected


def test_a_family_that_is_not_installed_names_the_package(monkeypatch):
    monkeypatch.setattr("kerastl.backbones.registry.allowed", lambda: [])
    monkeypatch.setattr("kerastl.backbones.registry.installed", lambda: ())
    expected = """No installed plugin provides the backbone family 'tfhub'.
  expected: an installed plugin
  fix:      pip install kerastl-tfhub"""
    assert _message(partial(find_backbone, "tfhub:yamnet")) == expected


def test_a_family_that_a_run_recorded_names_the_distribution():
    expected_fix = "The run used the plugin 'acme-nets'; install it if you trust its author."
    text = _message(partial(find_backbone, "acme:one", distribution="acme-nets"))
    assert text.splitlines()[-1] == f"  fix:      {expected_fix}"


def test_a_family_outside_of_the_allowed_ones_names_the_variable(monkeypatch):
    monkeypatch.setenv("KERASTL_PLUGINS", "run")
    text = _message(partial(find_backbone, "applications:vgg16"))
    assert text.splitlines()[-1] == (
        "  fix:      Add 'applications' to KERASTL_PLUGINS, which allows only some plugins."
    )
