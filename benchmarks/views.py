r"""What a frozen backbone gains by looking more than once, and what `features: auto` chooses.

    python benchmarks/views.py --shared PATH --draws 10 [--only street chest commands]

Features are computed once; then heads are solved on each draw of the known labels or of the rows.
Scores are macro AUCs on the test rows, paired over draws. The interval is Student's over draws.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.special
import scipy.stats
from frozen_common import TASKS, print_table, street_table, street_weights

from kerastl.config.features_section import FeaturesConfig
from kerastl.data.inputs.streams import FileInputs
from kerastl.evaluation.scores import score_task
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_backbone
from kerastl.media.media_types import media_type
from kerastl.training.exact_head.solver import solve_head
from kerastl.training.feature_search import candidates, choose_features

SIZE = 160
SINGLE = FeaturesConfig(stages=("top",), transform="none")
FINDINGS = (
    "effusion",
    "infiltration",
    "atelectasis",
    "cardiomegaly",
    "abnormal",
    "male",
    "view_ap",
    "age_over_60",
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """The paths, labels and groups of a table, and its backbone."""

    media: str
    backbone: str
    build: Mapping[str, Any]  # arguments of `build_backbone`
    paths: tuple[Path, ...]
    labels: np.ndarray
    groups: np.ndarray | None
    splits: np.ndarray

    def features(self, settings: FeaturesConfig) -> np.ndarray:
        """Returns the features of all rows in float32, cached."""
        media = media_type(self.media)
        build = dict(self.build)
        if media.largest_size(settings) is not None:
            build.pop("input_size", None)
        layer, raw = build_backbone(self.backbone, features=settings, **build)
        shape = tuple(raw.shape[1:])
        contract = media.contract(shape, media.data_settings(), None, backbone=self.backbone)
        source = FeatureSource(cache=cache_folder())
        return source.features_of(layer, FileInputs(self.paths, contract)).values


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Training labels of one draw, NaN where hidden, and the rows that are scored."""

    train: np.ndarray
    validation: np.ndarray
    labels: np.ndarray
    test: np.ndarray


def main() -> None:
    """Runs the experiments and prints a table in Markdown for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data and weights")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=["street", "chest", "commands"])
    arguments = parser.parse_args()
    for name in arguments.only:
        table, draws = EXPERIMENTS[name](arguments.shared)
        for title, draw in draws.items():
            run(title, table, draw, arguments.draws)


def run(title: str, table: Table, draw: Callable[[Table, int], Draw], num_draws: int) -> None:
    """Prints the scores of every candidate, of the automatic choice, and of refitting."""
    media = media_type(table.media)
    shape = (SIZE, SIZE, 3) if table.media == "image" else (16_000,)
    offered = candidates(media, shape, 8.0)
    values = {"one feature vector": (SINGLE, 1.0, table.features(SINGLE))}
    for settings, cost in offered:
        views = settings.model_dump(exclude_defaults=True)
        name = ", ".join(f"{key} {value}" for key, value in views.items()) or "default (free)"
        values[name] = (settings, cost, table.features(settings))
    scores: dict[str, list[float]] = {name: [] for name in [*values, "auto", "auto, refit"]}
    costs = []
    for seed in range(num_draws):
        drawn = draw(table, seed)
        for name, (_, _, features) in values.items():
            scores[name].append(score(table, features, drawn, drawn.train, seed))
        groups = None if table.groups is None else table.groups[drawn.train]
        affordable = [found for found in list(values.values())[1:] if found[1] <= 4]
        chosen, _ = choose_features(
            ((settings, cost, features[drawn.train]) for settings, cost, features in affordable),
            drawn.labels[drawn.train],
            groups,
            media,
            seed=seed,
        )
        settings, cost, features = next(found for found in affordable if found[0] == chosen)
        costs.append(cost)
        scores["auto"].append(score(table, features, drawn, drawn.train, seed))
        rows = np.concatenate([drawn.train, drawn.validation])
        scores["auto, refit"].append(score(table, features, drawn, rows, seed))
    print(f"\n### {title}, {num_draws} draws\n")
    cost_of = {name: f"{cost:.2g}" for name, (_, cost, _) in values.items()}
    cost_of["auto"] = cost_of["auto, refit"] = f"{np.mean(costs):.2g} (mean)"
    print_table(
        ("features", "cost", "macro AUC", "gain (95 %)", "better"),
        [row(name, cost_of[name], scores, against="one feature vector") for name in scores],
    )
    difference = row("auto, refit", "", scores, against="auto")
    print(
        f"\nRefitting on training and validation rows: {difference[3]}, better in {difference[4]}."
    )


def score(table: Table, features: np.ndarray, drawn: Draw, rows: np.ndarray, seed: int) -> float:
    """Returns the macro AUC on the test rows of heads that are solved on some rows."""
    groups = None if table.groups is None else table.groups[rows]
    head = solve_head(features[rows], drawn.labels[rows], groups=groups, seed=seed)
    found = scipy.special.expit(features[drawn.test] @ head.kernel + head.bias)
    labels = table.labels[drawn.test]
    return float(
        np.nanmean(
            [score_task(labels[:, j], found[:, j], threshold=0.5).auc for j in range(len(labels.T))]
        )
    )


def row(
    name: str, cost: str, scores: Mapping[str, Sequence[float]], *, against: str
) -> tuple[str, ...]:
    """Returns the cells of one variant."""
    own, gains = np.array(scores[name]), np.array(scores[name]) - np.array(scores[against])
    half = scipy.stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    mean = gains.mean()
    interval = f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"
    return name, cost, f"{own.mean():.4f}", interval, f"{int((gains > 0).sum())} of {len(gains)}"


def read(path: Path, labels: Callable[[pd.DataFrame], pd.DataFrame], **more: Any) -> Table:
    """Returns a table whose labels are the columns that a function chooses."""
    frame = pd.read_csv(path)
    group = more.pop("group", None)
    return Table(
        paths=tuple(path.parent / name for name in frame["path"]),
        labels=labels(frame).to_numpy(float),
        groups=None if group is None else frame[group].to_numpy(),
        splits=frame["split"].to_numpy(),
        **more,
    )


def on_images(shared: Path) -> dict[str, Any]:
    """Returns the media type and the backbone of the tables with images."""
    build = {"weights": str(street_weights(shared)), "input_size": SIZE}
    return {"media": "image", "backbone": "applications:mobilenet_v2", "build": build}


def street(shared: Path) -> tuple[Table, dict[str, Callable[[Table, int], Draw]]]:
    """Street photos of which 50 or 80 % of the labels are hidden."""
    table = read(street_table(shared), lambda frame: frame[list(TASKS)], **on_images(shared))
    return table, {"Street, 50 % unknown": hiding(0.5), "Street, 80 % unknown": hiding(0.8)}


def chest(shared: Path) -> tuple[Table, dict[str, Callable[[Table, int], Draw]]]:
    """Radiographs of which 200 rows of whole patients are labeled."""
    path = shared / "data" / "chest_nih64" / "chest.csv"
    columns = list(FINDINGS)
    table = read(path, lambda frame: frame[columns], group="patient", **on_images(shared))
    return table, {"Chest, 200 rows by patient": draw_patients}


def commands(shared: Path) -> tuple[Table, dict[str, Callable[[Table, int], Draw]]]:
    """Spoken commands of which 80 % of the labels are hidden."""
    table = read(
        shared / "data" / "commands" / "commands.csv",
        lambda frame: frame.filter(like="kw_"),
        group="speaker",
        media="audio",
        backbone="tiny:speech",
        build={},
    )
    return table, {"Commands, 80 % unknown": hiding(0.8)}


EXPERIMENTS = {"street": street, "chest": chest, "commands": commands}


def hiding(share: float) -> Callable[[Table, int], Draw]:
    """Returns a draw that hides a share of the labels; the splits are those of the table."""

    def draw(table: Table, seed: int) -> Draw:
        random = np.random.default_rng(seed)
        hidden = random.random(table.labels.shape) < share
        rows = {part: np.flatnonzero(table.splits == part) for part in np.unique(table.splits)}
        return Draw(
            train=rows["train"],
            validation=rows["validation"],
            labels=np.where(hidden, np.nan, table.labels),
            test=rows["test"],
        )

    return draw


def draw_patients(table: Table, seed: int) -> Draw:
    """Returns about 200 training and 50 validation rows of whole patients; others are scored."""
    assert table.groups is not None
    patients = np.random.default_rng(seed).permutation(np.unique(table.groups))
    counts = np.cumsum([(table.groups == patient).sum() for patient in patients])
    parts: Iterator[np.ndarray] = (
        np.flatnonzero(np.isin(table.groups, patients[chosen]))
        for chosen in (counts <= 200, (counts > 200) & (counts <= 250), counts > 250)
    )
    train, validation, test = parts
    return Draw(train=train, validation=validation, labels=table.labels, test=test)


if __name__ == "__main__":
    main()
