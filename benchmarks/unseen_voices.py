"""How often false accepts per hour on unseen voices exceed the limit of the threshold.

    python benchmarks/unseen_voices.py --shared ../shared --seeds 20

Ten keywords by twenty speakers; each speaker has one recording of all clips in random order, with
pauses and noise. For each seed six speakers are trained on, the thresholds are chosen on ten others
(or fewer, with --validation), and the remaining four are unseen. Printed for `<=` and `~` are the
percent of words and seeds in which the false accepts per hour of the unseen voices together, and of
each of them, exceed the limit, and the percent of missed events.
"""

import argparse
import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import soundfile

import kerastl
from kerastl.config import parse_config
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.importing.negatives import write_negatives
from kerastl.data.importing.recording_windows import table_from_recordings
from kerastl.data.tables.recordings import load_recordings
from kerastl.evaluation.detection.rate_threshold import choose_for_rate
from kerastl.listening.scored_recordings import score_recordings
from kerastl.media.audio.noise import colored_noise
from kerastl_runtime.audio.decoding import read_audio

RATE_HZ = 16_000
NUM_TRAINED = 6
MOST_VALIDATION = 10
PAUSE_SECONDS = (0.1, 1.0)


def write_recording(clips: pd.DataFrame, path: Path, random: np.random.Generator) -> pd.DataFrame:
    """Writes all clips of a speaker in random order; returns the events."""
    position, parts, rows = 0, [], []
    for clip in clips.sample(frac=1, random_state=random).itertuples():
        samples = read_audio(clip.file, rate_hz=RATE_HZ)
        pause = np.zeros(round(RATE_HZ * random.uniform(*PAUSE_SECONDS)), np.float32)
        start, end = (position + np.array([0, len(samples)])) / RATE_HZ
        rows.append((path.name, clip.word, start, end, clip.speaker))
        parts += [samples, pause]
        position += len(samples) + len(pause)
    whole = np.concatenate(parts)
    whole += 10 ** random.uniform(-3, -2.3) * colored_noise(len(whole), "pink", random)
    soundfile.write(path, np.clip(whole, -1, 1), RATE_HZ)
    return pd.DataFrame(rows, columns=["path", "word", "start_seconds", "end_seconds", "speaker"])


def write_all(shared: Path, folder: Path) -> pd.DataFrame:
    """Writes a recording of each speaker; returns all events."""
    source = shared / "data" / "commands"
    clips = pd.read_csv(source / "commands.csv")
    words = [name for name in clips.columns if name.startswith("kw_")]
    clips["word"] = clips[words].to_numpy().argmax(axis=1)
    clips["word"] = [words[number].removeprefix("kw_") for number in clips["word"]]
    clips["file"] = [source / path for path in clips["path"]]
    return pd.concat(
        write_recording(found, folder / f"{speaker}.flac", np.random.default_rng(int(speaker)))
        for speaker, found in clips.groupby("speaker")
    )


class RememberingEngine:
    """An engine that computes the features of each block of windows once, for all seeds."""

    def __init__(self):
        self.engine = None
        self.features = {}

    def run(self, blocks):
        """Yields the features of each block."""
        for block in blocks:
            key = hashlib.sha256(block.tobytes()).digest()
            if key not in self.features:
                (self.features[key],) = self.engine.run(iter([block]))
            yield self.features[key]


ENGINE = RememberingEngine()  # the backbone is frozen, so its features are those of every seed


def measure(
    events: pd.DataFrame, folder: Path, seed: int, arguments: argparse.Namespace
) -> list[dict]:
    """Trains one seed; returns a row for each word and policy."""
    names = np.random.default_rng(seed).permutation(events["speaker"].unique())
    ends = (NUM_TRAINED, NUM_TRAINED + arguments.validation, NUM_TRAINED + MOST_VALIDATION)
    trained, validation, test = names[: ends[0]], names[ends[0] : ends[1]], names[ends[2] :]
    tables = {}
    for part, speakers in (("train", trained), ("validation", validation), ("test", test)):
        tables[part] = folder / f"{part}.csv"
        events[events["speaker"].isin(speakers)].to_csv(tables[part], index=False)
    words = sorted(events["word"].unique())
    made = table_from_recordings(tables["train"], relative_to=folder, words=words)
    made.frame.to_csv(folder / "windows.csv", index=False)
    data = {"table": str(folder / "windows.csv"), "audio": "path", "tasks": words}
    split = {"validation": 0.17, "test": 0.17}
    run = kerastl.train(
        parse_config({"data": {**data, "split": split}, "backbone": {"name": "tiny:speech"}}),
        output=folder / f"run{seed}",
    )
    scorer = run.streaming_detector().stream_scorer
    ENGINE.engine, ENGINE.label = scorer.scorer._engine, scorer.scorer._engine.label
    scorer.scorer._engine = ENGINE
    tables["negatives"] = folder / "negatives" / "negatives.csv"
    scored = {
        part: score_recordings(scorer, load_recordings(tables[part], words))
        for part in ("validation", "test", "negatives")
        if tables[part].exists()
    }
    return [
        row(scored, word, policy, with_negatives)
        for word in words
        for policy in (f"false_accepts_per_hour{s}{arguments.limit:g}" for s in ("<=", "~"))
        for with_negatives in (False, True)[: 1 + ("negatives" in scored)]
    ]


def row(scored: dict, word: str, policy: str, with_negatives: bool) -> dict:
    """Returns the outcome of one threshold on unseen voices."""
    wanted = ThresholdPolicy.parse(policy)
    negatives = scored["negatives"].words[word] if with_negatives else None
    choice = choose_for_rate(scored["validation"].words[word], wanted, negatives)
    unseen = scored["test"].words[word]
    found = unseen.at(choice.threshold)
    return {
        "policy": policy + (" with negatives" if with_negatives else ""),
        "promised": choice.promise.is_promised,
        "rate": found.false_accepts.sum() / unseen.hours,
        "exceeds": found.false_accepts.sum() / unseen.hours > wanted.value,
        "voices exceed": np.mean(unseen.rates_by_voice(found.false_accepts) > wanted.value),
        "missed": found.missed.sum() / unseen.num_events,
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--limit", type=float, default=36.0, help="false accepts per hour")
    parser.add_argument("--validation", type=int, default=MOST_VALIDATION, help="voices")
    parser.add_argument("--hours", type=float, default=0.0, help="of negatives")
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        events = write_all(arguments.shared, folder)
        if arguments.hours:
            write_negatives(folder / "negatives", hours=arguments.hours)
        rows = []
        for seed in range(arguments.seeds):
            rows += measure(events, folder, seed, arguments)
            table = pd.DataFrame(rows).astype({"promised": float})
            print(f"\n{seed + 1} seeds, words x seeds: {len(table)}")
            print(table.groupby("policy").mean().round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
