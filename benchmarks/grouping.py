"""Whether `compare` finds which tasks to learn apart: what was said, and who said it.

    python benchmarks/grouping.py --shared ../shared --output grouping

Four questions about spoken digits share a hidden layer of three units on a frozen backbone: two are
about the word, two about the speaker. `kerastl compare --axis sharing=frozen` measures what each
question does to the others, proposes two groups, and tests them on fresh splits. Called again, it
continues where it was stopped.
"""

import argparse
from pathlib import Path

import pandas as pd

TASKS = ("odd", "ge5", "theo", "nicolas")
CLIPS = 1000
UNITS = 3


def main() -> None:
    """Writes the table and the config, compares, and prints the answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    from kerastl.cli.compare import show_comparison
    from kerastl.compare import compare
    from kerastl.config import parse_config

    folder = (arguments.shared / "data" / "spoken_digits").absolute()
    frame = pd.read_csv(folder / "spoken_digits.csv").sample(CLIPS, random_state=0)
    frame["path"] = [str(folder / path) for path in frame["path"]]
    for speaker in TASKS[2:]:
        frame[speaker] = (frame["speaker"] == speaker).astype(int)
    arguments.output.mkdir(parents=True, exist_ok=True)
    table = (arguments.output / "clips.csv").absolute()
    frame[["path", *TASKS]].to_csv(table, index=False)
    config = parse_config(
        {
            "data": {
                "table": str(table),
                "audio": "path",
                "tasks": list(TASKS),
                "split": {"validation": 0.15, "test": 0.35},
            },
            "backbone": {"name": "tiny:speech", "input_size": 9600},
            "heads": {"all": {"tasks": list(TASKS), "hidden": [UNITS]}},
        }
    )
    found = compare(
        config, axis="sharing=frozen", seeds=arguments.seeds, output=arguments.output / "comparison"
    )
    show_comparison(found.result)


if __name__ == "__main__":
    main()
