"""From finished cells to one row each: scores, their difference, and the three conditions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.special

from kerastl.compare.conditions import SIMILAR
from kerastl.compare.contrasts import signed
from kerastl.compare.verdicts import HELPS, HURTS, verdict
from kerastl.evaluation.differences import ReplicatedScore, paired_difference, replicated_auc
from kerastl.evaluation.intervals import Bootstrap, Draws
from map_bench.cases import NAMES
from map_bench.networks import MODES

REPLICATES = 1000
LARGER_LOSS = 0.01  # nats per label; a smaller difference is chance
KINDS = ("together", "alone", "linear")
_YES = {True: "yes", False: "no", None: "unclear"}


def summarize(results: Path) -> pd.DataFrame:
    """Returns a row per finished cell, in the order of tables, modes and numbers of rows."""
    rows = [_row(json.loads(path.read_text())) for path in results.glob("*.json")]
    orders = {"case": NAMES, "mode": MODES, "unknown": (0, 0.5), "rows": (30, 100, 300, "all")}
    rows.sort(key=lambda row: [order.index(row[key]) for key, order in orders.items()])
    return pd.DataFrame(rows)


def _row(cell: dict[str, Any]) -> dict[str, Any]:
    seeds, tasks = cell["seeds"], cell["tasks"]
    groups = np.array(cell["groups"], str)
    draws = Draws(Bootstrap(groups=groups, replicates=REPLICATES, seed=0))
    labels = np.array(cell["labels"])
    scores = {
        kind: [_scores(labels, np.array(seed[kind]), draws) for seed in seeds] for kind in KINDS
    }
    found = paired_difference(scores["together"], scores["alone"])
    verdicts = {
        task: verdict(
            paired_difference(*([[one[i]] for one in scores[k]] for k in KINDS[:2])).interval,
            sign=1,
        )
        for i, task in enumerate(tasks)
    }
    low, high = found.interval or (np.nan, np.nan)
    known = np.array([seed["known"] for seed in seeds]).mean(axis=0)  # (class, task)
    ratios = [
        counts.max() / max(counts.min(), 1) for counts in (known.sum(axis=0), known.min(axis=0))
    ]
    lent = [_off_diagonal(np.array(seed["lent"])) for seed in seeds]
    losses = np.array([[seed["loss_together"], seed["loss_alone"]] for seed in seeds]).mean(axis=0)
    return {
        **{key: cell[key] for key in ("case", "rows", "unknown", "mode")},
        **{kind: np.mean([[s.value for s in one] for one in scores[kind]]) for kind in KINDS},
        "difference": found.value,
        "low": low,
        "high": high,
        "verdict": verdict(found.interval, sign=1),
        "helped": " ".join(task for task, one in verdicts.items() if one == HELPS),
        "harmed": " ".join(task for task, one in verdicts.items() if one == HURTS),
        "lent": np.mean(lent),
        "shares_features": _agreed(lent),
        "ratio": max(ratios),
        "similar_amounts": bool(max(ratios) <= SIMILAR),
        "more_loss": losses[0] - losses[1],
        "large_enough": bool(losses[0] - losses[1] <= LARGER_LOSS),
        "seconds": cell["seconds"],
    }


def _scores(labels: np.ndarray, logits: np.ndarray, draws: Draws) -> list[ReplicatedScore]:
    found = scipy.special.expit(logits)
    return [replicated_auc(y, p, draws) for y, p in zip(labels.T, found.T, strict=True)]


def _off_diagonal(matrix: np.ndarray) -> float:
    return float(matrix[~np.eye(len(matrix), dtype=bool)].mean())


def _agreed(values: list[float]) -> bool | None:
    """Returns whether all seeds are above 0, or None if they disagree."""
    signs = {value > 0 for value in values}
    return signs.pop() if len(signs) == 1 else None


def print_map(summary: pd.DataFrame) -> None:
    """Prints the map in Markdown, a table for each case."""
    for case, rows in summary.groupby("case", sort=False):
        print(f"\n### {str(case).capitalize()}\n")
        print(
            "| what learns | rows | together | a network each | difference (95 %) | verdict "
            "| linear heads, frozen or random | shares features | similar amounts | large enough |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for row in rows.itertuples():
            blank = ", half unknown" if row.unknown else ""
            tasks = "".join(
                f"; {what} {names.replace(' ', ', ')}"
                for what, names in (("helps", row.helped), ("hurts", row.harmed))
                if names and row.verdict != what
            )
            print(
                f"| {row.mode} | {row.rows}{blank} | {row.together:.3f} | {row.alone:.3f} "
                f"| {signed(row.difference)} ({signed(row.low)} to {signed(row.high)}) "
                f"| {row.verdict}{tasks} | {row.linear:.3f} "
                f"| {_YES[_bool(row.shares_features)]} ({signed(row.lent)}) "
                f"| {_YES[row.similar_amounts]} ({row.ratio:.1f}×) "
                f"| {_YES[row.large_enough]} ({signed(row.more_loss)}) |"
            )


def _bool(value: Any) -> bool | None:
    return None if value is None or value != value else bool(value)
