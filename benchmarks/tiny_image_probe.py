"""How much `tiny:image` knows: linear probes with 100 labelled images, five seeds.

    python benchmarks/tiny_image_probe.py --shared ../shared

Each seed draws 100 rows of the table's training part; the score is the macro AUC over tasks on
every row that shares no group with them. The probe is a logistic regression on standardized
features whose regularization is chosen inside by cross-validation. Rows: features of the
pretrained network, of the same network with random weights, raw pixels, a MobileNetV2, and the
whole network trained from scratch on the same 100 rows.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy import stats
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl.backbones import Backbone, ImageInput, find_backbone
from kerastl.losses import MaskedBinaryCrossentropy

Array = NDArray[Any]
NUM_LABELLED = 100
NUM_SEEDS = 5
REGULARIZATION = np.logspace(-6, 1, 8)
SCRATCH_EPOCHS = (10, 30)
# The findings and attributes with at least 8 % positives.
CHEST_TASKS = (
    "atelectasis",
    "cardiomegaly",
    "effusion",
    "infiltration",
    "abnormal",
    "male",
    "view_ap",
    "age_over_60",
)


@dataclass(frozen=True)
class Data:
    """A table with its images' paths, answers `(rows, tasks)` and groups."""

    name: str
    paths: list[Path]
    labels: Array
    groups: Array
    is_train: Array


def load_table(name: str, path: Path, tasks: tuple[str, ...], group: str | None) -> Data:
    """Reads a table whose images are relative to it."""
    frame = pd.read_csv(path)
    groups = frame[group].to_numpy() if group else np.arange(len(frame))
    column = next(c for c in ("path", "image") if c in frame)
    return Data(
        name=name,
        paths=[path.parent / p for p in frame[column]],
        labels=frame[list(tasks)].to_numpy(float),
        groups=groups,
        is_train=(frame["split"] == "train").to_numpy(),
    )


def load_images(data: Data, size: int) -> Array:
    """Returns the images stretched to `size`, `(rows, size, size, 3)`."""
    return np.stack(
        [
            np.asarray(Image.open(p).convert("RGB").resize((size, size), Image.Resampling.BILINEAR))
            for p in data.paths
        ]
    )


def draws(data: Data) -> list[tuple[Array, Array]]:
    """Returns for each seed the labelled rows and the rows to score."""
    parts = []
    for seed in range(NUM_SEEDS):
        rng = np.random.default_rng(seed)
        labelled = rng.choice(np.flatnonzero(data.is_train), NUM_LABELLED, replace=False)
        others = ~np.isin(data.groups, data.groups[labelled])
        parts.append((labelled, np.flatnonzero(others)))
    return parts


def probe(features: Array, labels: Array, labelled: Array, scored: Array) -> float:
    """Returns the macro AUC of one logistic regression per task."""
    aucs = []
    for y in labels.T:
        rarer = int(min(y[labelled].sum(), NUM_LABELLED - y[labelled].sum()))
        folds = StratifiedKFold(min(5, rarer), shuffle=True, random_state=0)
        model = make_pipeline(
            StandardScaler(),
            LogisticRegressionCV(
                Cs=REGULARIZATION,
                cv=folds,
                scoring="neg_log_loss",
                max_iter=300,
                use_legacy_attributes=False,
                l1_ratios=(0.0,),
            ),
        ).fit(features[labelled], y[labelled])
        aucs.append(roc_auc_score(y[scored], model.decision_function(features[scored])))
    return float(np.mean(aucs))


def from_scratch(images: Array, labels: Array, labelled: Array, scored: Array, seed: int) -> float:
    """Returns the macro AUC of the whole network trained on the labelled rows alone.

    The better of several lengths of training is taken, in favor of training from scratch.
    """
    keras.utils.set_random_seed(seed)
    spec = find_backbone("tiny:image")
    network = spec.build(weights=None, input=spec.input)
    inputs = keras.Input(images.shape[1:])
    logits = keras.layers.Dense(labels.shape[1])(Backbone(network, batch_norm="update")(inputs))
    model = keras.Model(inputs, logits)
    loss = MaskedBinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss, jit_compile=False)
    x = np.concatenate([images[labelled], images[labelled][:, :, ::-1]]).astype(np.float32)
    y, done, scores = np.tile(labels[labelled], (2, 1)), 0, []
    for epochs in SCRATCH_EPOCHS:
        model.fit(x, y, batch_size=20, epochs=epochs - done, verbose=0)
        done = epochs
        predicted = model.predict(images[scored].astype(np.float32), batch_size=100, verbose=0)
        scores.append(roc_auc_score(labels[scored], predicted, average="macro"))
    return float(max(scores))


def tiny_features(images: Array, *, weights: str | None, seed: int = 0) -> Array:
    """Returns the features of `tiny:image`."""
    keras.utils.set_random_seed(seed)
    spec = find_backbone("tiny:image")
    network = spec.build(
        weights=weights, input=ImageInput(height=images.shape[1], width=images.shape[2])
    )
    return network.predict(images.astype(np.float32), batch_size=100, verbose=0)


def mobilenet_features(images: Array, weights: Path, alpha: float) -> Array:
    """Returns the features of a MobileNetV2 of Keras Applications."""
    network = keras.applications.MobileNetV2(
        input_shape=images.shape[1:], alpha=alpha, include_top=False, weights=None, pooling="avg"
    )
    network.load_weights(weights)
    return network.predict(images.astype(np.float32) / 127.5 - 1.0, batch_size=50, verbose=0)


def scores_by_row(data: Data, shared: Path, weights: str, *, quick: bool) -> dict[str, list[float]]:
    """Returns for each row of the report one macro AUC per seed."""
    images, parts = load_images(data, 64), draws(data)
    mobilenets = [
        (f"MobileNetV2 {alpha}, {size} px", alpha, size, shared / "weights" / name)
        for alpha, size, name in (
            (0.35, 64, "mobilenet_v2_0.35_224_no_top.weights.h5"),
            (1.0, 160, "mobilenet_v2_1.0_224_dequant_no_top.weights.h5"),
        )
    ]

    def probes(features: Callable[[int], Array]) -> list[float]:
        return [probe(features(s), data.labels, *part) for s, part in enumerate(parts)]

    pretrained = tiny_features(images, weights=weights)
    rows = {
        "tiny:image, pretrained": probes(lambda seed: pretrained),
        "tiny:image, random weights": probes(lambda s: tiny_features(images, weights=None, seed=s)),
    }
    if quick:
        return rows
    rows["tiny:image, trained from scratch"] = [
        from_scratch(images, data.labels, *part, seed=s) for s, part in enumerate(parts)
    ]
    raw = images[:, ::2, ::2].reshape(len(images), -1).astype(np.float32)
    rows["raw pixels, 32 px"] = probes(lambda seed: raw)
    for name, alpha, size, path in mobilenets:
        features = mobilenet_features(load_images(data, size), path, alpha)
        rows[name] = probes(lambda seed, features=features: features)  # type: ignore[misc]
    return rows


def interval(values: list[float]) -> tuple[float, float]:
    """Returns the mean and the half width of its 95 % t interval over seeds."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def report(name: str, rows: dict[str, list[float]]) -> None:
    """Prints one table: macro AUC, and the paired gain of the pretrained network over the row."""
    print(f"\n{name}, {NUM_LABELLED} labelled images, {NUM_SEEDS} seeds")
    print("| features | macro AUC (95 % interval) | gain of tiny:image |\n|---|---|---|")
    first = next(iter(rows.values()))
    for row, values in rows.items():
        mean, half = interval(values)
        gain, gain_half = interval([a - b for a, b in zip(first, values, strict=True)])
        gained = "" if values is first else f"{gain:+.3f} ± {gain_half:.3f}"
        print(f"| {row} | {mean:.3f} ± {half:.3f} | {gained} |")


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--weights", default="synthetic-scenes-v1", help="published name or file")
    parser.add_argument("--quick", action="store_true", help="pretrained and random weights only")
    parser.add_argument("--json", type=Path, help="also write the scores by seed here")
    arguments = parser.parse_args()
    data = arguments.shared / "data"
    street = ("person", "car", "stop_sign", "traffic_light")
    tables = [
        load_table("street", data / "street" / "street.csv", street, None),
        load_table("chest", data / "chest_nih64" / "chest.csv", CHEST_TASKS, "patient"),
    ]
    results = {}
    for table in tables:
        results[table.name] = scores_by_row(
            table, arguments.shared, arguments.weights, quick=arguments.quick
        )
        report(table.name, results[table.name])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
