"""Behaviors of Keras that the masked loss and the freezing rest on, each tried in a tiny fit.

Convention: a behavior returns a figure worth knowing, or raises `AssertionError` with what was
seen instead.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np

from kerastl.heads.builder import build_model, find_layer
from kerastl.layers import Backbone
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.training.compilation import compile as compile_model
from kerastl.training.trainable import set_trainable

_TASKS = ("first", "second")
_NUM_EXAMPLES = 16


def unknown_labels_train() -> str:
    """Labels with gaps give a finite loss, and the heads learn."""
    model = _compiled(trainable=False)
    before = _weights(model)
    history = model.fit(_pictures(), _labels(), epochs=2, verbose=0).history
    _require(np.isfinite(history["loss"]).all(), f"the loss was {history['loss']}")
    after = _weights(model)
    _require(all(np.isfinite(value).all() for value in after.values()), "a weight became NaN")
    _require(_moved(before, after) != [], "no weight moved")
    return f"loss {history['loss'][0]:.3f}, then {history['loss'][-1]:.3f}"


def unknown_labels_have_no_gradient() -> str:
    """A fit on nothing but unknown labels moves nothing."""
    model = _compiled(trainable=True)
    before = _weights(model)
    labels = np.full((_NUM_EXAMPLES, len(_TASKS)), np.nan, "float32")
    history = model.fit(_pictures(), labels, verbose=0).history
    _require(history["loss"] == [0.0], f"the loss was {history['loss']}, not 0")
    _require_still(before, _weights(model))
    return "loss exactly 0"


def confident_mistakes_learn() -> str:
    """A wrong logit of 12 still has a gradient."""
    layer = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(12.0))
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1.0), MaskedBinaryCrossentropy(from_logits=True))
    model.fit(np.zeros((2, 1)), np.array([[0.0], [np.nan]]), verbose=0)
    moved = 12 - float(layer.get_weights()[1][0])
    _require(abs(moved - 0.5) < 1e-3, f"the logit moved by {moved:g}, not by 0.5")
    return f"moved by {moved:.3f}"


def a_frozen_backbone_stands_still() -> str:
    """A frozen backbone is bit-identical after a fit, BatchNorm included."""
    model = _compiled(trainable=False)
    before = _weights(find_layer(model))
    model.fit(_pictures(), _labels(), epochs=2, verbose=0)
    _require_still(before, _weights(find_layer(model)))
    return f"{len(before)} weights"


def dropout_is_off_in_the_backbone() -> str:
    """Dropout inside the backbone is off, also when the model is called for training."""
    backbone = find_layer(_model(trainable=False))
    one, other = (
        keras.ops.convert_to_numpy(backbone(_pictures(), training=True)) for _ in range(2)
    )
    _require(np.array_equal(one, other), "two calls differ")
    return ""


def batch_norm_statistics_stand_still() -> str:
    """While a backbone learns, its weights move and BatchNorm's statistics don't."""
    model = _compiled(trainable=True)
    before = _weights(find_layer(model))
    model.fit(_pictures(), _labels(), epochs=2, verbose=0)
    after = _weights(find_layer(model))
    statistics = {path for path in before if "moving_" in path}
    moved = set(_moved(before, after))
    _require(not moved & statistics, f"{', '.join(sorted(moved & statistics))} moved")
    missing = set(before) - statistics - moved
    _require(not missing, f"{', '.join(sorted(missing))} didn't move")
    return f"{len(moved)} moved, {len(statistics)} still"


def unfreezing_takes_effect() -> str:
    """A backbone unfrozen after a fit learns in the next one."""
    model = _compiled(trainable=False)
    model.fit(_pictures(), _labels(), verbose=0)
    before = _weights(find_layer(model))
    set_trainable(model, True)
    model.fit(_pictures(), _labels(), verbose=0)
    _require(_moved(before, _weights(find_layer(model))) != [], "nothing moved")
    return ""


def the_backbone_has_its_own_rate() -> str:
    """`keras.optimizers.MultiOptimizer` gives the backbone a learning rate of its own."""
    _require(
        hasattr(keras.optimizers, "MultiOptimizer"),
        f"Keras {keras.__version__} lacks keras.optimizers.MultiOptimizer; 3.15 has it",
    )
    model = _model(trainable=True)
    compile_model(model, "sgd", learning_rate=0.1, backbone_learning_rate=0.0)
    before = _weights(model)
    model.fit(_pictures(), _labels(), verbose=0)
    moved = _moved(before, _weights(model))
    frozen = _weights(find_layer(model))
    _require(moved != [], "no weight moved")
    _require(not set(moved) & set(frozen), f"{', '.join(moved)} moved")
    return ""


def a_saved_model_comes_back() -> str:
    """A `.keras` file comes back under safe mode with the same predictions."""
    model = _compiled(trainable=True)
    model.fit(_pictures(), _labels(), verbose=0)
    expected = model.predict(_pictures(), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        size = path.stat().st_size
        copy = keras.models.load_model(path, safe_mode=True)
    difference = float(np.abs(copy.predict(_pictures(), verbose=0) - expected).max())
    _require(difference < 1e-6, f"probabilities differ by {difference:g}")
    return f"{size:,} bytes"


BEHAVIORS: Mapping[str, Callable[[], str]] = {
    "Labels with gaps train": unknown_labels_train,
    "Unknown labels have no gradient": unknown_labels_have_no_gradient,
    "Confident mistakes still learn": confident_mistakes_learn,
    "A frozen backbone stands still": a_frozen_backbone_stands_still,
    "Dropout is off inside the backbone": dropout_is_off_in_the_backbone,
    "BatchNorm's statistics stand still while the backbone learns": (
        batch_norm_statistics_stand_still
    ),
    "Unfreezing takes effect": unfreezing_takes_effect,
    "The backbone can have its own learning rate": the_backbone_has_its_own_rate,
    "A saved model comes back the same": a_saved_model_comes_back,
}


def _network() -> keras.Model:
    pictures = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 255)(pictures)
    convolved = keras.layers.Conv2D(4, 3, use_bias=False, name="convolution")(scaled)
    normalized = keras.layers.BatchNormalization(name="normalization")(convolved)
    dropped = keras.layers.Dropout(0.5)(keras.layers.Activation("tanh")(normalized))
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(dropped))


def _model(*, trainable: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model(Backbone(_network()), _TASKS, trainable=trainable)


def _compiled(*, trainable: bool) -> keras.Model:
    model = _model(trainable=trainable)
    compile_model(model, "sgd", learning_rate=0.5)
    return model


def _pictures() -> np.ndarray:
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


def _moved(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> list[str]:
    return [path for path in before if not np.array_equal(before[path], after[path])]


def _require_still(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> None:
    moved = _moved(before, after)
    _require(not moved, f"{', '.join(moved)} moved")


def _require(seen: object, otherwise: str) -> None:
    if not seen:
        raise AssertionError(otherwise)
