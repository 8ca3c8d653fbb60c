"""Where one network for all tasks beats a network per task, by labels, by what learns and by table.

    python benchmarks/sharing_map.py --shared ../shared --results map --picture map.svg

A cell is a table, a number of training rows, a share of unknown labels, and what learns: a hidden
layer on the frozen backbone, the pretrained backbone, or everything from random weights. In each
cell and for each seed, which draws other rows and starts from other weights, one network for all
tasks and a network per task are trained for the same number of steps and scored on the same test
rows. Beside the difference, each cell has the evidence for the three textbook conditions. A cell
goes to a file in the folder of results when it is done, and cells that are there are not trained
again, so the command can be stopped and repeated. Folder `map.csv` has the summary.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from map_bench import cases
from map_bench.cases import TEN, Case
from map_bench.networks import FINE_TUNED, FROZEN, SCRATCH, Networks, Trained, solved_logits
from scipy.stats import rankdata

ALL = "all"
STEPS = {30: (100, 8), 100: (160, 8), 300: (200, 16), ALL: (240, 16)}  # and the batch size
LOSS_ROWS = 200  # of the training rows, for the training loss


def cells() -> Iterator[tuple[str, int | str, float, str]]:
    """Yields table, training rows, share of unknown labels and mode, the most telling first."""
    usual = [name for name in cases.NAMES if name != TEN]
    for name in usual:
        yield from ((name, size, 0.0, FROZEN) for size in STEPS if size != 300)
        yield name, 100, 0.5, FROZEN
    yield TEN, 300, 0.0, SCRATCH
    for size in (100, 30):
        yield from ((name, size, 0.0, mode) for mode in (SCRATCH, FINE_TUNED) for name in usual)
    yield from ((name, 100, 0.5, SCRATCH) for name in usual)
    yield from ((name, ALL, 0.0, mode) for mode in (SCRATCH, FINE_TUNED) for name in usual)
    yield from ((name, 100, 0.5, FINE_TUNED) for name in usual)
    for mode in (FROZEN, SCRATCH, FINE_TUNED):
        yield from ((name, size, 0.5, mode) for size in (30, ALL) for name in usual)


def measure(
    networks: Networks, size: int | str, unknown: float, mode: str, *, seeds: int, times: int
) -> dict[str, Any]:
    """Trains one cell; returns what is stored of it."""
    case = networks.case
    started = time.perf_counter()
    steps = (times * STEPS[size][0], STEPS[size][1])
    found = [_seed(networks, size, unknown, mode, steps, seed) for seed in range(seeds)]
    return {
        "case": case.name,
        "rows": size,
        "unknown": unknown,
        "mode": mode,
        "tasks": case.tasks[: case.num_alone],
        "groups": case.groups[case.test].tolist(),
        "labels": case.labels[case.test, : case.num_alone].tolist(),
        "seconds": time.perf_counter() - started,
        "seeds": found,
    }


def _seed(
    networks: Networks,
    size: int | str,
    unknown: float,
    mode: str,
    steps: tuple[int, int],
    seed: int,
) -> dict[str, Any]:
    case = networks.case
    rows, labels = case.drawn(len(case.train) if size == ALL else int(size), seed, unknown)
    fitted = rows[:LOSS_ROWS] if mode == FROZEN else rows[: LOSS_ROWS if size == ALL else None]
    needed = np.union1d(rows if size != ALL else fitted, case.test)

    def train(tasks: list[int]) -> Trained:
        return networks.train(mode, rows, labels[:, tasks], steps=steps, seed=seed, needed=needed)

    together = train(list(range(len(case.tasks))))
    scored = slice(case.num_alone)
    alone = [train([task]) for task in range(case.num_alone)]
    apart = np.concatenate([one.logits for one in alone], axis=1)
    position = {row: place for place, row in enumerate(rows)}
    fitted_labels = labels[[position[row] for row in fitted]]
    initial = networks.initial_features(mode, seed, np.union1d(rows, case.test))
    return {
        "known": [(labels == value).sum(axis=0).tolist() for value in (0, 1)],
        "together": together.logits[case.test, scored].round(4).tolist(),
        "alone": apart[case.test].round(4).tolist(),
        "linear": solved_logits(initial, rows, labels, seed)[case.test, scored].round(4).tolist(),
        "loss_together": _loss(together.logits[fitted, scored], fitted_labels[:, scored]),
        "loss_alone": _loss(apart[fitted], fitted_labels[:, scored]),
        "lent": _lent(case, initial, alone, fitted, fitted_labels[:, scored], seed),
    }


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the loss per known label, the mean over tasks, in nats."""
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits))
    return float(np.nanmean(np.where(np.isnan(labels), np.nan, losses), axis=0).mean())


def _lent(
    case: Case,
    initial: np.ndarray,
    alone: list[Trained],
    rows: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> list[list[float]]:
    """Returns how much better linear heads are on features that another task trained.

    The change of the AUC from the initial features, `(task that trained, task)`.
    """

    def scores(features: np.ndarray) -> np.ndarray:
        logits = solved_logits(features, rows, labels, seed)[case.test]
        return areas(case.labels[case.test, : case.num_alone], logits)

    before = scores(initial)
    return [(scores(one.features) - before).round(4).tolist() for one in alone]


def areas(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC curve of each task; all labels are known."""
    ranks = rankdata(logits, axis=0)
    positives, negatives = labels.sum(axis=0), (1 - labels).sum(axis=0)
    above = (ranks * labels).sum(axis=0) - positives * (positives + 1) / 2
    return np.asarray(above / (positives * negatives))


def main() -> None:
    """Trains what is missing, prints the map and draws it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--results", type=Path, required=True, help="folder of finished cells")
    parser.add_argument("--tables", nargs="+", default=cases.NAMES, help="only these tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="so many times the usual steps")
    parser.add_argument("--picture", type=Path, help="SVG file to draw")
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    networks: dict[str, Networks] = {}
    for name, size, unknown, mode in cells():
        path = arguments.results / f"{name}-{size}-{unknown:g}-{mode}.json".replace(" ", "-")
        if path.is_file() or name not in arguments.tables:
            continue
        if name not in networks:
            networks[name] = Networks(cases.load(name, arguments.shared))
        found = measure(
            networks[name], size, unknown, mode, seeds=arguments.seeds, times=arguments.times
        )
        path.write_text(json.dumps(found))
        print(f"{path.stem}: {found['seconds']:.0f} s", flush=True)
    from map_bench.summary import print_map, summarize

    summary = summarize(arguments.results)
    summary.to_csv(arguments.results / "map.csv", index=False)
    print_map(summary)
    if arguments.picture is not None:
        from sharing_pictures import draw_map

        draw_map(summary, arguments.picture)


if __name__ == "__main__":
    main()
