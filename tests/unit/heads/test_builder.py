"""The model: a backbone and the heads on it."""

import keras
import numpy as np
import pytest

import kerastl
from kerastl.backbones import BackboneError
from kerastl.config.head import resolve_heads
from kerastl.errors import ModelError
from kerastl.heads.builder import find_heads, find_layer, head_model, logits_model

pytestmark = pytest.mark.backends

TASKS = ["car", "bus", "bike"]
IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")


def values(tensor: object) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_single_gives_one_output_of_all_tasks(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, TASKS)
    assert model.output_shape == (None, 3)
    assert model.output_names == ["tasks"]


def test_multi_gives_one_output_per_task(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, TASKS, heads="multi")
    assert {name: tuple(out.shape) for name, out in model(IMAGES).items()} == dict.fromkeys(
        TASKS, (4, 1)
    )


def test_named_heads_have_their_own_layers(small_backbone: kerastl.layers.Backbone) -> None:
    heads = {
        "vehicles": {"tasks": ["car", "bus"], "hidden": [8, 4], "dropout": 0.5, "weight": 2.0},
        "bike": {"tasks": ["bike"]},
    }
    model = kerastl.build_model(small_backbone, TASKS, heads=heads)
    names = [layer.name for layer in model.layers]
    assert {"vehicles_hidden_1", "vehicles_dropout_2", "vehicles_logits", "bike_logits"} <= {*names}
    by_name = {head.name: head for head in find_heads(model)}
    assert by_name["vehicles"].weight == 2.0
    assert by_name["vehicles"].hidden == (8, 4)
    assert by_name["bike"].is_linear


def test_a_head_may_be_given_by_its_tasks_alone(small_backbone: kerastl.layers.Backbone) -> None:
    heads = {"vehicles": ["car", "bus"], "bike": ["bike"]}
    model = kerastl.build_model(small_backbone, TASKS, heads=heads)
    assert {head.tasks for head in find_heads(model)} == {("car", "bus"), ("bike",)}


@pytest.mark.parametrize("head", ["car", {"hidden": [4]}, {"tasks": ["car"], "hiden": [4]}])
def test_a_malformed_head_is_an_error(head: object) -> None:
    with pytest.raises(ModelError, match="The head 'vehicles' is not valid"):
        resolve_heads({"vehicles": head}, ["car"])


def test_the_backbone_is_one_layer_named_backbone(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, TASKS)
    assert model.get_layer("backbone") is find_layer(model)


def test_logits_and_probabilities_share_weights(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, TASKS, heads="multi")
    logits = logits_model(model)(IMAGES)
    for name, probabilities in model(IMAGES).items():
        np.testing.assert_allclose(
            values(probabilities), values(keras.ops.sigmoid(logits[name])), rtol=1e-5
        )


def test_the_heads_alone_take_features(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, TASKS)
    features = find_layer(model).model(IMAGES)
    np.testing.assert_allclose(
        values(head_model(model)(features)),
        values(logits_model(model)(IMAGES)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_the_same_seed_gives_the_same_heads(small_backbone: kerastl.layers.Backbone) -> None:
    one, two = (
        kerastl.build_model(small_backbone, TASKS, seed=3).get_layer("tasks_logits").get_weights()
        for _ in range(2)
    )
    np.testing.assert_array_equal(one[0], two[0])


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_heads_are_float32_whatever_the_dtype_policy(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        raw = keras.Input((32, 32, 3))
        features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(raw))
        layer = kerastl.layers.Backbone(keras.Model(raw, features))
        model = kerastl.build_model(layer, TASKS)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.output.dtype == "float32"
    assert model.get_layer("tasks_logits").output.dtype == "float32"


@pytest.mark.parametrize("heads", ["single", "multi"])
def test_a_saved_model_is_the_same_after_loading(
    small_backbone: kerastl.layers.Backbone, tmp_path: object, heads: str
) -> None:
    model = kerastl.build_model(small_backbone, TASKS, heads=heads)
    model.save(f"{tmp_path}/model.keras")
    loaded = kerastl.load_model(f"{tmp_path}/model.keras")
    assert find_heads(loaded) == find_heads(model)
    for one, two in zip(
        keras.tree.flatten(model(IMAGES)), keras.tree.flatten(loaded(IMAGES)), strict=True
    ):
        np.testing.assert_array_equal(values(one), values(two))


def test_every_task_needs_exactly_one_head() -> None:
    with pytest.raises(ModelError, match="exactly one head"):
        resolve_heads({"a": {"tasks": ["car"]}, "b": {"tasks": ["car", "bus"]}}, ["car", "bus"])


@pytest.mark.parametrize("name", ["backbone", "image", "a/b"])
def test_a_head_cannot_take_a_name_that_keras_or_the_model_needs(name: str) -> None:
    with pytest.raises(ModelError, match="cannot be named"):
        resolve_heads("multi", [name, "car"])


def test_an_image_below_the_smallest_size_is_an_error() -> None:
    with pytest.raises(BackboneError, match="too small"):
        kerastl.build_model("applications:mobilenet_v2", TASKS, weights=None, input_size=16)


def test_a_model_without_a_backbone_layer_says_so() -> None:
    raw = keras.Input((4,))
    with pytest.raises(ModelError, match="no backbone layer"):
        find_layer(keras.Model(raw, keras.layers.Dense(1)(raw)))


@pytest.mark.parametrize("tasks", ["car", [], None, 3, ["car", 1], [""]])
def test_tasks_that_are_not_a_list_of_names_are_refused(small_backbone, tasks):
    with pytest.raises(ModelError, match="The tasks are not a list of names"):
        kerastl.build_model(small_backbone, tasks)


@pytest.mark.parametrize(
    "head",
    ["car", None, 3, {"taks": ["car"]}, {"tasks": ["car"], "hidden": [0]}, {"tasks": "car"}],
)
def test_a_malformed_head_is_explained(head):
    with pytest.raises(ModelError, match="The head 'h' is not valid"):
        resolve_heads({"h": head}, ["car"])


@pytest.mark.parametrize("policy", [{"stages": "x"}, {"stages": True}, {"variables": [3]}])
def test_a_trainable_policy_with_a_wrong_value_is_refused(small_backbone, policy):
    with pytest.raises(ModelError, match="The trainable policy is not valid"):
        kerastl.build_model(small_backbone, ["car"], trainable=policy)
