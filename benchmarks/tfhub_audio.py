"""Spoken words: frozen audio modules of TF Hub with a linear classifier for each word.

Features come from the layer, the classifier is scikit-learn's logistic regression; each speaker in
turn is left out and scored, so every figure is about unseen speakers.

`python benchmarks/tfhub_audio.py --shared ../shared`
"""

import argparse
from math import gcd
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from scipy.signal import resample_poly
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl_tfhub import SavedModelLayer

MODULES = {
    "speech_embedding, mean": ("hub_speech_embedding", {"pooling": "mean"}),
    "speech_embedding, max": ("hub_speech_embedding", {"pooling": "max"}),
    "yamnet, mean": ("hub_yamnet", {"output": 1, "pooling": "mean"}),
}
TABLES = {
    "spoken_digits": [f"digit_{digit}" for digit in range(10)],
    "commands": [f"kw_{word}" for word in ("five", "start", "open", "four", "record", "previous")],
}
RATE_HZ = 16000


def load_clip(path: Path) -> np.ndarray:
    """Returns one second of mono at 16 kHz, cut or filled with silence at the end."""
    samples, rate = soundfile.read(path, dtype="float32")
    common = gcd(rate, RATE_HZ)
    samples = resample_poly(samples, RATE_HZ // common, rate // common).astype("float32")
    return np.pad(samples, (0, max(0, RATE_HZ - len(samples))))[:RATE_HZ]


def contradictions(table: pd.DataFrame, tasks: list[str]) -> int:
    """Returns how many files have more than one row with different answers."""
    answers = table.groupby("path")[tasks].nunique()
    return int((answers > 1).any(axis=1).sum())


def macro_auc(features: np.ndarray, labels: np.ndarray, speakers: np.ndarray) -> float:
    """Returns the mean AUC over words and left-out speakers."""
    scores = []
    for speaker in np.unique(speakers):
        unseen = speakers == speaker
        for task in labels.T:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
            model.fit(features[~unseen], task[~unseen])
            scores.append(roc_auc_score(task[unseen], model.decision_function(features[unseen])))
    return float(np.mean(scores))


def main() -> None:
    """Prints one line per module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--table", choices=TABLES, default="spoken_digits")
    parser.add_argument("--rows", type=int, default=3000, help="take this many rows, at random")
    arguments = parser.parse_args()
    folder, tasks = arguments.shared / "data" / arguments.table, TABLES[arguments.table]
    table = pd.read_csv(folder / f"{arguments.table}.csv")
    wrong = contradictions(table, tasks)
    if wrong:
        raise SystemExit(f"{wrong} files have rows that contradict each other: nothing to measure")
    table = table.sample(min(len(table), arguments.rows), random_state=0)
    clips = np.stack([load_clip(folder / path) for path in table["path"]])
    for name, (module, options) in MODULES.items():
        layer = SavedModelLayer(arguments.shared / "weights" / module, **options)
        batches = [layer(clips[i : i + 50]).numpy() for i in range(0, len(clips), 50)]
        score = macro_auc(
            np.concatenate(batches), table[tasks].to_numpy(), table["speaker"].to_numpy()
        )
        print(f"{name:<24} macro AUC {score:.3f}   {len(table)} clips", flush=True)


if __name__ == "__main__":
    main()
