"""One step of `frozen_train.py`, in a process of its own; the last line is JSON.

    python benchmarks/frozen_step.py train CONFIG OUTPUT [KEY=VALUE...]
    python benchmarks/frozen_step.py sklearn SHARED
    python benchmarks/frozen_step.py decode SHARED
    python benchmarks/frozen_step.py engine SHARED
    python benchmarks/frozen_step.py sweep SHARED

The time is that of all work after the imports.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf  # noqa: F401  # part of the imports, not of the work
from frozen_common import (
    SIZE,
    TASKS,
    file_inputs,
    load_images,
    peak_megabytes,
    street_table,
    street_weights,
)
from threadpoolctl import threadpool_limits

import kerastl
import kerastl.pipeline
import kerastl.report
from kerastl.cli.startup import save_startup_time
from kerastl.data.tables.splits import assign_folds
from kerastl.features.cache.location import cache_folder
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.keras_engine import KerasEngine
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, find_layer
from kerastl.progress import Progress
from kerastl.records import to_values
from kerastl.training.exact_head import solver
from kerastl.training.exact_head.logistic import mean_loss
from kerastl.training.exact_head.minimization import minimize
from kerastl.training.exact_head.partitions import LocalPartitions, Partition
from kerastl.training.exact_head.rotation import rotate


class Steps(Progress):
    """Notes when each step began."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.steps: list[tuple[str, float]] = []

    def step(self, title: str, total: int | None = None) -> None:
        """Notes it."""
        self.steps.append((title, round(time.perf_counter() - self.started, 2)))


def street(shared: Path) -> tuple[pd.DataFrame, list[Path], np.ndarray]:
    """Returns the table, its files and its labels."""
    table = street_table(shared)
    frame = pd.read_csv(table)
    return frame, [table.parent / p for p in frame["path"]], frame[list(TASKS)].to_numpy(float)


def network(shared: Path) -> keras.Model:
    """Returns the backbone."""
    model = build_model(
        "applications:mobilenet_v2",
        TASKS,
        weights=str(street_weights(shared)),
        input_size=SIZE,
    )
    return find_layer(model).model


def train(config: str, output: str, *overrides: str) -> dict:
    """Trains as the command does, report included."""
    save_startup_time()
    steps = Steps()
    run = kerastl.train(config, output=output, overrides=overrides, progress=steps)
    return {
        "seconds": time.perf_counter() - steps.started,
        "auc": run.metrics["test"]["macro"]["auc"],
        "steps": steps.steps,
        "features": to_values(run.bundle.evidence.features),
        "megabytes": peak_megabytes(),
    }


def sklearn(shared: str) -> dict:
    """Features by Keras's predict, then scikit-learn, C chosen on the validation part.

    BLAS gets one thread: with two, which wait for each other in loops, it takes many times longer
    on a machine that does anything else.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.preprocessing import StandardScaler

    started = time.perf_counter()
    frame, paths, labels = street(Path(shared))
    images = load_images(paths)
    features = network(Path(shared)).predict(images.astype(np.float32), verbose=0)
    extracted = time.perf_counter() - started
    is_train, is_test = (
        (frame["split"] == "train").to_numpy(),
        (frame["split"] == "test").to_numpy(),
    )
    is_validation = ~is_train & ~is_test
    scaler = StandardScaler().fit(features[is_train])
    aucs, limit = [], threadpool_limits(1)
    for task in range(len(TASKS)):
        heads = [
            LogisticRegression(C=c, max_iter=1000).fit(
                scaler.transform(features[is_train]), labels[is_train, task]
            )
            for c in np.logspace(-5, 0, 6)
        ]
        validation = scaler.transform(features[is_validation])
        best = min(
            heads,
            key=lambda head: log_loss(labels[is_validation, task], head.predict_proba(validation)),
        )
        scores = best.decision_function(scaler.transform(features[is_test]))
        aucs.append(roc_auc_score(labels[is_test, task], scores))
    limit.unregister()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "extraction": extracted, "auc": float(np.mean(aucs))}


def decode(shared: str) -> dict:
    """Decodes every image and does nothing with it."""
    _, paths, _ = street(Path(shared))
    started = time.perf_counter()
    load_images(paths)
    return {"seconds": time.perf_counter() - started, "examples": len(paths)}


def engine(shared: str) -> dict:
    """Passes decoded images through the compiled engines and does nothing else.

    The same images by the same engines as a training uses: those that are learned from in
    bfloat16 where the processor has it, the others in float32.
    """
    frame, paths, _ = street(Path(shared))
    images = load_images(paths)
    reference = KerasEngine(network(Path(shared)), np.dtype(np.uint8), num_examples=10**6)
    model = openvino_engine.from_tensorflow(reference.concrete_function)
    is_train = (frame["split"] == "train").to_numpy()
    seconds = 0.0
    for precision, rows in (
        (openvino_engine.precisions()[0], np.flatnonzero(is_train)),
        ("float32", np.flatnonzero(~is_train)),
    ):
        compiled = openvino_engine.OpenvinoEngine(model, precision, reference.output_shape)
        pass_through(compiled, images, rows[:32])
        started = time.perf_counter()
        pass_through(compiled, images, rows)
        seconds += time.perf_counter() - started
    return {"seconds": seconds, "examples": len(paths)}


def pass_through(
    compiled: openvino_engine.OpenvinoEngine, images: np.ndarray, rows: np.ndarray
) -> None:
    """Runs an engine over decoded images."""
    for _ in compiled.run(images[rows[i : i + 16]] for i in range(0, len(rows), 16)):
        pass


def sweep(shared: str) -> dict:
    """Cross-validates 20 regularizations with 4 seeds on the cached features."""
    started = time.perf_counter()
    frame, paths, labels = street(Path(shared))
    rows = np.flatnonzero(frame["split"] == "train")
    inputs = file_inputs([paths[row] for row in rows])
    found = FeatureSource(cache=cache_folder()).extract(
        network(Path(shared)), inputs, is_scored=np.zeros(len(rows), bool)
    )
    losses = sweep_strengths(
        found.values,
        labels[rows],
        strengths=np.logspace(1, -2, 20).tolist(),
        seeds=(0, 1, 2, 3),
    )
    return {
        "seconds": time.perf_counter() - started,
        "computed": found.facts.training.computed,
        "best": float(losses.mean(axis=2).min()),
    }


def sweep_strengths(
    features: np.ndarray, labels: np.ndarray, *, strengths: list[float], seeds: tuple[int, ...]
) -> np.ndarray:
    """Returns the out-of-fold loss, `(seeds, strengths, tasks)`; rotates the features once."""
    problem = rotate(LocalPartitions(Partition(features)))
    targets = solver.make_targets(labels, label_smoothing=0.0, positive_weight=None)
    losses = np.empty((len(seeds), len(strengths), labels.shape[1]))
    for number, seed in enumerate(seeds):
        folds = assign_folds(labels, None, num_folds=5, seed=seed)
        columns = replace(targets, folds=folds, num_folds=5)
        problem.partitions.set_targets(columns)
        weights = None
        for step, strength in enumerate(strengths):
            repeated = np.full(5 * labels.shape[1], strength)
            tolerance = solver._PATH_TOLERANCE
            weights = minimize(problem, columns, repeated, weights, tolerance=tolerance)
            held_out = problem.partitions.each("logits", weights)[0]
            losses[number, step] = mean_loss(held_out, targets)
    return losses


if __name__ == "__main__":
    steps_by_name = {f.__name__: f for f in (train, sklearn, decode, engine, sweep)}
    print(json.dumps(steps_by_name[sys.argv[1]](*sys.argv[2:])))
