"""How much `tiny:speech` knows: "is it this word?" from a few labelled clips, unseen speakers.

    python benchmarks/tiny_speech_probe.py --shared ../shared

Each seed parts the speakers into two halves. For each word, `labels` clips of it and as many others
are drawn from the speakers of the first half; the score is the AUC on every clip of the second. The
probe is a logistic regression on standardized features whose regularization is chosen inside by
cross-validation. Rows: features of the pretrained network, of the same network with random
weights, of log-mel statistics and of Google's speech embedding as a TF Hub module, and the whole
network trained from scratch on the same clips. A table whose rows contradict each other about a
file is named and left out.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl.backbones import Backbone, LogMel, find_backbone
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl_runtime.audio.decoding import load_windows

Array = NDArray[Any]
RATE_HZ = 16_000
TABLES = {"spoken_digits": "digit_", "commands": "kw_"}  # and what its words' columns begin with
REGULARIZATION = np.logspace(-5, 1, 7)
SCRATCH_STEPS = (100, 300)  # the better of them counts, in favor of training from scratch
SCRATCH_BATCH = 20
LARGEST_SHIFT = 1_600  # samples by which training from scratch moves its clips, a tenth of a second


@dataclass(frozen=True)
class Data:
    """A table of clips in memory.

    Args:
        name: Of the table.
        sounds: `(clips, 16000)`, float32.
        labels: `(clips, words)`, 1 or 0.
        words: Columns of the labels.
        speakers: `(clips,)`.
    """

    name: str
    sounds: Array
    labels: Array
    words: tuple[str, ...]
    speakers: Array


@dataclass(frozen=True)
class Draw:
    """One question of one seed: the labelled clips and those that are scored."""

    seed: int
    word: int
    labelled: Array
    scored: Array


def contradictions(table: pd.DataFrame, words: Sequence[str]) -> int:
    """Returns how many files have rows with different answers."""
    answers = table.groupby("path")[list(words)].nunique()
    return int((answers > 1).any(axis=1).sum())


def load_table(folder: Path, name: str) -> Data | None:
    """Reads `folder`/`name`/`name`.csv and its sounds; None where it contradicts itself."""
    table = pd.read_csv(folder / name / f"{name}.csv")
    words = tuple(c for c in map(str, table) if c.startswith(TABLES[name]))
    wrong = contradictions(table, words)
    if wrong:
        files = table["path"].nunique()
        print(
            f"\n{name}: nothing to measure. {len(table)} rows name {files} files, and {wrong} of "
            "them have rows that contradict each other."
        )
        return None
    sounds = [
        load_windows(folder / name / path, rate_hz=RATE_HZ, num_samples=RATE_HZ)[0]
        for path in table["path"]
    ]
    return Data(
        name=name,
        sounds=np.stack(sounds),
        labels=table[list(words)].to_numpy(float),
        words=words,
        speakers=table["speaker"].to_numpy(),
    )


def draws(data: Data, *, num_labels: int, num_seeds: int) -> Iterator[Draw]:
    """Draws for each seed and word the clips to learn from; the scored speakers are others."""
    people = np.unique(data.speakers)
    for seed in range(num_seeds):
        rng = np.random.default_rng(seed)
        heard = np.isin(data.speakers, rng.permutation(people)[: len(people) // 2])
        for word, is_word in enumerate(data.labels.T == 1):
            parts = [
                rng.choice(np.flatnonzero(heard & part), num_labels, replace=False)
                for part in (is_word, ~is_word)
            ]
            yield Draw(seed, word, np.concatenate(parts), np.flatnonzero(~heard))


def probe(features: Array, data: Data, draw: Draw) -> float:
    """Returns the AUC of one logistic regression."""
    y = data.labels[:, draw.word]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
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
    ).fit(features[draw.labelled], y[draw.labelled])
    return float(roc_auc_score(y[draw.scored], model.decision_function(features[draw.scored])))


def from_scratch(data: Data, draw: Draw) -> float:
    """Returns the AUC of the whole network trained on the labelled clips alone, moved in time."""
    keras.utils.set_random_seed(draw.seed)
    rng = np.random.default_rng(draw.seed)
    spec = find_backbone("tiny:speech")
    network = spec.build(weights=None, input=spec.input)
    inputs = keras.Input((RATE_HZ,))
    logits = keras.layers.Dense(1)(Backbone(network, batch_norm="update")(inputs))
    model = keras.Model(inputs, logits)
    loss = MaskedBinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss, jit_compile=False)
    y, scores = data.labels[:, [draw.word]], []
    for step in range(max(SCRATCH_STEPS)):
        chosen = rng.choice(draw.labelled, SCRATCH_BATCH, replace=False)
        shifts = rng.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, SCRATCH_BATCH)
        x = np.stack([np.roll(data.sounds[i], s) for i, s in zip(chosen, shifts, strict=True)])
        model.train_on_batch(x, y[chosen])
        if step + 1 in SCRATCH_STEPS:
            found = model.predict(data.sounds[draw.scored], batch_size=100, verbose=0)
            scores.append(roc_auc_score(y[draw.scored, 0], found[:, 0]))
    return float(max(scores))


def tiny_features(sounds: Array, *, weights: str | None, seed: int = 0) -> Array:
    """Returns the features of `tiny:speech`."""
    keras.utils.set_random_seed(seed)
    spec = find_backbone("tiny:speech")
    network = spec.build(weights=weights, input=spec.input)
    return network.predict(sounds, batch_size=100, verbose=0)


def spectrum_statistics(sounds: Array) -> Array:
    """Returns mean and standard deviation over time of each band of the log-mel spectrogram."""
    layer = LogMel(sample_rate_hz=RATE_HZ, num_bands=48)
    maps = np.concatenate([layer(sounds[i : i + 100]) for i in range(0, len(sounds), 100)])
    return np.concatenate([maps.mean(axis=1), maps.std(axis=1)], axis=1)


def hub_features(sounds: Array, module: Path) -> Array:
    """Returns the means over time of a TF Hub module's frames."""
    from kerastl_tfhub import SavedModelLayer

    layer = SavedModelLayer(module, pooling="mean")
    return np.concatenate([layer(sounds[i : i + 50]) for i in range(0, len(sounds), 50)])


def scores_by_row(
    data: Data,
    *,
    num_labels: int,
    num_seeds: int,
    weights: str,
    module: Path | None,
    scratch_words: Sequence[int],
    quick: bool,
) -> dict[str, dict[tuple[int, int], float]]:
    """Returns for each row of the report the AUC by seed and word."""
    questions = list(draws(data, num_labels=num_labels, num_seeds=num_seeds))

    def probes(features: Callable[[int], Array]) -> dict[tuple[int, int], float]:
        by_seed = {seed: features(seed) for seed in range(num_seeds)}
        return {(d.seed, d.word): probe(by_seed[d.seed], data, d) for d in questions}

    pretrained = tiny_features(data.sounds, weights=weights)
    rows = {"tiny:speech, frozen": probes(lambda seed: pretrained)}
    if quick:
        return rows
    rows["the same network, random weights"] = probes(
        lambda seed: tiny_features(data.sounds, weights=None, seed=seed)
    )
    statistics = spectrum_statistics(data.sounds)
    rows["log-mel statistics"] = probes(lambda seed: statistics)
    if module is not None:
        embedded = hub_features(data.sounds, module)
        rows["speech_embedding of TF Hub, frozen"] = probes(lambda seed: embedded)
    if scratch_words:
        rows["the same network, trained from scratch"] = {
            (d.seed, d.word): from_scratch(data, d) for d in questions if d.word in scratch_words
        }
    return rows


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and the half width of its 95 % t interval over seeds."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def over_seeds(scores: dict[tuple[int, int], float], words: Sequence[int]) -> str:
    """Returns the mean over the words with its interval over seeds, or a dash."""
    seeds = sorted({seed for seed, _ in scores})
    if not all((seed, word) in scores for seed in seeds for word in words):
        return "–"
    values = [float(np.mean([scores[seed, word] for word in words])) for seed in seeds]
    return "{:.3f} ± {:.3f}".format(*interval(values))


def report(
    data: Data, rows: dict[str, dict[tuple[int, int], float]], word: int, num_labels: int
) -> None:
    """Prints one table: AUC of one word and mean AUC of all."""
    seeds = len({seed for seed, _ in next(iter(rows.values()))})
    every = range(len(data.words))
    print(
        f"\n{data.name}: {num_labels} clips of the word and {num_labels} others, unseen speakers, "
        f"{seeds} seeds\n| features | {data.words[word]} | mean of {len(data.words)} words |"
    )
    print("|---|---|---|")
    for name, scores in rows.items():
        print(f"| {name} | {over_seeds(scores, [word])} | {over_seeds(scores, every)} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--table", choices=TABLES, action="append", help="only these tables")
    parser.add_argument("--weights", default="synthetic-speech-v1", help="published name or file")
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 100], help="of each kind")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--word", type=int, default=7, help="the one that has a column of its own")
    parser.add_argument(
        "--scratch", choices=("none", "word", "all"), default="word", help="words to train on"
    )
    parser.add_argument("--quick", action="store_true", help="pretrained weights only")
    parser.add_argument("--json", type=Path, help="also write the scores by seed and word here")
    given = parser.parse_args(arguments)
    module = given.shared / "weights" / "hub_speech_embedding"
    results = {}
    for name in given.table or TABLES:
        data = load_table(given.shared / "data", name)
        if data is None:
            continue
        trained = {"none": (), "word": (given.word,), "all": range(len(data.words))}
        for num_labels in given.labels:
            rows = scores_by_row(
                data,
                num_labels=num_labels,
                num_seeds=given.seeds,
                weights=given.weights,
                module=module if module.is_dir() else None,
                scratch_words=trained[given.scratch],
                quick=given.quick,
            )
            report(data, rows, given.word, num_labels)
            results[f"{name}, {num_labels}"] = {
                row: {f"{data.words[w]}, seed {s}": score for (s, w), score in scores.items()}
                for row, scores in rows.items()
            }
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
