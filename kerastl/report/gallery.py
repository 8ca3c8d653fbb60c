"""Confident mistakes and uncertain examples, with previews within a budget.

Convention: the order is by probability, then by the table's order, so a report is the same each
time it is built. An example that cannot be shown has a sentence in its place; a report never fails
because of a file.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.media.base import MediaType
from kerastl.media.preview import Preview, no_preview
from kerastl.media.segments import COLUMNS, WHOLE, Bounds
from kerastl.run.origin import ReadableFiles

BUDGET = 2_000_000  # characters of data URIs in a report
_MOST_EXAMPLES = 8  # of a gallery
_GALLERIES = 3  # of a task


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example of a gallery."""

    name: str
    path: str
    probability: float  # calibrated
    truth: str  # "yes", "no" or "unknown"
    preview: Preview


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A titled row of examples."""

    title: str
    hint: str
    total: int  # number of examples of the kind, shown or not
    examples: tuple[Example, ...]


@dataclass
class PreviewStore:
    """Makes previews until the budget is spent; a file is read once."""

    media: MediaType
    files: ReadableFiles
    left: int = BUDGET  # number of characters
    _made: dict[tuple[Path, Bounds], Preview] = field(default_factory=dict)

    def preview(self, path: Path, segment: Bounds) -> Preview:
        """Returns the preview of a file, or of a segment of it, if the file may be read."""
        refusal = self.files.refusal(path)
        if refusal is not None:
            return no_preview(refusal)
        key = path, segment
        if key not in self._made:
            self._made[key] = self.media.preview(path, segment)
        size = len(self._made[key].uri or "")
        if size > self.left:
            return no_preview("left out to keep the report small")
        self.left -= size
        return self._made[key]


def gather_galleries(
    rows: pd.DataFrame, task: str, threshold: float, *, limit: int, store: PreviewStore
) -> tuple[Gallery, ...]:
    """Returns false positives, false negatives and uncertain examples of one task.

    Args:
        rows: Predictions of one split.
        task: Name of the task.
        threshold: A probability at or above it counts as yes.
        limit: Number of examples of a gallery.
        store: Makes the previews.
    """
    y = rows[f"{task}_label"].to_numpy(np.float64)
    p = rows[task].to_numpy(np.float64)
    found = (
        ("Predicted yes, labeled no", "most confident first", (y == 0) & (p >= threshold), -p),
        ("Predicted no, labeled yes", "most confident first", (y == 1) & (p < threshold), p),
        (
            "Most uncertain",
            "probability nearest to the threshold on a logit scale, labeled or not",
            np.isfinite(p),
            np.abs(_logits(p) - _logits(np.array(threshold))),
        ),
    )
    galleries = []
    for title, hint, chosen, key in found:
        order = np.flatnonzero(chosen)
        order = order[np.argsort(key[order], kind="stable")]
        examples = tuple(_example(rows.iloc[i], y[i], p[i], store) for i in order[:limit])
        galleries.append(Gallery(title=title, hint=hint, total=len(order), examples=examples))
    return tuple(galleries)


def _logits(p: np.ndarray) -> np.ndarray:
    least = np.finfo(np.float64).tiny
    return np.log(np.maximum(p, least)) - np.log(np.maximum(1 - p, least))


def examples_per_gallery(num_tasks: int, media: MediaType) -> int:
    """Returns the number of examples of a gallery that fit into the budget for every task."""
    whole = max(num_tasks, 1) * _GALLERIES * _MOST_EXAMPLES * media.preview_characters
    return max(1, round(_MOST_EXAMPLES * min(1.0, BUDGET / whole)))


def _example(row: pd.Series, label: float, probability: float, store: PreviewStore) -> Example:
    path = str(row["path"])
    start, end = (row.get(column) for column in COLUMNS)
    segment = None if pd.isna(start) else float(start), None if pd.isna(end) else float(end)
    place = "" if segment == WHOLE else f", {segment[0] or 0:.2f} s"
    return Example(
        name=(Path(path).name or path) + place,
        path=path,
        probability=float(probability),
        truth="unknown" if np.isnan(label) else "yes" if label == 1 else "no",
        preview=store.preview(Path(path), segment),
    )
