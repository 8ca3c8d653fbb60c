"""How far `trainable: auto` is from the best choice, on several numbers of labelled examples.

    python benchmarks/compare_regret.py --config street.yaml --sizes 50 200 all --output runs/regret

For each size `kerastl compare --axis trainable` trains frozen, the last stage, everything and
`auto`, with several seeds, on the same rows. The regret is how much better the best of the others
is on the test rows, which `auto` never sees.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from kerastl import pipeline
from kerastl.compare import compare
from kerastl.compare.study import SPLIT_COLUMN, TrainingRows
from kerastl.compare.training_tables import change_training, split_frame, write_table
from kerastl.compare.verdicts import PairedRows, ScoreDifference, differences
from kerastl.config import Config, config_values, load_config, parse_config
from kerastl.records import to_values
from kerastl.runs import Run

AXIS = "trainable=false,{stages: 1},true,auto"
FROZEN, AUTO = "false", "auto"
REPLICATES = 1000


def main() -> None:
    """Runs the comparisons and prints one line per case, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["50", "200", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    arguments = parser.parse_args()
    base = load_config(arguments.config, arguments.overrides)
    sizes = [None if size == "all" else int(size) for size in arguments.sizes]
    tables = write_tables(base, sizes, arguments.output / "tables")
    print(
        "| rows | frozen | last stage | all | auto | rate of auto | regret (95 %) "
        "| regret in log loss | auto − frozen (95 %) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    for size, table in zip(sizes, tables, strict=True):
        config = with_table(base, table)
        folder = arguments.output / ("all" if size is None else str(size))
        values = compare(config, axis=AXIS, seeds=arguments.seeds, output=folder).values
        found.append(judge(folder, values, arguments.seeds))
        print(line(size, values, found[-1]), flush=True)
    for name in ("regret", "log_loss_regret"):
        regrets = [one[name].difference for one in found]
        print(f"\n{name}: mean {np.mean(regrets):.4f}, largest {np.max(regrets):.4f}")
    summary = [{key: _plain(value) for key, value in one.items()} for one in found]
    (arguments.output / "regret.json").write_text(json.dumps(summary, indent=2))


def write_tables(base: Config, sizes: list[int | None], folder: Path) -> list[Path]:
    """Writes a table per number of training rows, with the same splits."""
    plan = pipeline.make_plan(base)
    frame = split_frame(plan.examples, base)
    numbers = tuple(sorted(size for size in sizes if size is not None))
    paths = []
    for size in sizes:
        training = TrainingRows(examples=size)
        changed = change_training(frame, plan.examples, training, sizes=numbers)
        paths.append(folder / ("all.csv" if size is None else f"{size}.csv"))
        write_table(paths[-1], changed)
    return paths


def with_table(base: Config, table: Path) -> Config:
    """Returns the config on another table that says where each row belongs."""
    values = config_values(base)
    values["data"] |= {"table": table.absolute(), "split": {"column": SPLIT_COLUMN}}
    return parse_config(values)


def judge(folder: Path, values: Any, seeds: int) -> dict[str, Any]:
    """Returns what auto took, its regret and its distance from frozen."""
    runs = {
        (side["name"], seed): Run(
            folder / "arms" / f"{place:02d}-{slug(side['name'])}" / f"seed-{seed}"
        )
        for place, side in enumerate(values["sides"], start=1)
        for seed in range(seeds)
    }
    rows = PairedRows(runs[FROZEN, 0].predictions, part="test", replicates=REPLICATES, seed=0)
    tasks = values["tasks"]
    scores = {key: rows.score(run.predictions, tasks) for key, run in runs.items()}
    means = {side["name"]: side["macro"] for side in values["sides"]}
    others = [name for name in means if name != AUTO]
    best = {
        "auc": max(others, key=lambda name: means[name]["auc"]["mean"]),
        "log_loss": min(others, key=lambda name: means[name]["log_loss"]["mean"]),
    }

    def ahead(first: str, second: str) -> Any:
        sides = ([scores[name, seed] for seed in range(seeds)] for name in (first, second))
        return differences(*sides, tasks)

    return {
        "best": best,
        "decisions": [taken(runs[AUTO, seed]) for seed in range(seeds)],
        "regret": ahead(best["auc"], AUTO).auc,
        "log_loss_regret": ahead(AUTO, best["log_loss"]).log_loss,
        "over_frozen": ahead(AUTO, FROZEN).auc,
    }


def slug(name: str) -> str:
    """Returns the name of a side as its folder has it."""
    return name.replace(": ", "-")


def taken(run: Run) -> str:
    """Returns the rate of the model that `auto` kept, or that it is frozen."""
    decision = run.bundle.evidence.features.auto
    return f"{decision.rate:g}" if decision.trained else "frozen"


def line(size: int | None, values: Any, found: dict[str, Any]) -> str:
    """Returns one line of the table."""
    columns = [
        *(f"{side['macro']['auc']['mean']:.4f}" for side in values["sides"]),
        ", ".join(found["decisions"]),
        _with_interval(found["regret"]),
        _with_interval(found["log_loss_regret"]),
        _with_interval(found["over_frozen"]),
    ]
    return f"| {size or 'all'} ({values['rows']['train']}) | {' | '.join(columns)} |"


def _with_interval(found: ScoreDifference) -> str:
    between = (
        "" if found.interval is None else f" ({found.interval[0]:+.3f} to {found.interval[1]:+.3f})"
    )
    return f"{found.difference:+.4f}{between}"


def _plain(value: Any) -> Any:
    return to_values(value) if isinstance(value, ScoreDifference) else value


if __name__ == "__main__":
    main()
