"""Whether the figures of `compare` find which tasks to learn apart: what was said, and who said it.

    python benchmarks/grouping.py --shared ../shared --output grouping --units 6 --seeds 10

Four questions about spoken digits share a small hidden layer on a frozen backbone: two are about
the word, two about the speaker. All tasks, each alone and all but each are trained as in
`sharing_map.py`, which is much faster than a run each; the variants, verdicts, proposal and fresh
splits are those of `kerastl compare --axis sharing=frozen`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.special
from map_bench import cases, networks

from kerastl import planning
from kerastl.compare.axes import plan_study
from kerastl.compare.contrasts import evaluate_contrasts, find_findings
from kerastl.compare.grouping import with_groupings
from kerastl.compare.study import TrainingVariant
from kerastl.compare.training_tables import fresh_splits
from kerastl.compare.verdicts import PairedRows, TrialScores
from kerastl.config import Config, parse_config
from kerastl.data.tables.examples import Examples

TASKS = ("odd", "ge5", "theo", "nicolas")
CLIPS = 1000
STEPS, RATE = (600, 32), 3e-3
REPLICATES = 1000


def main() -> None:
    """Trains everything, and prints what is found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--units", type=int, default=6, help="of the hidden layer")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    networks.HIDDEN, networks.FROZEN_STEPS = arguments.units, STEPS
    networks.RATES[networks.FROZEN] = RATE
    case, config = load(arguments.shared, arguments.output)
    table = planning.make_plan(config).examples
    trainer = Trainer(networks.Networks(case), table, arguments.seeds)
    study = plan_study("sharing=frozen", config, table, fit={})
    answers = evaluate_contrasts(study, {v.name: trainer.scores(v) for v in study.variants})
    tested = with_groupings(study, answers, config, {})
    print(*(f"- {finding}" for finding in find_findings(answers)), sep="\n")
    for answer in answers:
        if answer.kind == "left out":
            print(f"- {answer.answer}")
    if tested is study:
        print("- No grouping is proposed.")
        return
    print(f"- {tested.notes[-1]}")
    scores = {v.name: trainer.scores(v) for v in tested.variants[len(study.variants) :]}
    fresh = tuple(one for one in tested.contrasts if one.kind == "grouping")
    for variant, found in scores.items():
        means = [np.mean([one[task]["auc"].value for one in found]) for task in found[0]]
        print(f"- {variant}: {', '.join(f'{mean:.4f}' for mean in means)}")
    for answer in evaluate_contrasts(replace(tested, contrasts=fresh), scores):
        print(f"- {answer.answer}")


def load(shared: Path, output: Path) -> tuple[cases.Case, Config]:
    """Writes the table; returns its inputs and the config on it."""
    frame = cases.read(shared, "spoken_digits/spoken_digits.csv")
    frame = frame.sample(CLIPS, random_state=0).reset_index(drop=True)
    for speaker in TASKS[2:]:
        frame[speaker] = (frame["speaker"] == speaker).astype(int)
    output.mkdir(parents=True, exist_ok=True)
    frame[["path", *TASKS]].to_csv(output / "clips.csv", index=False)
    backbone = {"backbone": "tiny:speech", "input_size": cases.SAMPLES}
    data = {"table": str(output / "clips.csv"), "audio": "path", "tasks": list(TASKS)}
    split = {"validation": 0.1, "test": 0.3}
    config = {
        "data": {**data, "split": split},
        "backbone": {"name": "tiny:speech", "input_size": cases.SAMPLES},
    }
    return cases.of_frame("grouping", frame, TASKS, "audio", backbone), parse_config(config)


class Trainer:
    """Trains and scores the variants of a study."""

    def __init__(self, trainer: networks.Networks, table: Examples, seeds: int):
        self.networks, self.table, self.seeds = trainer, table, seeds
        self.fresh = fresh_splits(table, seeds, part="test", seed=0)
        self._rows: dict[tuple[bool, int], PairedRows] = {}

    def scores(self, variant: TrainingVariant) -> list[TrialScores]:
        """Returns the scores of a variant with each seed."""
        return [self._score(variant, seed) for seed in range(self.seeds)]

    def _score(self, variant: TrainingVariant, seed: int) -> TrialScores:
        is_fresh = variant.training.is_fresh_split
        split = self.fresh[seed] if is_fresh else self.table.splits
        columns = [TASKS.index(task) for task in variant.tasks]
        rows, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
        trained = self.networks.train(
            networks.FROZEN,
            rows,
            self.table.labels[rows][:, columns].astype(float),
            steps=STEPS,
            seed=seed,
            needed=test,
        )
        frame = pd.DataFrame({"path": [str(p) for p in self.table.files], "split": split})
        for place, task in enumerate(variant.tasks):
            frame[f"{task}_label"] = self.table.labels[:, columns[place]]
            frame[task] = scipy.special.expit(trained.logits[:, place].astype(float))
        key = (is_fresh, seed if is_fresh else 0)
        if key not in self._rows:
            self._rows[key] = PairedRows(frame, part="test", replicates=REPLICATES, seed=seed)
        return self._rows[key].score(frame, variant.tasks)


if __name__ == "__main__":
    main()
