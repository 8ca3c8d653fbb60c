"""Folders of finished runs, written as training writes them but without training."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.evaluation.calibration import calibrated_probabilities
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import score_split
from kerastl.files import write_json
from kerastl.media.media_types import read_contract
from kerastl.records import to_values
from kerastl.run.bundle import (
    BackboneFacts,
    Bundle,
    Calibration,
    DataFacts,
    Evidence,
    TableFile,
    TaskBundle,
)

SHAPES = {"image": (32, 32, 3), "audio": (16000,)}
NASTY = "</script><img src=x onerror=hacked=1>\"'&amp;"


def write_run(
    folder: Path,
    *,
    tasks: tuple[str, ...] = ("car", "stop sign"),
    parts: tuple[str, ...] = ("train", "validation", "test"),
    rows: int = 240,
    gaps: float = 0.2,
    unknown_tasks: tuple[str, ...] = (),
    names: str = "image",
    modality: str = "image",
    grouped: bool = True,
    epochs: int = 0,
    calibrated: bool = True,
    signal: float = 2.4,
) -> Path:
    """Writes a run whose scores follow from its predictions.

    Args:
        folder: Of the run; images or audio files are in `folder/files`.
        tasks: Names of the tasks.
        parts: Splits.
        rows: Number of examples.
        gaps: Share of unknown labels.
        unknown_tasks: Tasks without any known label.
        names: Beginning of the file names.
        modality: `"image"` or `"audio"`.
        grouped: Whether examples have groups.
        epochs: Rows of the history.
        calibrated: Whether calibration changes the probabilities.
        signal: How much higher the logits of a yes are; 0 is noise.
    """
    random = np.random.default_rng(0)
    (folder / "files").mkdir(parents=True)
    frame = pd.DataFrame({"path": _files(folder / "files", names, modality, rows)})
    frame["split"] = [parts[i % len(parts)] for i in range(rows)]
    if grouped:
        frame["group"] = [f"scene {i // 2}" for i in range(rows)]
    facts = {task: _facts(i, calibrated) for i, task in enumerate(tasks)}
    for task, one in facts.items():
        labels = random.integers(0, 2, rows).astype(np.float32)
        logits = (labels - 0.5) * signal + random.normal(0, 1.4, rows)
        labels[random.random(rows) < (1.0 if task in unknown_tasks else gaps)] = np.nan
        frame[f"{task}_label"] = labels
        frame[f"{task}_logit"] = logits.astype(np.float32)
        frame[task] = calibrated_probabilities(
            frame[[f"{task}_logit"]].to_numpy(), [one.calibration.scale], [one.calibration.offset]
        )[:, 0]
    frame.to_parquet(folder / "predictions.parquet")
    frame[["path"]].to_csv(folder / "table.csv", index=False)
    write_json(folder / "metrics.json", _metrics(frame, facts, parts))
    bundle = _bundle(facts, modality, rows, grouped, folder / "table.csv")
    (folder / "bundle.json").write_text(json.dumps(bundle.model_dump(mode="json")))
    (folder / "config.yaml").write_text(f"data:\n  tasks: {json.dumps(list(tasks))}\n")
    _history(epochs).to_csv(folder / "history.csv", index=False)
    return folder


def _files(folder: Path, names: str, modality: str, rows: int) -> list[str]:
    """Makes the first 40 files; the others are missing, as after a move of the data."""
    ending = {"image": ".png", "audio": ".wav"}[modality]
    paths = [folder / f"{names}-{i}{ending}".replace("/", "∕") for i in range(rows)]
    for i, path in enumerate(paths[:40]):
        (_write_image if modality == "image" else _write_audio)(path, i)
    return [str(path) for path in paths]


def _write_image(path: Path, number: int) -> None:
    from PIL import Image

    Image.new("RGB", (200, 100 + number), (number * 6, 120, 200)).save(path)


def _write_audio(path: Path, number: int) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        waveform = 8000 * np.sin(np.arange(1600) * (0.1 + number / 100))
        file.writeframes(waveform.astype("<i2").tobytes())


def _facts(index: int, calibrated: bool) -> TaskBundle:
    scale = Calibration(scale=0.8, offset=0.1) if calibrated else Calibration(reason="too few")
    return TaskBundle(
        threshold=0.4137 + 0.01 * (index % 10),
        threshold_policy="youden",
        calibration=scale,
        labels=LabelPolicy(),
    )


def _metrics(
    frame: pd.DataFrame, facts: dict[str, TaskBundle], parts: tuple[str, ...]
) -> dict[str, object]:
    metrics = {}
    for part in parts:
        rows = frame[frame["split"] == part]
        groups = rows["group" if "group" in rows else "path"].to_numpy()
        scores = score_split(
            rows[[f"{task}_label" for task in facts]].to_numpy(),
            rows[list(facts)].to_numpy(),
            tuple(facts),
            {task: one.threshold for task, one in facts.items()},
            bootstrap=Bootstrap(groups=groups, replicates=50),
        )
        metrics[part] = to_values(scores)
    return metrics


def _bundle(
    facts: dict[str, TaskBundle], modality: str, rows: int, grouped: bool, table: Path
) -> Bundle:
    return Bundle(
        tasks=facts,
        heads={"tasks": tuple(facts)},
        input=read_contract({"modality": modality, "shape": SHAPES[modality]}),
        backbone=BackboneFacts(
            id="tiny:image", weights=None, options={}, license="MIT", sha256="0" * 64, trained=False
        ),
        data=DataFacts(
            tables=(TableFile(path=str(table.resolve()), sha256="1" * 64),),
            rows=rows,
            column="path",
            group="scene" if grouped else None,
        ),
        evidence=Evidence(regularization=dict.fromkeys(facts, 0.1)),
        versions={"python": "3.11", "kerastl": "0.1.0", "keras": "3.15.0"},
        plugins={"kerastl-tiny": "0.1.0"},
        created="2026-01-02T03:04:05+00:00",
    )


def _history(epochs: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "phase": "heads" if epoch < 2 else "fine_tuning",
                "epoch": epoch + 1,
                "log_loss": 0.7 - 0.02 * epoch,
                "val_log_loss": 0.72 - 0.01 * epoch,
                "auc": 0.6 + 0.02 * epoch,
                "val_auc": 0.6 + 0.01 * epoch,
            }
            for epoch in range(epochs)
        ]
    )
