"""The layer among Keras's training machinery: replicas, averages, checkpoints, clipping."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl_tfhub import SavedModelLayer

IMAGES = np.random.default_rng(2).uniform(size=(12, 8, 8, 3)).astype("float32")
TARGETS = IMAGES.mean((1, 2, 3))[:, None] * 10

MIRRORED = """
import numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kerastl_tfhub import SavedModelLayer

x = np.random.default_rng(2).uniform(size=(12, 8, 8, 3)).astype("float32")
y = x.mean((1, 2, 3))[:, None] * 10

def train(strategy, folder):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        raw = keras.Input((8, 8, 3))
        layer = SavedModelLayer(folder, trainable=True)
        model = keras.Model(raw, keras.layers.Dense(1)(layer(raw)))
        model.compile(keras.optimizers.SGD(0.01), "mse")
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(6)
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    return losses, layer.get_weights(), model

import sys
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
losses, weights, model = train(two, sys.argv[1])
_, expected, one = train(tf.distribute.get_strategy(), sys.argv[1])
print("losses", losses)
print("difference", max(np.abs(a - b).max() for a, b in zip(weights, expected)))
model.save(sys.argv[2])
reloaded = keras.models.load_model(sys.argv[2])
print("reload", np.abs(reloaded.predict(x, verbose=0) - one.predict(x, verbose=0)).max())
"""


def model_of(folder: str, optimizer: keras.Optimizer, **options: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    raw = keras.Input((8, 8, 3))
    layer = SavedModelLayer(folder, trainable=True, name="module", **options)
    model = keras.Model(raw, keras.layers.Dense(1)(layer(raw)))
    model.compile(optimizer, "mse")
    return model


def fit(model: keras.Model, **options: object) -> keras.callbacks.History:
    return model.fit(
        IMAGES, TARGETS, batch_size=4, shuffle=False, verbose=0, **{"epochs": 2, **options}
    )


def weights_equal(left: keras.Model, right: keras.Model) -> None:
    for a, b in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_two_replicas_learn_what_one_device_learns(conv_net: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, conv_net, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert float(printed["difference"]) < 1e-5
    assert float(printed["reload"]) < 1e-4


def test_a_moving_average_replaces_the_weights_at_the_end(conv_net: str) -> None:
    plain = model_of(conv_net, keras.optimizers.SGD(0.01))
    averaged = model_of(conv_net, keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.5))
    fit(plain)
    fit(averaged)
    kernels = [model.get_layer("module").weights[0].numpy() for model in (plain, averaged)]
    start = SavedModelLayer(conv_net).weights[0].numpy()
    assert 0 < np.abs(kernels[1] - start).max() < np.abs(kernels[0] - start).max()


@pytest.mark.parametrize("weights_only", [False, True])
def test_a_checkpoint_restores_what_was_best(
    conv_net: str, tmp_path: Path, weights_only: bool
) -> None:
    path = tmp_path / ("best.weights.h5" if weights_only else "best.keras")
    model = model_of(conv_net, keras.optimizers.SGD(0.01), batch_norm="update")
    fit(model, callbacks=[keras.callbacks.ModelCheckpoint(path, save_weights_only=weights_only)])
    if weights_only:
        restored = model_of(conv_net, keras.optimizers.SGD(0.01), batch_norm="update")
        restored.load_weights(path)
    else:
        restored = keras.models.load_model(path)
    weights_equal(model, restored)


def test_an_interrupted_fit_continues_where_it_stopped(conv_net: str, tmp_path: Path) -> None:
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    def adam() -> keras.Optimizer:
        return keras.optimizers.Adam(0.01)

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    interrupted = model_of(conv_net, adam(), batch_norm="update")
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, epochs=4, callbacks=[backup, Interrupt()])
    resumed = model_of(conv_net, adam(), batch_norm="update")
    fit(resumed, epochs=4, callbacks=[backup])
    straight = model_of(conv_net, adam(), batch_norm="update")
    fit(straight, epochs=4)
    weights_equal(resumed, straight)


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipped_gradients_bound_the_step(conv_net: str, clip: str) -> None:
    start = SavedModelLayer(conv_net).weights[0].numpy()
    model = model_of(conv_net, keras.optimizers.SGD(1.0, **{clip: 1e-3}))
    fit(model, epochs=1, steps_per_epoch=1)
    step = model.get_layer("module").weights[0].numpy() - start
    bound = np.abs(step).max() if clip == "clipvalue" else np.linalg.norm(step)
    assert 0 < bound <= 1e-3 * 1.01


def test_weights_saved_alone_don_t_fit_another_module(conv_net: str, tmp_path: Path) -> None:
    model = model_of(conv_net, keras.optimizers.SGD(0.01))
    model.save_weights(tmp_path / "own.weights.h5")
    fit(model)
    model.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(
        model.get_layer("module").weights[0].numpy(), SavedModelLayer(conv_net).weights[0].numpy()
    )
