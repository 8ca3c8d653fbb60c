"""How far `trainable: auto` is from the best choice, on several numbers of labelled examples.

    python benchmarks/compare_regret.py --config street.yaml --sizes 50 200 all --output runs/regret

For each size `kerastl compare --axis trainable` trains frozen, the last stage and everything, with
several seeds, on the same rows. What `auto` would do is decided by its own functions on what these
trainings say of the validation rows: its frozen side and its fine-tuned side are the same trainings
with the same seeds. `--check` also trains with `trainable: auto` and compares the decisions.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl import pipeline
from kerastl.compare import compare
from kerastl.compare.study import SPLIT_COLUMN, TrainingRows
from kerastl.compare.training_tables import change_training, split_frame, write_table
from kerastl.compare.verdicts import PairedRows, ScoreDifference, differences
from kerastl.config import Config, config_values, load_config, parse_config
from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_heads, find_layer
from kerastl.records import to_values
from kerastl.runs import Run
from kerastl.training import auto
from kerastl.training.plan import AutoPlan, plan_training

AXIS = "trainable=false,{stages: 1},true"
FROZEN, TUNED = "false", "true"
REPLICATES = 1000


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What `auto` does with one seed."""

    side: str
    reason: str


def main() -> None:
    """Runs the comparisons and prints one line per case, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["50", "200", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="also train with trainable: auto")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    arguments = parser.parse_args()
    base = load_config(arguments.config, arguments.overrides)
    sizes = [None if size == "all" else int(size) for size in arguments.sizes]
    tables = write_tables(base, sizes, arguments.output / "tables")
    print(
        "| rows | frozen | last stage | all | auto takes | regret (95 %) | auto − frozen (95 %) |"
    )
    print("|---|---|---|---|---|---|---|")
    found = []
    for size, table in zip(sizes, tables, strict=True):
        config = with_table(base, table)
        folder = arguments.output / ("all" if size is None else str(size))
        values = compare(config, axis=AXIS, seeds=arguments.seeds, output=folder).values
        found.append(judge(config, folder, values, arguments.seeds, check=arguments.check))
        print(line(size, values, found[-1]), flush=True)
    regrets = [one["regret"].difference for one in found]
    print(f"\nmean regret {np.mean(regrets):.4f}, largest {np.max(regrets):.4f}")
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


def judge(config: Config, folder: Path, values: Any, seeds: int, *, check: bool) -> dict[str, Any]:
    """Returns what auto takes, its regret and its distance from frozen."""
    runs = {
        (side["name"], seed): Run(
            folder / "arms" / f"{place:02d}-{slug(side['name'])}" / f"seed-{seed}"
        )
        for place, side in enumerate(values["sides"], start=1)
        for seed in range(seeds)
    }
    decisions = [
        decide(config, runs[FROZEN, seed], runs[TUNED, seed], seed) for seed in range(seeds)
    ]
    frames = {key: run.predictions for key, run in runs.items()}
    rows = PairedRows(frames[FROZEN, 0], part="test", replicates=REPLICATES, seed=0)
    tasks = values["tasks"]
    scores = {key: rows.score(frame, tasks) for key, frame in frames.items()}
    names = [side["name"] for side in values["sides"]]
    means = {side["name"]: side["macro"]["auc"]["mean"] for side in values["sides"]}
    best = max(names, key=lambda name: means[name])
    chosen = [scores[decision.side, seed] for seed, decision in enumerate(decisions)]

    def ahead(first: list[Any], second: list[Any]) -> ScoreDifference:
        return differences(first, second, tasks).auc

    return {
        "best": best,
        "decisions": [(one.side, one.reason) for one in decisions],
        "regret": ahead([scores[best, seed] for seed in range(seeds)], chosen),
        "over_frozen": ahead(chosen, [scores[FROZEN, seed] for seed in range(seeds)]),
        "checked": [trained_auto(config, folder, seed) for seed in range(seeds)] if check else [],
    }


def slug(name: str) -> str:
    """Returns the name of a side as its folder has it."""
    return name.replace(": ", "-")


def decide(config: Config, frozen: Run, tuned: Run, seed: int) -> Decision:
    """Returns what `auto` does, by its own functions."""
    examples = pipeline.make_plan(config).examples
    model = frozen.model
    inputs = FileInputs(examples.paths, frozen.bundle.input)
    source = FeatureSource(cache=cache_folder(), engine=config.fit.engine)
    values = source.extract(find_layer(model).model, inputs, is_scored=examples.splits != "train")
    values_of_auto = {**config_values(config), "trainable": "auto"}
    values_of_auto["fit"] = {**values_of_auto["fit"], "seed": seed}
    plan = plan_training(parse_config(values_of_auto), find_heads(model))
    assert isinstance(plan, AutoPlan)
    supply = auto.measure_supply(plan, model, values.values, examples)
    reason = auto.reason_not_to_fine_tune(supply)
    if reason is not None:
        return Decision(side=FROZEN, reason=reason)
    logits = [_validation_logits(run.predictions, examples.tasks) for run in (frozen, tuned)]
    gain = auto._gain(logits[0], logits[1], examples, seed=seed)
    told = f"gain {gain.loss:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) on validation"
    return Decision(side=TUNED if gain.is_larger_than_noise else FROZEN, reason=told)


def trained_auto(config: Config, folder: Path, seed: int) -> str:
    """Returns what a real training with `trainable: auto` decided."""
    values = config_values(config)
    values |= {"trainable": "auto", "fit": {**values["fit"], "seed": seed}}
    path = folder / f"auto-{seed}"
    run = (
        Run(path)
        if (path / "bundle.json").is_file()
        else pipeline.train(parse_config(values), output=path)
    )
    return TUNED if run.bundle.evidence.features["auto"]["trained"] else FROZEN


def line(size: int | None, values: Any, found: dict[str, Any]) -> str:
    """Returns one line of the table."""
    scores = [f"{side['macro']['auc']['mean']:.3f}" for side in values["sides"]]
    takes = ", ".join(side for side, _ in found["decisions"])
    takes += f" (trained: {', '.join(found['checked'])})" if found["checked"] else ""
    columns = [
        *scores,
        takes,
        _with_interval(found["regret"]),
        _with_interval(found["over_frozen"]),
    ]
    return f"| {size or 'all'} ({values['rows']['train']}) | {' | '.join(columns)} |"


def _validation_logits(frame: pd.DataFrame, tasks: tuple[str, ...]) -> np.ndarray:
    rows = frame[frame["split"] == "validation"]
    return np.stack([rows[f"{task}_logit"].to_numpy(float) for task in tasks], axis=1)


def _with_interval(found: ScoreDifference) -> str:
    between = (
        "" if found.interval is None else f" ({found.interval[0]:+.3f} to {found.interval[1]:+.3f})"
    )
    return f"{found.difference:+.4f}{between}"


def _plain(value: Any) -> Any:
    return to_values(value) if isinstance(value, ScoreDifference) else value


if __name__ == "__main__":
    main()
