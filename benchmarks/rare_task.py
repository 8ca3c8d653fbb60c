r"""How a task with few labels fares beside fully labeled ones, by how the tasks are weighted.

    python benchmarks/rare_task.py --data PATH/street --weights PATH/mobilenet_v2.weights.h5
    python benchmarks/rare_task.py --data PATH/street --weights PATH/mobilenet_v2.weights.h5 \
        --fine-tuning --input-size 96 --known 0.05 --draws 1

Features of a frozen MobileNetV2 are computed once, and heads with a hidden layer are trained on
them. In each draw one task keeps a share of its labels in training and validation. All draws are
trained side by side in one network: they share nothing, and Adam treats each weight alone. Scores
are AUCs of the rare task, and of the other three, on test photos whose labels are all known.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from frozen_common import load_images, print_table
from unknown_labels import TASKS, features_of, fit, read

import kerastl
from kerastl.evaluation.score_types import TaskScores
from kerastl.evaluation.scores import score_split
from kerastl.features.prefix import Cut, find_cut, suffix_model
from kerastl.heads.builder import build_model, find_heads, find_layer
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.training.exact_head.solver import solve_head

HEADING = ("weights of tasks", *TASKS, "rare task", "standard error", "other tasks")
TUNING_EPOCHS, TUNING_RATE = 5, 1e-4
UNITS, BATCH, EPOCHS, PATIENCE, RATE = 64, 32, 20, 5, 1e-3


@dataclass(frozen=True)
class Weighting:
    """Weights of tasks: `(n_max / n_j)^exponent`, at most `cap`, on top of `normalize_by`."""

    normalize_by: str = "examples"
    exponent: float = 0.0
    cap: float = np.inf

    def loss(self, labels: np.ndarray) -> MaskedBinaryCrossentropy:
        """Returns the loss for training labels `(examples, tasks)`."""
        known = (~np.isnan(labels)).sum(axis=0)
        weights = np.minimum((known.max() / np.maximum(known, 1)) ** self.exponent, self.cap)
        return MaskedBinaryCrossentropy(
            from_logits=True, normalize_by=self.normalize_by, task_weight=weights.tolist()
        )


WEIGHTINGS = {
    "`examples`": Weighting(),
    "`known`": Weighting("known"),
    "`tasks`": Weighting("tasks"),
    "exponent 0.5": Weighting(exponent=0.5),
    "exponent 1": Weighting(exponent=1),
    "exponent 1, at most 5": Weighting(exponent=1, cap=5),
    "exponent 1, at most 10": Weighting(exponent=1, cap=10),
}


def main() -> None:
    """Trains all variants and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with street.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 1.0, no top")
    parser.add_argument("--input-size", type=int, default=160)
    parser.add_argument("--features", type=Path, help="folder that keeps the features")
    parser.add_argument("--known", type=float, nargs="+", default=[0.02, 0.05, 0.1])
    parser.add_argument("--draws", type=int, default=5, help="number for each task")
    parser.add_argument("--full-validation", action="store_true")
    parser.add_argument("--fine-tuning", action="store_true", help="of the last stage")
    arguments = parser.parse_args()
    run = fine_tuning if arguments.fine_tuning else frozen
    run(arguments)


def frozen(arguments: argparse.Namespace) -> None:
    """Prints a table of heads with a hidden layer for each share of known labels."""
    full = read(arguments.data / "street.csv", TASKS)
    parts = full.frame["split"].to_numpy()
    features = features_of(full, arguments)
    rare = [task for task in range(len(TASKS)) for _ in range(arguments.draws)]
    blanked = parts == "train" if arguments.full_validation else parts != "test"
    for known in arguments.known:
        drawn = [remove(full.labels, t, blanked, known, seed) for seed, t in enumerate(rare)]
        print(f"\n## {known:.0%} of the labels of one task known\n")
        score = partial(scores, full.labels, parts, rare)
        single = [alone(labels, task) for labels, task in zip(drawn, rare, strict=True)]
        rows = [score("alone", train(Weighting(), features, single, parts))]
        rows += [score(n, train(w, features, drawn, parts)) for n, w in WEIGHTINGS.items()]
        rows += [score("linear, exact", exact(features, drawn, parts))]
        print_table(HEADING, rows)


def fine_tuning(arguments: argparse.Namespace) -> None:
    """Prints a table of linear heads whose backbone's last stage is trained, after solving them."""
    full = read(arguments.data / "street.csv", TASKS)
    parts = full.frame["split"].to_numpy()
    rare = [task for _ in range(arguments.draws) for task in range(len(TASKS))]
    drawn = [
        remove(full.labels, task, parts != "test", arguments.known[0], seed)
        for seed, task in enumerate(rare)
    ]
    model = build_model(
        "applications:mobilenet_v2",
        TASKS,
        weights=str(arguments.weights),
        input_size=arguments.input_size,
    )
    kerastl.set_trainable(model, {"stages": 1})
    cut = find_cut(find_layer(model))
    assert cut is not None
    images = load_images(full.files, size=arguments.input_size)
    inputs = cut.prefix.predict(images, batch_size=64, verbose=0)
    solved = exact(cut.suffix.predict(inputs, batch_size=64, verbose=0), drawn, parts)
    found: dict[str, list[np.ndarray]] = {"`examples`": [], "exponent 0.5": [], "exponent 1": []}
    start = model.get_weights()
    for number, labels in enumerate(drawn):
        for name, logits in found.items():
            model.set_weights(start)
            logits.append(tune(WEIGHTINGS[name], model, cut, inputs, labels, parts))
            row = scores(full.labels, parts, [rare[number]], name, logits[-1][None])
            print(number, TASKS[rare[number]], name, *row[-3:], flush=True)
    rows = [scores(full.labels, parts, rare, name, np.stack(one)) for name, one in found.items()]
    print_table(HEADING, [*rows, scores(full.labels, parts, rare, "linear, exact", solved)])


def tune(
    weighting: Weighting,
    model: keras.Model,
    cut: Cut,
    inputs: np.ndarray,
    labels: np.ndarray,
    parts: np.ndarray,
) -> np.ndarray:
    """Returns the logits of all photos, `(photos, tasks)`, from the epoch kept."""
    keras.utils.set_random_seed(0)
    train, held_out = (np.flatnonzero(parts == part) for part in ("train", "validation"))
    features = cut.suffix.predict(inputs, batch_size=64, verbose=0)
    head = solve_head(features[train], labels[train], groups=None)
    (layer,) = [model.get_layer(one.logits_name) for one in find_heads(model)]
    layer.set_weights([head.kernel, head.bias])
    trained = suffix_model(model, cut)
    trained.compile(keras.optimizers.Adam(TUNING_RATE), weighting.loss(labels[train]))
    trained.fit(
        inputs[train],
        labels[train],
        validation_data=(inputs[held_out], labels[held_out]),
        batch_size=BATCH,
        epochs=TUNING_EPOCHS,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(restore_best_weights=True, patience=PATIENCE)],
    )
    return np.asarray(trained.predict(inputs, batch_size=256, verbose=0))


def remove(
    labels: np.ndarray, task: int, blanked: np.ndarray, known: float, seed: int
) -> np.ndarray:
    """Returns labels of which one task keeps a share in the given rows."""
    gone = blanked & (np.random.default_rng(seed).random(len(labels)) >= known)
    return np.where(gone[:, None] & (np.arange(labels.shape[1]) == task), np.nan, labels)


def alone(labels: np.ndarray, task: int) -> np.ndarray:
    """Returns labels of which only one task is known."""
    return np.where(np.arange(labels.shape[1]) == task, labels, np.nan)


def train(
    weighting: Weighting, features: np.ndarray, drawn: Sequence[np.ndarray], parts: np.ndarray
) -> np.ndarray:
    """Returns the logits of all photos from the epoch with the lowest validation loss.

    Of shape `(draws, photos, tasks)`.
    """
    rows = {part: np.flatnonzero(parts == part) for part in ("train", "validation")}
    losses = [weighting.loss(labels[rows["train"]]) for labels in drawn]
    targets = np.stack(drawn, axis=1).astype("float32")
    model = network(features.shape[1], *targets.shape[1:])

    def total(y_true: Any, y_pred: Any) -> Any:
        return sum(loss(y_true[:, i], y_pred[:, i]) for i, loss in enumerate(losses))

    model.compile(keras.optimizers.Adam(RATE), total)
    best, found = np.full((len(drawn), 2), [np.inf, -1.0]), np.zeros((len(drawn), *drawn[0].shape))
    for epoch in range(EPOCHS):
        model.fit(features[rows["train"]], targets[rows["train"]], batch_size=BATCH, verbose=0)
        logits = model.predict(features, batch_size=512, verbose=0)
        held_out = rows["validation"]
        for i, loss in enumerate(losses):
            value = float(loss(targets[held_out, i], logits[held_out, i]))
            if value < best[i, 0] and epoch - best[i, 1] <= PATIENCE:
                best[i], found[i] = (value, epoch), logits[:, i]
    return found


def network(num_features: int, num_draws: int, num_tasks: int) -> keras.Model:
    """Returns a network with a hidden layer and its logits for each draw, all initialized alike."""
    keras.utils.set_random_seed(0)
    limit = np.sqrt(6 / (num_features + UNITS))  # Glorot's, for the hidden layer of one draw
    inputs = keras.Input((num_features,))
    hidden = keras.layers.Dense(
        num_draws * UNITS,
        "relu",
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
    )(inputs)
    hidden = keras.layers.Reshape((num_draws, UNITS))(hidden)
    limit = np.sqrt(6 / (UNITS + num_tasks))
    logits = keras.layers.EinsumDense(
        "bdu,dut->bdt",
        (num_draws, num_tasks),
        bias_axes="dt",
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
    )(hidden)
    return keras.Model(inputs, logits)


def exact(features: np.ndarray, drawn: Sequence[np.ndarray], parts: np.ndarray) -> np.ndarray:
    """Returns the logits of solved linear heads, `(draws, photos, tasks)`."""
    train = parts == "train"
    return np.stack([fit(features, train, labels[train]) for labels in drawn])


def scores(
    full: np.ndarray, parts: np.ndarray, rare: Sequence[int], name: str, found: np.ndarray
) -> tuple[str, ...]:
    """Returns a row: the AUC of each task when it is rare, their mean, and that of the others."""
    test = parts == "test"
    aucs = np.array([[score.auc for score in scored(full[test], one[test])] for one in found])
    is_rare = np.arange(len(TASKS)) == np.array(rare)[:, None]
    by_task = [aucs[np.array(rare) == t, t].mean() if t in rare else np.nan for t in range(4)]
    error = aucs[is_rare].std() / np.sqrt(max(len(rare) - 1, 1))
    others = aucs[~is_rare].mean()
    return (name, *(f"{v:.3f}" for v in (*by_task, aucs[is_rare].mean(), error, others)))


def scored(labels: np.ndarray, logits: np.ndarray) -> Sequence[TaskScores]:
    """Returns the scores of each task."""
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    found = score_split(labels, probabilities, TASKS, dict.fromkeys(TASKS, 0.5))
    return [found.tasks[task] for task in TASKS]


if __name__ == "__main__":
    main()
