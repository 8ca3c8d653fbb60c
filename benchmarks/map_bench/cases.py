"""The tables of the map: decoded inputs, labels and splits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STREET = ("person", "car", "stop_sign", "traffic_light")
CHEST = ("effusion", "abnormal", "male", "view_ap")
WORDS = ("kw_five", "kw_start", "kw_open", "kw_four")
SPOKEN = ("odd", "ge5", "digit_3", "digit_7")
TEN = "ten commands"
NAMES = ("commands", "spoken digits", "street", "chest", TEN)
_SPEAKERS = {"yweweler": "validation", "theo": "test"}
MOST_ALONE = 4
_SIDE = 32  # pixels
SAMPLES = 9600  # 0.6 s


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table in memory.

    Args:
        backbone: Arguments of `kerastl.build_model`.
        inputs: Of all rows.
        labels: `(rows, tasks)`, all known.
        train: Indices of the rows that may be drawn for training.
        test: Indices of the rows on which everything is scored.
        groups: Group of each row for the bootstrap.
        num_alone: Number of tasks that get a network of their own and are scored, the first ones.
    """

    name: str
    tasks: tuple[str, ...]
    backbone: dict[str, Any]
    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    num_alone: int

    def drawn(self, size: int, seed: int, unknown: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns training rows and their labels, of which a share is hidden (NaN).

        The draw is repeated until each task has two known labels of each class.
        """
        random = np.random.default_rng(seed)
        while True:
            rows = random.permutation(self.train)[:size]
            labels = np.where(
                random.random((len(rows), len(self.tasks))) < unknown, np.nan, self.labels[rows]
            )
            if min((labels == 1).sum(axis=0).min(), (labels == 0).sum(axis=0).min()) >= 2:
                return rows, labels


def load(name: str, shared: Path) -> Case:
    """Reads and decodes a table of `NAMES`."""
    speech = {"backbone": "tiny:speech", "input_size": SAMPLES}
    if name in ("commands", TEN):
        frame = read(shared, "commands/commands.csv")
        words = tuple(column for column in frame if column.startswith("kw_"))
        if name == TEN:
            return of_frame(name, frame, words, "audio", speech)
        frame = frame[frame[list(words[:5])].any(axis=1)]  # four words, and a fifth that is neither
        return of_frame(name, frame, WORDS, "audio", speech)
    if name == "spoken digits":
        frame = read(shared, "spoken_digits/spoken_digits.csv")
        frame["split"] = frame["speaker"].map(_SPEAKERS).fillna("train")
        return of_frame(name, frame, SPOKEN, "audio", speech)
    backbone = {"backbone": "tiny:image", "input_size": _SIDE}
    if name == "street":
        return of_frame(name, read(shared, "street/street.csv"), STREET, "image", backbone)
    frame = read(shared, "chest_nih64/chest.csv")
    return of_frame(name, frame, CHEST, "image", backbone, groups=frame["patient"].to_numpy())


def read(shared: Path, name: str) -> pd.DataFrame:
    """Returns a table below `shared/data` with absolute paths."""
    path = (shared / "data" / name).absolute()
    frame = pd.read_csv(path)
    return frame.assign(path=[str(path.parent / file) for file in frame["path"]])


def of_frame(
    name: str,
    frame: pd.DataFrame,
    tasks: tuple[str, ...],
    media: str,
    backbone: dict[str, Any],
    *,
    groups: np.ndarray | None = None,
) -> Case:
    """Decodes the files of a table whose labels are all known."""
    from kerastl import build_model
    from kerastl.backbones import find_backbone
    from kerastl.config import DataConfig
    from kerastl.data.inputs.streams import FileInputs
    from kerastl.run.results import input_contract

    spec = find_backbone(backbone["backbone"])
    model = build_model(tasks=tasks, **backbone)
    data = DataConfig(**{"table": "table.csv", media: "path", "tasks": list(tasks)})
    contract = input_contract(model.input_shape[1:], data, spec)
    files = FileInputs([Path(path) for path in frame["path"]], contract)
    split = frame["split"].to_numpy()
    return Case(
        num_alone=min(len(tasks), MOST_ALONE),
        name=name,
        tasks=tasks,
        backbone=backbone,
        inputs=files.take(np.arange(len(frame))),
        labels=frame[list(tasks)].to_numpy(float),
        train=np.flatnonzero(split == "train"),
        test=np.flatnonzero(split == "test"),
        groups=frame["path"].to_numpy(str) if groups is None else groups.astype(str),
    )
