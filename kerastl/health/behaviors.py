"""Checks of the behavior of Keras on which the masked loss and frozen backbones depend.

Convention: a check returns a figure of interest, or raises `AssertionError` with the observed
behavior.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kerastl.heads.builder import build_model, find_layer
from kerastl.layers import Backbone
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.training.compilation import compile as compile_model
from kerastl.training.trainable import set_trainable

BEHAVIORS: dict[str, Callable[[], str]] = {}  # by the expected behavior
_TASKS = ("first", "second")
_NUM_EXAMPLES = 16


def _behavior(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    def add(check: Callable[[], str]) -> Callable[[], str]:
        BEHAVIORS[name] = check
        return check

    return add


@_behavior("Training works with missing labels")
def _unknown_labels_train() -> str:
    model = _compiled(trainable=False)
    losses, changed = _fit(model, epochs=2)
    _require(np.isfinite(losses).all(), f"the loss was {losses}")
    _require(all(np.isfinite(value).all() for value in _weights(model).values()), "a weight is NaN")
    _require(changed, "no weight changed")
    return f"loss {losses[0]:.3f}, then {losses[-1]:.3f}"


@_behavior("Unknown labels have no gradient")
def _unknown_labels_have_no_gradient() -> str:
    labels = np.full((_NUM_EXAMPLES, len(_TASKS)), np.nan, "float32")
    losses, changed = _fit(_compiled(trainable=True), labels)
    _require(losses == [0.0], f"the loss was {losses}, not 0")
    _require_no_change(changed)
    return "loss exactly 0"


@_behavior("Confident mistakes still learn")
def _confident_mistakes_learn() -> str:
    layer = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(12.0))
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1.0), MaskedBinaryCrossentropy(from_logits=True))
    model.fit(np.zeros((2, 1)), np.array([[0.0], [np.nan]]), verbose=0)
    changed = 12 - float(layer.get_weights()[1][0])
    _require(abs(changed - 0.5) < 1e-3, f"the logit changed by {changed:g}, not by 0.5")
    return f"changed by {changed:.3f}"


@_behavior("A frozen backbone does not change")
def _a_frozen_backbone_does_not_change() -> str:
    model = _compiled(trainable=False)
    frozen = set(_weights(find_layer(model)))
    _, changed = _fit(model, epochs=2)
    _require_no_change(changed & frozen)
    return f"{len(frozen)} weights"


@_behavior("Dropout is off in a frozen backbone")
def _dropout_is_off_in_the_backbone() -> str:
    backbone = find_layer(_model(trainable=False))
    one, other = (keras.ops.convert_to_numpy(backbone(_images(), training=True)) for _ in range(2))
    _require(np.array_equal(one, other), "two calls differ")
    return ""


@_behavior("BatchNorm's statistics do not change while the backbone learns")
def _batch_norm_statistics_do_not_change() -> str:
    model = _compiled(trainable=True)
    weights = set(_weights(find_layer(model)))
    statistics = {path for path in weights if "moving_" in path}
    _, changed = _fit(model, epochs=2)
    _require_no_change(changed & statistics)
    missing = weights - statistics - changed
    _require(not missing, f"{', '.join(sorted(missing))} did not change")
    return f"{len(changed & weights)} changed, {len(statistics)} unchanged"


@_behavior("Unfreezing takes effect")
def _unfreezing_takes_effect() -> str:
    model = _compiled(trainable=False)
    _fit(model)
    set_trainable(model, True)
    _, changed = _fit(model)
    _require(changed & set(_weights(find_layer(model))), "no weight changed")
    return ""


@_behavior("The backbone can have its own learning rate")
def _the_backbone_has_its_own_learning_rate() -> str:
    _require(
        hasattr(keras.optimizers, "MultiOptimizer"),
        f"Keras {keras.__version__} lacks keras.optimizers.MultiOptimizer; 3.15 has it",
    )
    model = _model(trainable=True)
    compile_model(model, "sgd", learning_rate=0.1, backbone_learning_rate=0.0)
    _, changed = _fit(model)
    _require(changed, "no weight changed")
    _require_no_change(changed & set(_weights(find_layer(model))))
    return ""


@_behavior("A saved model predicts the same after loading")
def _a_saved_model_can_be_loaded() -> str:
    model = _compiled(trainable=True)
    _fit(model)
    expected = model.predict(_images(), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        size = path.stat().st_size
        copy = keras.models.load_model(path, safe_mode=True)
    difference = float(np.abs(copy.predict(_images(), verbose=0) - expected).max())
    _require(difference < 1e-6, f"probabilities differ by {difference:g}")
    return f"{size:,} bytes"


def _network() -> keras.Model:
    images = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 255)(images)
    convolved = keras.layers.Conv2D(4, 3, use_bias=False, name="convolution")(scaled)
    normalized = keras.layers.BatchNormalization(name="normalization")(convolved)
    dropped = keras.layers.Dropout(0.5)(keras.layers.Activation("tanh")(normalized))
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(dropped))


def _model(*, trainable: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(Backbone(_network()), _TASKS, trainable=trainable)


def _compiled(*, trainable: bool) -> keras.Model:
    model = _model(trainable=trainable)
    compile_model(model, "sgd", learning_rate=0.5)
    return model


def _images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (_NUM_EXAMPLES, 8, 8, 3)).astype("float32")


def _labels() -> np.ndarray:
    random = np.random.default_rng(1)
    return random.choice([0.0, 1.0, np.nan], (_NUM_EXAMPLES, len(_TASKS))).astype("float32")


def _weights(layer: keras.Layer) -> dict[str, np.ndarray]:
    return {
        variable.path: np.array(keras.ops.convert_to_numpy(variable.value))
        for variable in layer.weights
        if "seed_generator" not in variable.path
    }


def _fit(
    model: keras.Model, labels: np.ndarray | None = None, *, epochs: int = 1
) -> tuple[list[float], set[str]]:
    """Fits a model and returns the losses and the paths of the weights that changed."""
    before, labels = _weights(model), _labels() if labels is None else labels
    history = model.fit(_images(), labels, epochs=epochs, verbose=0).history
    after = _weights(model)
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    return history["loss"], changed


def _require_no_change(changed: set[str]) -> None:
    _require(not changed, f"{', '.join(sorted(changed))} changed")


def _require(seen: object, otherwise: str) -> None:
    if not seen:
        raise AssertionError(otherwise)
