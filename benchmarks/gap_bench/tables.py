"""Tables whose labels are all known, with the features of a frozen backbone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frozen_common import SIZE, TASKS, street_table, street_weights

from kerastl.data.tables.stratification import stratify

FINDINGS = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "infiltration",
    "mass",
    "nodule",
    "pleural_thickening",
    "pneumonia",
    "pneumothorax",
    "abnormal",
    "male",
    "view_ap",
    "age_over_60",
)
KEYWORDS = "five start open four record previous up down zoom_out eight"
WORDS = {
    "commands": tuple(f"kw_{word}" for word in KEYWORDS.split()),
    "spoken_digits": tuple(f"digit_{digit}" for digit in range(10)),
}
NAMES = ("street", "chest", "commands", "spoken_digits", "handwritten_digits")
MADE_UP = "made_up"  # the table of `--quick`
FEWEST_OF_A_CLASS = 80  # labels of each class that a task must have
MOST_TRAINING_ROWS = 600  # many trainings are affordable, and gaps matter with few rows


@dataclass(frozen=True, kw_only=True)
class Table:
    """Features and labels of all examples.

    Args:
        features: `(examples, feature_dim)` float32.
        labels: `(examples, tasks)`, 1 or 0.
        tasks: Names of the tasks.
        groups: Group of each example, or None.
        splits: The table's own split of each example, or None.
    """

    features: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]
    groups: np.ndarray | None = None
    splits: np.ndarray | None = None

    def rows(self, rows: np.ndarray) -> "Table":
        """Returns some of the examples."""
        groups = None if self.groups is None else self.groups[rows]
        splits = None if self.splits is None else self.splits[rows]
        return Table(
            features=self.features[rows],
            labels=self.labels[rows],
            tasks=self.tasks,
            groups=groups,
            splits=splits,
        )

    def frequent(self) -> "Table":
        """Returns the table without tasks with few positives or few negatives."""
        positives = self.labels.sum(axis=0)
        kept = np.minimum(positives, len(self.labels) - positives) >= FEWEST_OF_A_CLASS
        return Table(
            features=self.features,
            labels=self.labels[:, kept],
            tasks=tuple(task for task, is_kept in zip(self.tasks, kept, strict=True) if is_kept),
            groups=self.groups,
            splits=self.splits,
        )

    def parts(self, seed: int) -> tuple["Table", "Table"]:
        """Returns at most 600 examples for training, and half of all for the test.

        No group is in both.
        """
        part = stratify(self.labels, self.groups, fractions=(0.5, 0.5), seed=seed)
        training = np.random.default_rng(seed).permutation(np.flatnonzero(part == 0))
        return self.rows(np.sort(training[:MOST_TRAINING_ROWS])), self.rows(part == 1)


def load(name: str, shared: Path | None) -> Table | str:
    """Returns a table of `NAMES`, or the reason why it cannot be loaded."""
    if name == "handwritten_digits":
        return handwritten_digits()
    if shared is None:
        return "needs --shared"
    config = config_of(name, shared)
    needed = (config["data"]["table"], config["backbone"].get("weights"))
    missing = [path for path in needed if path is not None and not Path(path).is_file()]
    return f"{missing[0]} does not exist" if missing else with_features(config)


def config_of(name: str, shared: Path) -> dict[str, Mapping[str, Any]]:
    """Returns the config of a table of `shared/data` and the backbone for it."""
    if name in WORDS:
        table = str(shared / "data" / name / f"{name}.csv")
        data = {"table": table, "audio": "path", "tasks": WORDS[name], "group": "speaker"}
        return {"data": data, "backbone": {"name": "tiny:speech"}}
    weights = str(street_weights(shared))
    backbone = {"name": "applications:mobilenet_v2", "weights": weights, "input_size": SIZE}
    if name == "street":
        data = {"table": str(street_table(shared)), "image": "path", "tasks": TASKS}
    else:
        table = str(shared / "data" / "chest_nih64" / "chest.csv")
        data = {"table": table, "image": "path", "tasks": FINDINGS, "group": "patient"}
    return {"data": data, "backbone": backbone}


def with_features(config: Mapping[str, Mapping[str, Any]]) -> Table:
    """Reads a table, and passes each file through the frozen backbone unless that is cached."""
    from kerastl.backbones import find_backbone
    from kerastl.config import DataConfig
    from kerastl.data.inputs.streams import FileInputs
    from kerastl.data.tables.loading import load_table
    from kerastl.features.cache.location import cache_folder
    from kerastl.features.source import FeatureSource
    from kerastl.heads.builder import build_model, find_layer
    from kerastl.run.results import input_contract

    data, backbone = DataConfig(**config["data"]), dict(config["backbone"])
    examples, spec = load_table(data), find_backbone(backbone.pop("name"))
    model = build_model(spec, examples.tasks, **backbone)
    inputs = FileInputs(examples.files, input_contract(model.input_shape[1:], data, spec))
    source = FeatureSource(cache=cache_folder())
    return Table(
        features=source.features_of(find_layer(model), inputs).values,
        labels=examples.labels,
        tasks=tuple(examples.tasks),
        groups=examples.groups,
        splits=examples.frame["split"].to_numpy(),
    )


def handwritten_digits() -> Table:
    """Returns scikit-learn's handwritten digits; the features are their 64 pixels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Table(
        features=digits.data.astype(np.float32),
        labels=(digits.target[:, None] == np.arange(10)).astype(float),
        tasks=tuple(f"is_{digit}" for digit in range(10)),
    )


def made_up(seed: int = 0, examples: int = 240, features: int = 12, tasks: int = 3) -> Table:
    """Returns a small table whose labels depend on the features, for `--quick`."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(examples, features)).astype(np.float32)
    logits = 1.5 * x @ random.normal(size=(features, tasks)) - 0.5
    labels = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    names = tuple(f"task_{number}" for number in range(tasks))
    return Table(features=x, labels=labels, tasks=names)
