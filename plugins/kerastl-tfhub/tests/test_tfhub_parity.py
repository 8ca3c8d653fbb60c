"""Parity: five SGD steps give what tensorflow_hub's own layer gives in Keras 2."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerastl_tfhub import SavedModelLayer

STEPS = 5

# Both sides compute in one order, so that a difference is one of the layers.
ONE_ORDER = """
import sys
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
folder, data, out, rate = sys.argv[1:]
stored = np.load(data)
x, y, kernel = stored["x"], stored["y"], stored["kernel"]
zeros = np.zeros(kernel.shape[1], "float32")
"""
KERAS_2 = """
import tensorflow_hub as hub, tf_keras
tf_keras.utils.set_random_seed(0)
layer = hub.KerasLayer(folder, trainable=True)
head = tf_keras.layers.Dense(kernel.shape[1])
model = tf_keras.Sequential([tf_keras.layers.InputLayer(x.shape[2:]), layer, head])
head.set_weights([kernel, zeros])
model.compile(tf_keras.optimizers.SGD(float(rate)), "mse")
losses = [model.train_on_batch(x[i], y[i]) for i in range(len(x))]
weights = {v.name: v.numpy() for v in layer.weights}
np.savez(out, losses=losses, head=head.get_weights()[0], **weights)
"""
KERAS_3 = """
import keras
from kerastl_tfhub import SavedModelLayer
keras.utils.set_random_seed(0)
layer = SavedModelLayer(folder, trainable=True, batch_norm="update", name="module")
head = keras.layers.Dense(kernel.shape[1])
raw = keras.Input(x.shape[2:])
model = keras.Model(raw, head(layer(raw)))
head.set_weights([kernel, zeros])
model.compile(keras.optimizers.SGD(float(rate)), "mse")
losses = []
for i in range(len(x)):
    model.reset_metrics()  # Keras 3 reports the mean since the last reset
    losses.append(model.train_on_batch(x[i], y[i]))
weights = {v.path.partition("/")[2] + ":0": v.numpy() for v in layer.weights}
np.savez(out, losses=losses, head=head.get_weights()[0], **weights)
"""


def trained(script: str, folder: str, data: Path, out: Path, rate: float) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", ONE_ORDER + script, folder, str(data), str(out), str(rate)],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1" if "tf_keras" in script else "0"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(out))


def images(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Returns coarse images: on plain noise a BatchNorm divides by almost nothing."""
    *leading, size, _, channels = shape
    coarse = random.uniform(0, 1, (*leading, 8, 8, channels)).astype("float32")
    return coarse.repeat(size // 8, -3).repeat(size // 8, -2)


def compare(
    folder: str, *, size: int, batch: int, features: int, rate: float, tmp_path: Path
) -> float:
    random = np.random.default_rng(0)
    data = tmp_path / "data.npz"
    np.savez(
        data,
        x=images(random, STEPS, batch, size, size, 3),
        y=random.normal(size=(STEPS, batch, 3)).astype("float32"),
        kernel=random.normal(0, features**-0.5, (features, 3)).astype("float32"),
    )
    theirs = trained(KERAS_2, folder, data, tmp_path / "theirs.npz", rate)
    ours = trained(KERAS_3, folder, data, tmp_path / "ours.npz", rate)
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
    assert compare(conv_net, size=8, batch=6, features=6, rate=0.05, tmp_path=tmp_path) <= 1e-6


def test_five_steps_of_a_real_module_equal_hub_keras_layer(shared: Path, tmp_path: Path) -> None:
    folder = shared / "weights" / "hub_mobilenet_v2_035_224_feature_vector"
    difference = compare(
        str(folder), size=224, batch=4, features=1280, rate=1e-3, tmp_path=tmp_path
    )
    assert difference <= 1e-6, difference
