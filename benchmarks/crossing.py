"""From how many labels on fine-tuning everything beats the frozen backbone, and what `auto` picks.

    python benchmarks/crossing.py --shared ../shared --results crossing --picture crossing.svg

Each cell is one `kerastl.train`: a table, a number of training rows (drawn anew for each seed, each
draw from the next larger one), a seed and a policy. Its test predictions go to a file in the folder
of results when it is done, and cells that are there are not trained again, so the command can be
stopped and repeated. Test rows are the same for all cells of a table. The summary is printed in
Markdown and written to `crossing.csv` in the folder.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from gap_bench.tables import WORDS

POLICIES = {"frozen": False, "all layers": True, "auto": "auto"}
PASSES = 8000  # examples that one training sees, within the limits of the epochs
EPOCHS = (8, 20)
REPLICATES = 1000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table with its splits, a backbone, and the numbers of training rows to try.

    Args:
        frame: Rows with absolute paths, one column per task, and `split`.
        config: The sections `backbone` and `augment`.
        sizes: Numbers of training rows; the last is trained first.
        media: `image` or `audio`.
    """

    name: str
    frame: pd.DataFrame
    tasks: tuple[str, ...]
    media: str
    config: dict[str, Any]
    sizes: tuple[int, ...]
    validation_rows: int = 240  # at least 20 of each word, or `auto` could not compare

    def drawn(self, size: int, seed: int) -> pd.DataFrame:
        """Returns the table with some of its training rows; smaller draws are parts of larger."""
        train = self.frame[self.frame["split"] == "train"].sample(frac=1, random_state=seed)
        held_out = [
            self.frame[self.frame["split"] == "validation"].head(self.validation_rows),
            self.frame[self.frame["split"] == "test"],
        ]
        return pd.concat([train.head(size), *held_out])


def load_cases(shared: Path, folder: Path) -> Iterator[Case]:
    """Yields the tables; `folder` receives the handwritten digits."""
    yield digits(folder)
    commands = _read(shared, "commands")
    yield Case(
        name="commands",
        frame=commands,
        tasks=WORDS["commands"],
        media="audio",
        config={"backbone": {"name": "tiny:speech"}},
        sizes=(100, 400, 1200),
    )
    spoken = _read(shared, "spoken_digits")
    held_out = {"yweweler": "validation", "theo": "test"}
    yield Case(
        name="spoken digits",
        frame=spoken.assign(split=spoken["speaker"].map(held_out).fillna("train")),
        tasks=WORDS["spoken_digits"],
        media="audio",
        config={"backbone": {"name": "tiny:speech", "input_size": 9600}},
        sizes=(200, 2000, 600),
        validation_rows=500,
    )


def digits(folder: Path) -> Case:
    """Returns scikit-learn's handwritten digits with all labels: 900 rows for training."""
    from kerastl.demo.digits import QUESTIONS, write_digits

    write_digits(folder)
    frame = pd.read_csv(folder / "truth.csv").sample(frac=1, random_state=0)
    frame["path"] = [str((folder / path).absolute()) for path in frame["path"]]
    frame["split"] = np.repeat(["train", "validation", "test"], [900, 200, len(frame) - 1100])
    return Case(
        name="digits",
        frame=frame,
        tasks=tuple(QUESTIONS),
        media="image",
        config={"backbone": {"name": "tiny:image", "input_size": 32}, "augment": {"flip": False}},
        sizes=(150, 60, 450),
        validation_rows=200,
    )


def _read(shared: Path, name: str) -> pd.DataFrame:
    folder = (shared / "data" / name).absolute()
    frame = pd.read_csv(folder / f"{name}.csv").sample(frac=1, random_state=0)
    return frame.assign(path=[str(folder / path) for path in frame["path"]])


def train_cell(case: Case, size: int, seed: int, policy: str) -> dict[str, Any]:
    """Trains one cell; returns its test labels and probabilities, and what was decided."""
    from kerastl import pipeline
    from kerastl.config import parse_config

    epochs = int(np.clip(round(PASSES / size), *EPOCHS))
    fit: dict[str, Any] = {} if policy == "frozen" else {"epochs": epochs}
    if policy == "all layers":
        fit["backbone_learning_rate"] = 1e-3
    with TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        case.drawn(size, seed).to_csv(table, index=False)
        data = {"table": str(table), case.media: "path", "tasks": list(case.tasks)}
        values = {
            **({} if policy == "frozen" else {"augment": {}}),
            **case.config,
            "data": {**data, "split": {"column": "split"}},
            "trainable": POLICIES[policy],
            "fit": {**fit, "seed": seed},
            "evaluation": {"bootstrap": 0},
        }
        if policy == "frozen" or not values["augment"]:
            values.pop("augment", None)
        started = time.perf_counter()
        run = pipeline.train(parse_config(values), output=Path(folder) / "run")
        seconds = time.perf_counter() - started
        test = run.predictions.query("split == 'test'")
        auto = run.bundle.evidence.features.auto
    return {
        "case": case.name,
        "rows": size,
        "seed": seed,
        "policy": policy,
        "seconds": seconds,
        "kept": None if auto is None else auto.trained,
        "rate": None if auto is None else auto.rate,
        "reason": None if auto is None else auto.reason,
        "paths": [Path(path).name for path in test["path"]],
        "labels": test[[f"{task}_label" for task in case.tasks]].to_numpy().tolist(),
        "probabilities": test[list(case.tasks)].round(6).to_numpy().tolist(),
    }


def run_cells(cases: Sequence[Case], policies: Sequence[str], seeds: int, results: Path) -> None:
    """Trains the cells whose files are missing, the largest numbers of rows of a seed first."""
    import keras

    places = sorted((-place, seed) for seed in range(seeds) for place in range(3))
    for (place, seed), case, policy in itertools.product(places, cases, policies):
        size = case.sizes[-place]
        path = results / f"{case.name}-{size}-{seed}-{policy}.json".replace(" ", "-")
        if not path.is_file():
            found = train_cell(case, size, seed, policy)
            path.write_text(json.dumps(found))
            keras.backend.clear_session()
            kept = {None: "", True: "fine-tuned", False: "frozen"}[found["kept"]]
            print(f"{path.stem}: {found['seconds']:.0f} s {kept}", flush=True)


def summarize(results: Path) -> pd.DataFrame:
    """Returns a row per table, number of rows and policy: scores and differences to frozen."""
    from kerastl.evaluation.differences import paired_difference

    cells = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    scored = {(c["case"], c["rows"], c["seed"], c["policy"]): (c, _scores(c)) for c in cells}
    rows = []
    for case, size in sorted({(c["case"], c["rows"]) for c in cells}):
        for policy in POLICIES:
            seeds = [
                seed
                for seed in sorted({c["seed"] for c in cells})
                if {(case, size, seed, one) for one in ("frozen", policy)} <= set(scored)
            ]
            if not seeds:
                continue
            several = [scored[case, size, seed, policy] for seed in seeds]
            frozen = [scored[case, size, seed, "frozen"] for seed in seeds]
            row: dict[str, Any] = {"case": case, "rows": size, "policy": policy}
            for name in ("auc", "log_loss"):
                values = [np.mean([one.value for one in scores[name]]) for _, scores in several]
                found = paired_difference(
                    [scores[name] for _, scores in several], [scores[name] for _, scores in frozen]
                )
                low, high = found.interval or (np.nan, np.nan)
                row |= {
                    name: np.mean(values),
                    f"{name}_difference": found.value,
                    f"{name}_low": low,
                    f"{name}_high": high,
                }
            row["seeds"] = len(seeds)
            row["fine_tuned"] = sum(bool(cell["kept"]) for cell, _ in several)
            row["rates"] = " ".join(f"{cell['rate']:g}" for cell, _ in several if cell["kept"])
            row["seconds"] = np.median([cell["seconds"] for cell, _ in several])
            rows.append(row)
    return pd.DataFrame(rows)


def _scores(cell: dict[str, Any]) -> dict[str, list[Any]]:
    from kerastl.evaluation.differences import replicated_auc, replicated_log_loss
    from kerastl.evaluation.intervals import Bootstrap, Draws

    labels, found = np.array(cell["labels"], float), np.array(cell["probabilities"])
    draws = Draws(Bootstrap(groups=np.array(cell["paths"]), replicates=REPLICATES, seed=0))
    return {
        "auc": [replicated_auc(y, p, draws) for y, p in zip(labels.T, found.T, strict=True)],
        "log_loss": [
            replicated_log_loss(y, p, draws) for y, p in zip(labels.T, found.T, strict=True)
        ],
    }


def print_summary(summary: pd.DataFrame) -> None:
    """Prints a table per case in Markdown."""
    for case, rows in summary.groupby("case", sort=False):
        print(f"\n{case}\n")
        print("| rows | policy | macro AUC | against frozen | log loss | against frozen |")
        print("|---|---|---|---|---|---|")
        for row in rows.itertuples():
            kept = (
                f", fine-tuned in {row.fine_tuned} of {row.seeds}" if row.policy == "auto" else ""
            )
            against = [
                f"{row.auc_difference:+.4f} ({row.auc_low:+.4f} to {row.auc_high:+.4f})",
                f"{row.log_loss_difference:+.4f} "
                f"({row.log_loss_low:+.4f} to {row.log_loss_high:+.4f})",
            ]
            if row.policy == "frozen":
                against = ["", ""]
            print(
                f"| {row.rows} | {row.policy}{kept} | {row.auc:.4f} | {against[0]} "
                f"| {row.log_loss:.3f} | {against[1]} |"
            )


def main() -> None:
    """Trains what is missing, prints the summary and draws the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--results", type=Path, required=True, help="folder of finished cells")
    parser.add_argument("--cases", nargs="+", help="only these tables")
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=POLICIES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="SVG file to draw")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    cases = list(load_cases(arguments.shared, arguments.results / "digits"))
    if arguments.cases:
        cases = [case for case in cases if case.name in arguments.cases]
    run_cells(cases, arguments.policies, arguments.seeds, arguments.results)
    summary = summarize(arguments.results)
    summary.to_csv(arguments.results / "crossing.csv", index=False)
    print_summary(summary)
    if arguments.picture is not None:
        from sharing_pictures import draw_crossing

        draw_crossing(summary, arguments.picture)


if __name__ == "__main__":
    main()
