"""Trains small models on one device and on several replicas, and prints how much they differ.

It runs in a process of its own, because virtual devices have to be there before any operation.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.config.training_sections import DistributeConfig
from kerastl.data.inputs.batches import ArrayInputs, by_head, make_batches
from kerastl.heads.builder import build_model, find_heads, logits_model
from kerastl.layers import Backbone
from kerastl.training.adapters import low_rank_adapters
from kerastl.training.checkpoints import _unstored_randomness
from kerastl.training.cluster import Cluster
from kerastl.training.compilation import compile_heads
from kerastl.training.distributed_model import DistributedModel
from kerastl.training.distribution import Distribution

TASKS = ("a", "b", "c")
SEVERAL = {"x": {"tasks": ["c", "a"], "hidden": [3], "weight": 2.0}, "y": {"tasks": ["b"]}}
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(13, 6, 6, 2)).astype("float32")
LABELS = RANDOM.integers(0, 2, (13, 3)).astype("float32")
LABELS[RANDOM.random(LABELS.shape) < 0.4] = np.nan
LABELS[[0, 1, 4, 12]] = np.nan  # so some replicas have no known label in a batch
EVERYTHING = {
    "label_smoothing": 0.1,
    "positive_weight": {"a": 3.0},
    "task_weight": {"b": 0.5},
    "unknown_weight": {"c": 0.3},
}


def backbone(*, norm: bool = False) -> Backbone:
    raw = keras.Input((6, 6, 2))
    outputs = keras.layers.Conv2D(3, 3, strides=2, activation="relu")(raw)
    outputs = keras.layers.BatchNormalization(momentum=0.5)(outputs) if norm else outputs
    outputs = keras.layers.Dense(4)(keras.layers.Flatten()(outputs))
    return Backbone(keras.Model(raw, outputs), batch_norm="update" if norm else "frozen")


def train(
    distribution: Distribution | None,
    *,
    heads: Any = "single",
    penalty: float = 0.0,
    norm: bool = False,
    rank: int | None = None,
    **losses: Any,
) -> dict[str, np.ndarray]:
    """Returns weights, figures of the epochs and predictions of a model after two epochs."""
    policy = {"variables": "*", "batch_norm": "update"} if norm else True
    scope = nullcontext if distribution is None else distribution.scope
    keras.utils.clear_session()  # so that layers have the same names
    keras.utils.set_random_seed(0)
    with scope():
        model = build_model(backbone(norm=norm), TASKS, heads=heads, trainable=policy, seed=1)
    with adapters(model, rank, scope):
        for head in find_heads(model):
            if penalty:
                kernel = model.get_layer(head.logits_name).kernel
                kernel.regularizer = keras.regularizers.L2(penalty)
        trained = logits_model(model)
        with scope():
            optimizer = keras.optimizers.SGD(0.2)
            optimizer.build(trained.trainable_variables)
        found = find_heads(model)
        compile_heads(trained, found, optimizer=optimizer, from_logits=True, **losses)
        labels = by_head(LABELS, found, TASKS)
        rows = np.arange(13)
        batches = make_batches(ArrayInputs(IMAGES), labels, rows, batch_size=5, shuffle_seed=0)
        held_out = make_batches(ArrayInputs(IMAGES), labels, rows[::-1], batch_size=4)
        weights = {head.name: head.weight for head in found}
        runner: Any = trained
        if distribution is not None:
            runner = DistributedModel(trained, distribution, weights)
        history = Figures()
        settings = {"epochs": 2, "initial_epoch": 0, "verbose": 0, "callbacks": [history]}
        runner.fit(batches, validation_data=held_out, **settings)
        outputs = runner.predict(held_out, verbose=0)
        evaluated = runner.evaluate(held_out, verbose=0, return_dict=True)
        with scope():
            assert _unstored_randomness(trained) == []
    return {
        **{f"weight {weight.path}": weight.numpy() for weight in model.weights},
        **{f"figure {name}": np.array(values) for name, values in history.epochs.items()},
        **{f"evaluated {name}": np.array(value) for name, value in evaluated.items()},
        **{f"output {i}": part for i, part in enumerate(tf.nest.flatten(outputs))},
    }


@contextmanager
def adapters(model: keras.Model, rank: int | None, scope: Callable[..., Any]) -> Iterator[None]:
    """Gives the backbone adapters in the block, if there is a rank."""
    if rank is None:
        yield
        return
    manager = low_rank_adapters(model.get_layer("backbone"), rank, seed=0)
    with scope():
        manager.__enter__()
    yield
    manager.__exit__(None, None, None)


class Figures(keras.callbacks.Callback):
    """Keeps the figures of the epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keeps those of an epoch."""
        for name, value in (logs or {}).items():
            self.epochs.setdefault(name, []).append(float(value))


CASES: dict[str, dict[str, Any]] = {
    "examples": {},
    "known": {"normalize_by": "known"},
    "tasks": {"normalize_by": "tasks", "penalty": 0.1},
    "several heads": {"heads": SEVERAL, "penalty": 0.01, **EVERYTHING},
    "adapters": {"rank": 2},
    "batch norm": {"norm": True},
    "dropout": {"heads": {"x": {"tasks": list(TASKS), "hidden": [4], "dropout": 0.5}}},
}


def main(num_replicas: int, names: list[str]) -> None:
    """Prints the largest difference of each value of each case, as JSON."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    virtual = [tf.config.LogicalDeviceConfiguration()] * num_replicas
    tf.config.set_logical_device_configuration(cpu, virtual)
    settings = DistributeConfig(devices=num_replicas)
    distribution = Distribution.start(settings, Cluster.find(settings))
    differences = {}
    for name in names:
        one, several = train(None, **CASES[name]), train(distribution, **CASES[name])
        assert list(one) == list(several), (list(one), list(several))
        differences[name] = {key: float(np.nanmax(np.abs(one[key] - several[key]))) for key in one}
    sys.stdout.write(json.dumps(differences))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
