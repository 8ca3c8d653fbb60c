"""Fine-tuning: kerastl against plain Keras doing the same, seconds per epoch.

    python benchmarks/stages.py --shared ../shared [--examples 640] [--epochs 3] [--rounds 2]

`{stages: 1}`: plain Keras runs the whole network on decoded images in every step, frozen stages
included; kerastl starts each epoch behind them. `true`: everything learns in both. Both use the
same model, loss, metrics, optimizer and batch size; kerastl's epochs also keep the best weights
and write what an interrupted fit continues from. The first epoch, with its tracing, and the pass
through the frozen stages are listed apart. Rounds alternate which of
the two comes first.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import keras
import numpy as np
import pandas as pd
from frozen_common import SIZE, TASKS, load_images, street_table, street_weights

from kerastl.config import Config, parse_config
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import apply_policy, build_model, find_heads, find_layer, logits_model
from kerastl.progress import SILENT
from kerastl.training import fine_tuning
from kerastl.training.compilation import compile_heads
from kerastl.training.context import TrainingContext
from kerastl.training.fitting import fit_epochs
from kerastl.training.plan import FineTune, plan_training
from kerastl.training.trainable import make_optimizer

BATCH_SIZE = 16


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stops."""
        self.epochs.append(time.perf_counter() - self._started)


def make_model(shared: Path, policy: object) -> keras.Model:
    """Returns the model with what learns set."""
    model = build_model(
        "applications:mobilenet_v2",
        TASKS,
        weights=str(street_weights(shared)),
        input_size=SIZE,
        seed=0,
    )
    apply_policy(find_layer(model), policy)
    return model


def optimizer_of(model: keras.Model) -> keras.optimizers.Optimizer:
    """Returns Adam with a small rate for the backbone."""
    return make_optimizer(model, "adam", learning_rate=1e-3, backbone_learning_rate=1e-5)


def plain(model: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int) -> list[float]:
    """Fits as Keras code would: arrays in, `fit`, nothing else."""
    trained, clock = logits_model(model), Clock()
    compile_heads(trained, find_heads(model), optimizer=optimizer_of(model), from_logits=True)
    trained.fit(
        images.astype(np.float32),
        labels,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        verbose=0,
        callbacks=[clock],
    )
    return clock.epochs


def ours(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, epochs: int, config: Config
) -> tuple[list[float], float]:
    """Fits as `kerastl train` does; returns seconds per epoch, and those before the first."""
    clock = Clock()
    names = [f"{row}.png" for row in range(len(images))]
    examples = Examples(
        frame=pd.DataFrame({"path": names}),
        paths=tuple(map(Path, names)),
        tasks=TASKS,
        labels=np.full_like(labels, np.nan),
        training_labels=labels,
        uncertain=np.zeros(labels.shape, bool),
        groups=None,
        modality="image",
        source="benchmark",
        invalid_cells={},
        assigned=np.full(len(images), "train"),
    )
    phase = plan_training(config, find_heads(model)).phases[-1]
    assert isinstance(phase, FineTune)
    with tempfile.TemporaryDirectory() as folder:
        context = TrainingContext(
            examples=examples,
            inputs=ArrayInputs(images),
            source=FeatureSource(),
            state=Path(folder) / "state",
            progress=SILENT,
        )
        started = time.perf_counter()
        trained, inputs = fine_tuning._trained_part(phase, model, context)
        before = time.perf_counter() - started
        original = keras.callbacks.TensorBoard
        keras.callbacks.TensorBoard = lambda *_, **__: clock  # the clock takes its place
        try:
            fit_epochs(
                replace(phase, keeps_start=False),
                model,
                trained,
                inputs,
                context,
                optimizer=optimizer_of(model),
            )
        finally:
            keras.callbacks.TensorBoard = original
    return clock.epochs, before


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--examples", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--policies", nargs="+", default=["stages", "all"])
    arguments = parser.parse_args()
    table = street_table(arguments.shared)
    frame = pd.read_csv(table).iloc[: arguments.examples]
    images = load_images([table.parent / path for path in frame["path"]])
    labels = frame[list(TASKS)].to_numpy(np.float32)
    for name in arguments.policies:
        policy = {"stages": 1} if name == "stages" else True
        config = parse_config(
            {
                "data": {"table": "t.csv", "image": "path", "tasks": list(TASKS)},
                "backbone": {"name": "applications:mobilenet_v2"},
                "trainable": policy,
                "augment": None,
                "fit": {
                    "solver": "keras",
                    "epochs": arguments.epochs,
                    "batch_size": BATCH_SIZE,
                    "patience": None,
                },
            },
            where="benchmark",
            base=Path(),
        )
        ratios = []
        for number in range(arguments.rounds):
            data = (images, labels, arguments.epochs)
            if number % 2 == 0:
                theirs = plain(make_model(arguments.shared, policy), *data)
            found, before = ours(make_model(arguments.shared, policy), *data, config)
            if number % 2:
                theirs = plain(make_model(arguments.shared, policy), *data)
            ratios.append(median(theirs[1:]) / median(found[1:]))
            print(
                f"trainable: {policy}; epoch: Keras {median(theirs[1:]):.2f} s "
                f"({len(images) / median(theirs[1:]):.0f}/s), kerastl {median(found[1:]):.2f} s "
                f"({len(images) / median(found[1:]):.0f}/s); first epoch {theirs[0]:.1f} and "
                f"{found[0]:.1f} s; frozen stages once {before:.1f} s; ratio {ratios[-1]:.2f}",
                flush=True,
            )
        print(
            f"trainable: {policy}: {median(ratios):.2f} times as fast per epoch "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
