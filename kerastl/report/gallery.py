"""Which examples are worth a look: confident mistakes and uncertain ones.

Convention: the order is by probability, then by the table's order, so that a report is the same
each time it is built.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.media.base import MediaType
from kerastl.media.preview import Preview
from kerastl.media.segments import COLUMNS, WHOLE, Bounds
from kerastl.report.media import PreviewStore

MISTAKES = 8
UNCERTAIN = 8


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example as it is shown.

    Args:
        name: File name.
        path: The whole path.
        probability: Calibrated, in [0, 1].
        truth: `"yes"`, `"no"` or `"unknown"`.
        preview: The image, the player, or a text.
    """

    name: str
    path: str
    probability: float
    truth: str
    preview: Preview


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A titled row of examples.

    Args:
        title: What they have in common.
        hint: What the title means.
        total: How many examples there are of the kind, shown or not.
        examples: Those that are shown.
    """

    title: str
    hint: str
    total: int
    examples: tuple[Example, ...]


def gather_galleries(
    rows: pd.DataFrame, task: str, threshold: float, *, limits: tuple[int, int], media: PreviewStore
) -> tuple[Gallery, ...]:
    """Returns wrong yeses, wrong noes and uncertain examples of one task.

    Args:
        rows: Predictions of one split.
        task: Name of the task.
        threshold: A probability at or above it is a yes.
        limits: How many mistakes of each kind, and how many uncertain examples, to show.
        media: Makes what is shown.
    """
    y = rows[f"{task}_label"].to_numpy(np.float64)
    p = rows[task].to_numpy(np.float64)
    wrong_yes = _ordered((y == 0) & (p >= threshold), -p)
    wrong_no = _ordered((y == 1) & (p < threshold), p)
    unsure = _ordered(np.isfinite(p), np.abs(p - 0.5))

    def gallery(title: str, hint: str, order: np.ndarray, limit: int) -> Gallery:
        chosen = order[:limit]
        shown = (_example(rows.iloc[i], y[i], p[i], media) for i in chosen)
        return Gallery(title=title, hint=hint, total=len(order), examples=tuple(shown))

    mistakes, uncertain = limits
    return (
        gallery("Said yes, labeled no", "most confident first", wrong_yes, mistakes),
        gallery("Said no, labeled yes", "most confident first", wrong_no, mistakes),
        gallery(
            "Most uncertain",
            "probability nearest to one half, unlabeled ones too",
            unsure,
            uncertain,
        ),
    )


def limits_for(num_tasks: int, media: MediaType, budget: int) -> tuple[int, int]:
    """Returns how many mistakes of each kind and uncertain examples fit for every task."""
    whole = 2 * MISTAKES + UNCERTAIN
    share = min(1.0, budget / (max(num_tasks, 1) * whole * media.preview_characters))
    return max(1, round(MISTAKES * share)), max(1, round(UNCERTAIN * share))


def file_names(paths: Iterable[str]) -> list[str]:
    """Returns the last part of each path."""
    return [Path(path).name or path for path in paths]


def _ordered(chosen: np.ndarray, key: np.ndarray) -> np.ndarray:
    found = np.flatnonzero(chosen)
    return found[np.argsort(key[found], kind="stable")]


def _example(row: pd.Series, label: float, probability: float, media: PreviewStore) -> Example:
    path, segment = str(row["path"]), _segment(row)
    truth = "unknown" if np.isnan(label) else "yes" if label == 1 else "no"
    return Example(
        name=file_names([path])[0] + _place(segment),
        path=path,
        probability=float(probability),
        truth=truth,
        preview=media.show(Path(path), segment),
    )


def _segment(row: pd.Series) -> Bounds:
    start, end = (row.get(column) for column in COLUMNS)
    return None if pd.isna(start) else float(start), None if pd.isna(end) else float(end)


def _place(segment: Bounds) -> str:
    return "" if segment == WHOLE else f", {segment[0] or 0:.2f} s"
