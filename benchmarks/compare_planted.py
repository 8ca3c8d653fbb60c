"""A planted negative transfer: a task with random labels and a heavy head among real ones.

    python benchmarks/compare_planted.py --config street.yaml --tasks car person --output planted

The config's table gets a column of coin flips, the config a head for each task and a large weight
for that of the coin. `kerastl compare --axis sharing=fine-tuned` should find it and name it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.cli.compare import show_comparison
from kerastl.compare import compare
from kerastl.config import config_values, load_config, parse_config

COIN = "coin"


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", required=True, help="the real tasks")
    parser.add_argument("--weight", type=float, default=30.0, help="of the coin's head")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    values = config_values(load_config(arguments.config))
    source = Path(values["data"]["table"])
    column = values["data"]["image"] or values["data"]["audio"]
    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    frame[column] = [str(source.parent / name) for name in frame[column]]
    frame[COIN] = np.random.default_rng(0).integers(0, 2, len(frame))
    table = arguments.output.absolute().parent / f"{arguments.output.name}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(table, index=False)
    values["data"] |= {"table": table, "tasks": [*arguments.tasks, COIN], "labels": {}}
    values["heads"] = {task: {"tasks": [task]} for task in arguments.tasks}
    values["heads"][COIN] = {"tasks": [COIN], "weight": arguments.weight}
    found = compare(
        parse_config(values),
        axis="sharing=fine-tuned",
        seeds=arguments.seeds,
        output=arguments.output,
    )
    show_comparison(found.result)


if __name__ == "__main__":
    main()
