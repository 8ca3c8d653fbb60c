"""A wake word in long recordings: false accepts per hour, misses, and what listening costs.

    taskset -c 0 python benchmarks/wake_word.py --shared ../shared

The word is "seven" among spoken digits. The speakers are parted: three are trained on, two are for
validation, one is for the test. Out of the clips of each part recordings are made: words in random
order, levels and gaps, in noise whose color and level change every 15 seconds. A run is trained on
windows of the training recordings, its threshold is chosen on the validation recordings by
`false_accepts_per_hour~x`, and the test recording of ten minutes is scored at that threshold.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import soundfile

import kerastl
from kerastl.config import parse_config
from kerastl.data.importing.recording_windows import table_from_recordings
from kerastl.media.audio.blocks import file_blocks
from kerastl.progress import Progress
from kerastl.runs import Run
from kerastl_runtime.audio.decoding import read_audio

RATE_HZ = 8000
GAP_SECONDS = (0.2, 3.0)
TRAINING_GAP_SECONDS = (0.05, 1.0)  # closer: more words in less time
FINE_TUNING = {
    "trainable": True,
    "augment": {"gain": 6.0, "noise": {}, "spec_augment": {}},
    "fit": {"solver": "keras", "epochs": 5, "batch_size": 64, "backbone_learning_rate": 5.0e-4},
}
NOISE_DB = (-60.0, -40.0)  # mean power below full scale, drawn anew for each section
LEVEL_DB = (-32.0, -16.0)  # of a word: 8 to 44 dB above the noise
SECTION_SECONDS = 15  # of one color and level of noise
WORD = "seven"


class Told(Progress):
    """Prints what kerastl notes and warns of."""

    def note(self, text: str) -> None:
        """Prints a note."""
        print(f"  {text}", flush=True)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        print(f"  Warning: {text}", flush=True)


def write_recording(
    clips: pd.DataFrame,
    path: Path,
    *,
    seconds: float,
    gap: tuple[float, float],
    random: np.random.Generator,
) -> list[dict[str, object]]:
    """Writes a recording and returns its events, a row each.

    Args:
        clips: Absolute path and digit of each clip; every clip is used before one is used again.
        path: The file to write.
        seconds: Length of the recording, a multiple of the sections'.
        gap: Least and most seconds from the end of a word to the next.
        random: Draws order, gaps, levels and noise.
    """
    sections = [
        noise(SECTION_SECONDS * RATE_HZ, random) for _ in range(round(seconds / SECTION_SECONDS))
    ]
    samples = np.concatenate(sections)
    rows: list[dict[str, object]] = []
    position = round(RATE_HZ * random.uniform(*gap))
    while True:
        for clip in clips.sample(frac=1, random_state=random).itertuples():
            word = soundfile.read(clip.path, dtype="float32")[0]
            if position + len(word) >= len(samples):
                soundfile.write(path, np.clip(samples, -1, 1), RATE_HZ)
                return rows
            level = 10 ** (random.uniform(*LEVEL_DB) / 20)
            samples[position : position + len(word)] += level * word / word.std()
            start, end = position / RATE_HZ, (position + len(word)) / RATE_HZ
            rows.append(
                {
                    "path": path.name,
                    "word": WORD if clip.digit == 7 else f"digit_{clip.digit}",
                    "start_seconds": start,
                    "end_seconds": end,
                }
            )
            position += len(word) + round(RATE_HZ * random.uniform(*gap))


def noise(count: int, random: np.random.Generator) -> np.ndarray:
    """Returns noise of a random level, whose power falls by a random power of the frequency."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequency = np.maximum(np.arange(len(spectrum)), 1.0)
    colored = np.fft.irfft(spectrum * frequency ** (-random.uniform(0, 2) / 2), count)
    return colored / colored.std() * 10 ** (random.uniform(*NOISE_DB) / 20)


def write_table(
    clips: pd.DataFrame,
    folder: Path,
    name: str,
    *,
    minutes: float,
    parts: int,
    seed: int,
) -> Path:
    """Writes recordings of a part of the speakers and the table of their events."""
    random = np.random.default_rng([seed, len(name)])
    gap = TRAINING_GAP_SECONDS if name == "train" else GAP_SECONDS
    rows = [
        row
        for part in range(parts)
        for row in write_recording(
            clips,
            folder / f"{name}-{part}.flac",
            seconds=60 * minutes / parts,
            gap=gap,
            random=random,
        )
    ]
    table = folder / f"{name}.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    return table


def train(folder: Path, tables: dict[str, Path], arguments: argparse.Namespace) -> Run:
    """Trains on windows of the recordings; the threshold comes from those for validation."""
    frames = [
        table_from_recordings(
            tables[part], relative_to=folder, words=[WORD], hop_seconds=hop
        ).frame.assign(split=part)
        for part, hop in (("train", arguments.hop), ("validation", 1.0), ("test", 1.0))
    ]
    pd.concat(frames, ignore_index=True).to_csv(folder / "windows.csv", index=False)
    config = parse_config(
        {
            "data": {
                "table": str(folder / "windows.csv"),
                "audio": "path",
                "tasks": [WORD],
                "split": {"column": "split"},
            },
            "backbone": {"name": arguments.backbone},
            "evaluation": {
                "threshold": f"false_accepts_per_hour~{arguments.rate:g}",
                "recordings": str(tables["validation"]),
            },
            **({} if arguments.frozen else FINE_TUNING),
        }
    )
    return kerastl.train(config, output=folder / "run", progress=Told())


def streaming_difference(run: Run, recording: Path) -> float:
    """Returns the largest difference of a score between streaming and the whole array."""
    scorer = run.streaming_detector().stream_scorer
    rate_hz = scorer.scorer.rate_hz
    whole = scorer.scores([read_audio(recording, rate_hz=rate_hz)])
    blocks = file_blocks(recording, rate_hz=rate_hz, block_seconds=0.5)
    return float(np.abs(scorer.scores(blocks) - whole).max())


def piped(run: Run, recording: Path) -> tuple[int, float]:
    """Returns detections and processor seconds of `kerastl predict --listen -`, start included."""
    samples = (soundfile.read(recording)[0] * 32767).astype("<i2").tobytes()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = [sys.executable, "-c", "from kerastl.cli import main; main()"]
    command = [*start, "predict", str(run.path), "-", "--listen"]
    done = subprocess.run(
        [*command, "--rate", str(RATE_HZ)], input=samples, capture_output=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return len(done.stdout.splitlines()) - 1, seconds


def report(scores: dict[str, object], name: str) -> None:
    """Prints the figures of one table."""
    word = scores["words"][WORD]  # type: ignore[index]
    low, high = word["false_accepts_per_hour_interval"]
    print(
        f"{name}: {scores['hours'] * 60:.0f} minutes; "  # type: ignore[operator]
        f"{word['false_accepts_per_hour']:.1f} false accepts per hour ({low:.1f}-{high:.1f}), "
        f"{word['missed']} of {word['events']} missed "
        f"({word['missed_share_interval'][0]:.0%}-{word['missed_share_interval'][1]:.0%}), "
        f"latency median {word['latency_seconds']['median']:.2f} s, "
        f"90 % {word['latency_seconds']['p90']:.2f} s, "
        f"real-time factor {scores['real_time_factor']:.4f} on one core ({scores['engine']})"
    )


def parted(shared: Path, test: Sequence[str], validation: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Returns the clips of each part, by their speakers."""
    folder = shared / "data" / "spoken_digits"
    clips = pd.read_csv(folder / "spoken_digits.csv")
    clips["path"] = [str(folder / path) for path in clips["path"]]
    clips["digit"] = clips[[f"digit_{digit}" for digit in range(10)]].to_numpy().argmax(axis=1)
    part = np.select(
        [clips["speaker"].isin(test), clips["speaker"].isin(validation)],
        ["test", "validation"],
        "train",
    )
    return {name: clips[part == name] for name in ("train", "validation", "test")}


def main() -> None:
    """Prints the figures of one split of the speakers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--backbone", default="tiny:speech")
    parser.add_argument("--frozen", action="store_true", help="train the head only")
    parser.add_argument("--rate", type=float, default=6.0, help="false accepts per hour")
    parser.add_argument("--hop", type=float, default=0.2, help="of training windows, in seconds")
    parser.add_argument("--test", nargs="+", default=["george"], help="speakers")
    parser.add_argument("--validation", nargs="+", default=["jackson", "lucas"], help="speakers")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    parts = parted(arguments.shared, arguments.test, arguments.validation)
    for name, clips in parts.items():
        speakers = ", ".join(sorted(clips["speaker"].unique()))
        print(f"{name}: {speakers}; {(clips['digit'] == 7).sum()} clips of {len(clips)} are {WORD}")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tables = {
            name: write_table(
                parts[name], folder, name, minutes=minutes, parts=num, seed=arguments.seed
            )
            for name, minutes, num in (("train", 60, 6), ("validation", 30, 6), ("test", 10, 1))
        }
        started = time.perf_counter()
        run = train(folder, tables, arguments)
        print(f"training: {time.perf_counter() - started:.0f} s")
        report(run.evaluate_recordings(tables["validation"]), "validation (chosen here)")
        report(run.evaluate_recordings(tables["test"]), "test")
        recording = folder / "test-0.flac"
        print(f"streaming against the whole: {streaming_difference(run, recording):.2g}")
        count, seconds = piped(run, recording)
        print(f"through a pipe: {count} detections in {seconds:.1f} s of processor, start included")


if __name__ == "__main__":
    main()
