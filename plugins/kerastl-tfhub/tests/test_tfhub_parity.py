"""Parity: five SGD steps give what tensorflow_hub's own layer gives in Keras 2."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl_tfhub import SavedModelLayer

STEPS = 5
RATE = 0.05

KERAS_2 = """
import sys
import numpy as np, tensorflow as tf, tensorflow_hub as hub, tf_keras
folder, data, out, rate = sys.argv[1:]
stored = np.load(data)
x, y, kernel = stored["x"], stored["y"], stored["kernel"]
layer = hub.KerasLayer(folder, trainable=True)
model = tf_keras.Sequential([
    tf_keras.layers.InputLayer(x.shape[2:]), layer, tf_keras.layers.Dense(kernel.shape[1])
])
model.layers[-1].set_weights([kernel, np.zeros(kernel.shape[1], "float32")])
model.compile(tf_keras.optimizers.SGD(float(rate)), "mse")
losses = [model.train_on_batch(x[i], y[i]) for i in range(len(x))]
weights = {v.name: v.numpy() for v in layer.weights}
np.savez(out, losses=losses, head=model.layers[-1].get_weights()[0], **weights)
"""


def keras_2(folder: str, data: Path, out: Path) -> dict[str, np.ndarray]:
    done = subprocess.run(
        [sys.executable, "-c", KERAS_2, folder, str(data), str(out), str(RATE)],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(out))


def keras_3(folder: str, data: Path) -> dict[str, np.ndarray]:
    stored = np.load(data)
    x, y, kernel = stored["x"], stored["y"], stored["kernel"]
    layer = SavedModelLayer(folder, trainable=True, batch_norm="update", name="module")
    raw = keras.Input(x.shape[2:])
    head = keras.layers.Dense(kernel.shape[1])
    model = keras.Model(raw, head(layer(raw)))
    head.set_weights([kernel, np.zeros(kernel.shape[1], "float32")])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    losses = [batch_loss(model, x[i], y[i]) for i in range(len(x))]
    weights = {
        variable.path.partition("/")[2] + ":0": variable.numpy() for variable in layer.weights
    }
    return {"losses": np.array(losses), "head": head.get_weights()[0], **weights}


def batch_loss(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Returns the loss of one step; Keras 3 reports the mean since the last reset."""
    model.reset_metrics()
    return float(model.train_on_batch(x, y))


def compare(folder: str, size: int, batch: int, features: int, tmp_path: Path) -> float:
    random = np.random.default_rng(0)
    data = tmp_path / "data.npz"
    np.savez(
        data,
        x=random.uniform(0, 1, (STEPS, batch, size, size, 3)).astype("float32"),
        y=random.normal(size=(STEPS, batch, 3)).astype("float32"),
        kernel=random.normal(0, features**-0.5, (features, 3)).astype("float32"),
    )
    theirs, ours = keras_2(folder, data, tmp_path / "theirs.npz"), keras_3(folder, data)
    assert set(ours) == set(theirs)
    start = SavedModelLayer(folder, name="module")
    for variable in start.weights:  # every weight and every statistic has moved
        name = variable.path.partition("/")[2] + ":0"
        assert np.abs(ours[name] - variable.numpy()).max() > 0, name
    return max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tf_keras") is None, reason="tf_keras isn't installed"
    ),
]


def test_five_steps_with_batch_norm_and_l2_equal_hub_keras_layer(
    conv_net: str, tmp_path: Path
) -> None:
    assert compare(conv_net, 8, 6, 6, tmp_path) <= 1e-6


def test_five_steps_of_a_real_module_equal_hub_keras_layer(
    shared: Path, tmp_path: Path, record_property: pytest.FixtureRequest
) -> None:
    folder = shared / "weights" / "hub_mobilenet_v2_035_224_feature_vector"
    difference = compare(str(folder), 224, 4, 1280, tmp_path)
    record_property("largest difference", difference)
    print("largest difference", difference)  # noqa: T201 - the figure of the issue of parity
    assert difference <= 1e-6
