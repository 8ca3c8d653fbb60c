"""What each way of treating unknown labels costs, for several reasons why labels are unknown.

    python benchmarks/gaps.py --shared ../shared --results gaps.csv --picture gaps.svg

Tables with complete labels pass through a frozen backbone once. For each seed, examples for
training and for the test are drawn, labels of the training examples are hidden, and linear heads
are solved under each treatment. The scores are those of the test examples, whose labels are all
known. Results go to a CSV file as they are found, and rows that it has already are not measured
again; docs/explanation/gaps.md shows the tables.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from gap_bench import tables
from gap_bench.mechanisms import MECHANISMS, POSITIVES_ONLY, uncertain
from gap_bench.picture import draw
from gap_bench.summary import UNCERTAIN, print_tables
from gap_bench.tables import Table
from gap_bench.treatments import (
    Treated,
    out_of_fold_logits,
    score,
    treat,
    treat_checked,
    treat_uncertain,
)

SHARES = (0.2, 0.5, 0.8)
UNCERTAIN_SHARE = 0.2
KEYS = ["table", "seed", "mechanism", "hidden", "treatment"]


def treatments_of(train: Table, seed: int) -> Iterator[tuple[str, float, dict[str, Treated]]]:
    """Yields mechanism, share of hidden labels, and the labels under each treatment."""
    for mechanism, hide in MECHANISMS.items():
        for share in SHARES:
            given = hide(train.labels, train.groups, share, seed)
            treated = treat(given)
            if mechanism == POSITIVES_ONLY:
                treated |= treat_checked(given, train.labels, seed)
            yield mechanism, share, treated
    doubtful = uncertain(train.labels, out_of_fold_logits(train), UNCERTAIN_SHARE)
    yield UNCERTAIN, UNCERTAIN_SHARE, treat_uncertain(train.labels, doubtful)


def frame_of(name: str, table: Table, seed: int) -> pd.DataFrame:
    """Returns the scores of one seed, a row each."""
    train, test = table.parts(seed)
    rows = []
    for mechanism, share, treatments in treatments_of(train, seed):
        for treatment, treated in treatments.items():
            found = score(train, test, treated)
            rows.append((name, seed, mechanism, share, treatment, found.auc, found.log_loss))
    return pd.DataFrame(rows, columns=[*KEYS, "auc", "log_loss"])


def load(arguments: argparse.Namespace) -> dict[str, Table]:
    """Returns the tables, and prints why a table is skipped."""
    if arguments.quick:
        return {tables.MADE_UP: tables.made_up()}
    loaded = {name: tables.load(name, arguments.shared) for name in arguments.tables}
    for name, reason in loaded.items():
        if isinstance(reason, str):
            print(f"{name} is skipped: {reason}")
    return {name: table for name, table in loaded.items() if isinstance(table, Table)}


def run(arguments: argparse.Namespace) -> pd.DataFrame:
    """Measures what the file of results lacks; returns all results."""
    path: Path = arguments.results
    results = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEYS[:2])
    done = set(zip(results["table"], results["seed"], strict=True))
    loaded = load(arguments)
    started = time.perf_counter()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(frame_of, name, table.frequent(), seed)
            for seed in range(arguments.seeds)
            for name, table in loaded.items()
            if (name, seed) not in done
        ]
        for number, one in enumerate(as_completed(waiting), start=1):
            results = one.result() if results.empty else pd.concat([results, one.result()])
            results.to_csv(path, index=False)
            seconds = time.perf_counter() - started
            print(f"{number} of {len(waiting)} after {seconds:.0f} s", flush=True)
    order = [*tables.NAMES, tables.MADE_UP]
    return results.sort_values("table", key=lambda names: names.map(order.index), kind="stable")


def main(given: list[str] | None = None) -> None:
    """Runs the measurements and prints their tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/ and weights/")
    parser.add_argument("--tables", nargs="+", choices=tables.NAMES, default=tables.NAMES)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, required=True, help="CSV file, read and written")
    parser.add_argument("--picture", type=Path, help="image file to draw")
    parser.add_argument("--quick", action="store_true", help="a small table that is made up")
    arguments = parser.parse_args(given)
    if arguments.picture is not None and find_spec("matplotlib") is None:
        parser.error("--picture needs matplotlib: pip install matplotlib")
    results = run(arguments)
    if results.empty:
        raise SystemExit("No table was measured.")
    print_tables(results)
    if arguments.picture is not None:
        draw(results, arguments.picture)


if __name__ == "__main__":
    main()
