"""The time to the first result: `kerastl train` and the Keras guide as whole processes.

    python benchmarks/first_result.py --shared ../shared --rounds 3

Each process is measured from outside, imports and exit included. The rounds are interleaved. `cold`
begins with an empty cache; `warm` has the features of the cold run. On a machine that does other
work, the processor seconds say more than the seconds. With `--against CHECKOUT` the same commands
of another checkout of kerastl run in turn.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from frozen_common import HERE, print_table, write_config

COMMAND = "import sys; sys.argv[0] = 'kerastl'; from kerastl.cli import main; main()"
GUIDE = "guide"

Times = tuple[float, float]


def measure(command: list[str], checkout: Path, **environment: str) -> Times:
    """Runs a command with a checkout's code; returns its seconds and its processor seconds."""
    roots = [checkout, *sorted((checkout / "plugins").iterdir())]
    path = os.pathsep.join(map(str, roots))
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **environment, "PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - started, processor


def one_round(
    shared: Path, checkouts: dict[str, Path], epochs: int, folder: Path
) -> dict[str, Times]:
    """Measures everything once."""
    guide = [str(HERE / "guide.py"), "--shared", str(shared), "--epochs", str(epochs)]
    found = {GUIDE: measure(guide, HERE.parent)}
    config = str(write_config(folder / "street.yaml", shared))
    for state in ("cold", "warm"):
        for name, checkout in checkouts.items():
            output = str(folder / f"{name}-{state}")
            train = ["-c", COMMAND, "train", config, "--output", output]
            cache = str(folder / f"{name}-cache")
            found[f"{name}, {state}"] = measure(train, checkout, KERASTL_CACHE=cache)
    return found


def report(rounds: list[dict[str, Times]]) -> None:
    """Prints the least and the median times, and ratios of the guide's to them."""
    rows = []
    for name in rounds[0]:
        cells = [name]
        for kind in (0, 1):
            times = [found[name][kind] for found in rounds]
            guides = [found[GUIDE][kind] for found in rounds]
            cells += [
                f"{min(times):.1f}",
                f"{median(times):.1f}",
                f"{min(guides) / min(times):.1f}",
            ]
        rows.append(tuple(cells))
    heading = ("process", "least seconds", "median", "ratio of the least")
    print_table((*heading, "least processor seconds", "median", "ratio of the least"), rows)


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the guide")
    parser.add_argument("--against", type=Path, help="another checkout of kerastl")
    arguments = parser.parse_args()
    checkouts = {"kerastl": HERE.parent}
    if arguments.against is not None:
        checkouts["the other"] = arguments.against
    rounds = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="kerastl-benchmark-") as folder:
            rounds.append(one_round(arguments.shared, checkouts, arguments.epochs, Path(folder)))
        print({name: [round(t, 2) for t in times] for name, times in rounds[-1].items()})
    report(rounds)


if __name__ == "__main__":
    main()
