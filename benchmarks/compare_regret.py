"""How far `trainable: auto` is from the best choice, on several numbers of labeled examples.

    python benchmarks/compare_regret.py --config street.yaml --sizes 50 200 all --output runs/regret

The table is split anew with each seed, and for each size `kerastl compare --axis trainable` trains
frozen, the last stage, everything and `auto` on the same rows. A regret is how much better another
policy is on the test rows, which `auto` never sees:

- of the policy that is best on average over the splits, with a 95 % interval that counts the draw
  of the test groups and the differences between splits;
- of the policy that is best on the other splits, which no noise of the split itself favors;
- of the policy that is best on the split itself. The maximum of several noisy scores is above 0
  even if all policies are equally good, so this one is too large.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl import planning
from kerastl.compare import compare
from kerastl.compare.study import SPLIT_COLUMN, TrainingRows
from kerastl.compare.training_tables import change_training, split_frame, write_table
from kerastl.compare.verdicts import SCORES
from kerastl.config import Config, FractionSplit, config_values, load_config, parse_config
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.differences import (
    PairedDifference,
    ReplicatedScore,
    paired_difference,
    replicated_auc,
    replicated_log_loss,
)
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.means import mean_of_defined
from kerastl.records import to_values
from kerastl.runs import Run

AXIS = "trainable=false,{stages: 1},true,auto"
ARMS = {"false": "01-false", "last stage": "02-stages-1", "true": "03-true", "auto": "04-auto"}
FIXED = ("false", "last stage", "true")
REPLICATES = 1000
SCORE = {"auc": replicated_auc, "log_loss": replicated_log_loss}


def main() -> None:
    """Trains one split after the other and prints one line per case, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["50", "200", "all"])
    parser.add_argument("--seeds", type=int, default=3, help="number of splits of the table")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    arguments = parser.parse_args()
    base = load_config(arguments.config, arguments.overrides)
    if not isinstance(base.data.split, FractionSplit):
        parser.error("data.split has to be fractions, because each seed is another split")
    for seed in range(arguments.seeds):
        train_split(base, arguments.sizes, seed, arguments.output)
        print(f"split {seed} is trained", flush=True)
    plan = planning.make_plan(base)
    judge = Judge(plan.examples, arguments.output, arguments.seeds)
    summary = print_tables(judge, arguments.sizes)
    (arguments.output / "regret.json").write_text(json.dumps(summary, indent=2))


def train_split(base: Config, sizes: Sequence[str], seed: int, output: Path) -> None:
    """Trains all policies with each number of training rows on one split of the table."""
    values = config_values(base)
    values["data"]["split"]["seed"] = seed
    plan = planning.make_plan(parse_config(values))
    frame = split_frame(plan.examples, plan.config)
    numbers = tuple(sorted(int(size) for size in sizes if size != "all"))
    for size in sizes:
        rows = TrainingRows(examples=None if size == "all" else int(size))
        table = (output / "tables" / f"{size}-{seed}.csv").absolute()
        write_table(table, change_training(frame, plan.examples, rows, sizes=numbers, seed=seed))
        values["data"] |= {"table": table, "split": {"column": SPLIT_COLUMN}}
        compare(parse_config(values), axis=AXIS, seeds=1, output=case(output, size, seed))


def case(output: Path, size: str, seed: int) -> Path:
    """Returns the folder of one comparison."""
    return output / size / f"split-{seed}"


@dataclass(frozen=True, kw_only=True)
class Regret:
    """How much better other policies are than `auto`; positive if better, in either score."""

    best: str  # on average over the splits
    of_best: PairedDifference
    of_best_on_others: float  # NaN if there is one split
    of_best_on_each: float


class Judge:
    """Regrets from the finished runs.

    Test rows of several splits are rows of the same table, so all runs are scored under the same
    draws of its groups, and differences between splits are paired.

    Args:
        table: The whole table.
        output: Folder of all comparisons.
        seeds: Number of splits.
    """

    def __init__(self, table: Examples, output: Path, seeds: int):
        self.tasks, self.output, self.seeds = table.tasks, output, range(seeds)
        self._rows = {str(path): row for row, path in enumerate(table.paths)}
        assert len(self._rows) == len(table), "each example is a file of its own"
        groups = np.array(list(self._rows)) if table.groups is None else table.groups
        self._draws = Draws(Bootstrap(groups=groups, replicates=REPLICATES))
        self._scores: dict[tuple[str, str, int], dict[str, list[ReplicatedScore]]] = {}

    def run(self, size: str, policy: str, seed: int) -> Run:
        """Returns one of the runs."""
        return Run(case(self.output, size, seed) / "arms" / ARMS[policy] / "seed-0")

    def scores(self, name: str, sizes: Sequence[str], policy: str, seed: int) -> list[Any]:
        """Returns a score of each size and task of a policy on the test rows of a split."""
        return [one for size in sizes for one in self._of_run(size, policy, seed)[name]]

    def _of_run(self, size: str, policy: str, seed: int) -> dict[str, list[ReplicatedScore]]:
        if (size, policy, seed) not in self._scores:
            frame = self.run(size, policy, seed).predictions
            frame = frame[frame["split"] == "test"]
            rows = [self._rows[path] for path in frame["path"]]
            found: dict[str, list[ReplicatedScore]] = {name: [] for name in SCORE}
            for task in self.tasks:
                labels, answers = np.full((2, len(self._rows)), np.nan)
                labels[rows], answers[rows] = frame[f"{task}_label"], frame[task]
                for name, score in SCORE.items():
                    found[name].append(score(labels, answers, self._draws))
            self._scores[size, policy, seed] = found
        return self._scores[size, policy, seed]

    def ahead(self, name: str, sizes: Sequence[str], policy: str) -> PairedDifference:
        """Returns how much better a policy is than `auto`, over all splits."""
        chosen = [self.scores(name, sizes, policy, seed) for seed in self.seeds]
        auto = [self.scores(name, sizes, "auto", seed) for seed in self.seeds]
        sides = (chosen, auto) if SCORES[name] > 0 else (auto, chosen)
        return paired_difference(*sides)

    def mean(self, name: str, sizes: Sequence[str], policy: str) -> float:
        """Returns the mean score of a policy over sizes, tasks and splits."""
        found = [self.scores(name, sizes, policy, seed) for seed in self.seeds]
        return mean_of_defined([one.value for split in found for one in split])

    def regret(self, name: str, sizes: Sequence[str]) -> Regret:
        """Returns the regrets in one score, as means over sizes, tasks and splits."""
        gains = np.array([self.ahead(name, sizes, policy).by_training for policy in FIXED])
        others = np.sum(gains, axis=1, keepdims=True) - gains
        elsewhere = gains[np.argmax(others, axis=0), self.seeds]
        best = FIXED[int(np.argmax(gains.mean(axis=1)))]
        return Regret(
            best=best,
            of_best=self.ahead(name, sizes, best),
            of_best_on_others=float(elsewhere.mean()) if len(self.seeds) > 1 else math.nan,
            of_best_on_each=float(gains.max(axis=0).mean()),
        )

    def decisions(self, size: str) -> str:
        """Returns what `auto` kept on each split: a rate, or that it is frozen."""
        found = [self.run(size, "auto", s).bundle.evidence.features.auto for s in self.seeds]
        return ", ".join(f"{one.rate:g}" if one.trained else "frozen" for one in found)


def print_tables(judge: Judge, sizes: Sequence[str]) -> dict[str, Any]:
    """Prints a table of each score, with a line for all sizes together; returns the regrets."""
    found: dict[str, Any] = {}
    for name in SCORE:
        print(
            f"\n| {name}: rows | frozen | last stage | all | auto | kept by auto "
            "| best on average | regret (95 %) | best on the other splits | best on each split |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        together = {"mean": list(sizes)} if len(sizes) > 1 else {}
        for title, shown in {**{size: [size] for size in sizes}, **together}.items():
            one = judge.regret(name, shown)
            found.setdefault(name, {})[title] = to_values(one)
            means = [judge.mean(name, shown, policy) for policy in ARMS]
            cells = [
                title,
                *(f"{mean:.4f}" for mean in means),
                judge.decisions(title) if title in sizes else "",
                one.best,
                _with_interval(one.of_best),
                "-" if math.isnan(one.of_best_on_others) else f"{one.of_best_on_others:+.4f}",
                f"{one.of_best_on_each:+.4f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    return found


def _with_interval(found: PairedDifference) -> str:
    if found.interval is None:
        return f"{found.value:+.4f}"
    return f"{found.value:+.4f} ({found.interval[0]:+.3f} to {found.interval[1]:+.3f})"


if __name__ == "__main__":
    main()
