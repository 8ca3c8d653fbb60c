"""The Keras guide "Transfer learning and fine-tuning", with a loss that knows unknown labels.

    python benchmarks/guide.py --shared ../shared --epochs 10 [--cached]

A frozen MobileNetV2, pooled features, dropout, one dense layer; `tf.data` reads, decodes and
resizes in parallel. `--cached` adds `Dataset.cache()` behind the decoding. The time is that of all
work after the imports, the test score included. The last line is JSON.

Reference: https://keras.io/guides/transfer_learning/
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from frozen_common import SIZE, TASKS, street_table, street_weights
from sklearn.metrics import roc_auc_score

from kerastl.losses import MaskedBinaryCrossentropy

BATCH_SIZE = 32


def batches(frame: pd.DataFrame, folder: Path, *, shuffle: bool, cached: bool) -> tf.data.Dataset:
    """Returns `(images, labels)` in batches, as the guide makes them."""

    def decode(path: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, (SIZE, SIZE)), labels

    paths = [str(folder / path) for path in frame["path"]]
    labels = frame[list(TASKS)].to_numpy(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices((paths, labels))
    if not cached and shuffle:
        dataset = dataset.shuffle(len(frame), seed=0)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    if cached:
        dataset = dataset.cache()
        dataset = dataset.shuffle(len(frame), seed=0) if shuffle else dataset
    return dataset.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)


def build(weights: Path) -> keras.Model:
    """Returns the guide's model, compiled."""
    base = keras.applications.MobileNetV2(
        input_shape=(SIZE, SIZE, 3), include_top=False, weights=None
    )
    base.load_weights(weights)
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(scale=1 / 127.5, offset=-1)(inputs)
    x = base(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(len(TASKS))(x))
    model.compile(
        keras.optimizers.Adam(),
        loss=MaskedBinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    return model


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--cached", action="store_true", help="Dataset.cache() behind the decoding")
    arguments = parser.parse_args()
    started = time.perf_counter()
    table = street_table(arguments.shared)
    frame = pd.read_csv(table)
    parts = {
        name: batches(
            frame[frame["split"] == name],
            table.parent,
            shuffle=name == "train",
            cached=arguments.cached,
        )
        for name in ("train", "val", "validation", "test")
        if (frame["split"] == name).any()
    }
    keras.utils.set_random_seed(0)
    model = build(street_weights(arguments.shared))
    epochs: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.append(-time.perf_counter()),
        on_epoch_end=lambda epoch, logs: epochs.append(epochs.pop() + time.perf_counter()),
    )
    validation = parts.get("val", parts.get("validation"))
    model.fit(
        parts["train"],
        validation_data=validation,
        epochs=arguments.epochs,
        callbacks=[clock],
        verbose=0,
    )
    logits = model.predict(parts["test"], verbose=0)
    labels = frame.loc[frame["split"] == "test", list(TASKS)].to_numpy()
    auc = float(np.mean([roc_auc_score(labels[:, i], logits[:, i]) for i in range(len(TASKS))]))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "epochs": epochs, "auc": auc}))


if __name__ == "__main__":
    main()
