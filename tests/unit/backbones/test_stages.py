"""Stages derived from the architecture."""

import keras
import pytest

from kerastl.backbones import ImageInput, find_backbone, list_backbones, stages_by_resolution


def starts(name: str) -> list[str]:
    with keras.StatelessScope():
        network = find_backbone(f"applications:{name}").build(weights=None)
    return [stage.layers[0] for stage in stages_by_resolution(network)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "mobilenet_v2",
            ["image", "block_1_expand", "block_3_expand", "block_6_expand", "block_13_expand"],
        ),
        (
            "resnet50",
            ["image", "conv3_block1_1_conv", "conv4_block1_1_conv", "conv5_block1_1_conv"],
        ),
        (
            "efficientnet_b0",
            [
                "image",
                "block2a_expand_conv",
                "block3a_expand_conv",
                "block4a_expand_conv",
                "block6a_expand_conv",
            ],
        ),
        ("vgg16", ["image", "block1_pool", "block2_pool", "block3_pool", "block4_pool"]),
        ("densenet121", ["image", "pool2_pool", "pool3_pool", "pool4_pool"]),
    ],
)
def test_a_stage_begins_with_the_block_that_halves_the_resolution(name, expected):
    assert starts(name) == expected


@pytest.mark.slow
def test_cells_that_look_two_cells_back_are_stages_too():
    assert len(starts("nasnet_mobile")) == 4


def test_a_network_whose_resolution_never_falls_is_one_stage():
    raw = keras.Input((8, 8, 3))
    values = keras.layers.Conv2D(4, 3, padding="same")(raw)
    network = keras.Model(raw, keras.layers.GlobalAveragePooling2D()(values))
    (stage,) = stages_by_resolution(network)
    assert list(stage.layers) == [operation.name for operation in network.operations]


def test_a_network_without_weights_is_one_stage():
    raw = keras.Input((8, 8, 3))
    network = keras.Model(raw, keras.layers.GlobalAveragePooling2D()(raw))
    assert len(stages_by_resolution(network)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("identifier", list_backbones(family="applications"))
def test_stages_of_every_application_name_all_once_and_hold_weights(identifier):
    with keras.StatelessScope():
        network = find_backbone(identifier).build(weights=None)
    stages = stages_by_resolution(network)
    named = [name for stage in stages for name in stage.layers]
    assert named == [operation.name for operation in network.operations]
    weighted = {layer.name for layer in network.layers if layer.trainable_weights}
    assert all(weighted & set(stage.layers) for stage in stages)
    assert 4 <= len(stages) <= 6


def test_stages_do_not_depend_on_what_is_frozen():
    network = find_backbone("applications:vgg16").build(
        weights=None, input=ImageInput(height=32, width=32)
    )
    before = stages_by_resolution(network)
    network.trainable = False
    assert stages_by_resolution(network) == before
    assert len(before) == 5


def test_a_nested_model_is_one_layer_of_a_stage():
    raw = keras.Input((32, 32, 3))
    values = raw
    for width in (4, 8):
        block = [keras.layers.Conv2D(width, 3, strides=4, padding="same"), keras.layers.ReLU()]
        values = keras.Sequential([keras.Input(values.shape[1:]), *block])(values)
    network = keras.Model(raw, keras.layers.GlobalAveragePooling2D()(values))
    names = [operation.name for operation in network.operations]
    assert [stage.layers for stage in stages_by_resolution(network)] == [
        tuple(names[:2]),
        tuple(names[2:]),
    ]
