"""Examples of each kind of decision, with previews within a budget.

Convention: the order is by probability, then by the table's order, so a report is the same each
time it is built. A gallery has the examples that come first at any threshold, so the page's script
only hides those that the chosen threshold decides otherwise. An example that cannot be shown has a
sentence in its place; a report never fails because of a file.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath

import numpy as np

from kerastl.errors import MediaError
from kerastl.media.base import MediaType
from kerastl.media.preview import Preview, no_preview
from kerastl.report.curves import logits
from kerastl.report.panels import Place, Split
from kerastl.run.origin import ReadableFiles
from kerastl_runtime.media_file import MediaFile, num_readers
from kerastl_runtime.threads import in_order

BUDGET = 2_400_000  # characters of data URIs in a report
_MOST_EXAMPLES = 8  # of a gallery
_GALLERIES = 6  # of a task on a split; that of the nearest has twice as many examples
_DISTINCT = 0.75  # share of the previews that are of other files, with several tasks
_SAMPLE = 24  # files whose previews are measured


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example of a gallery."""

    name: str
    path: str
    probability: float  # calibrated
    truth: str  # "yes", "no" or "unknown"
    is_shown: bool  # at the run's threshold
    preview: Preview
    preview_id: str  # of the preview, which is embedded once
    is_embedded: bool  # whether it is embedded here


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A titled row of examples."""

    cell: str  # of the confusion matrix: "fp", "fn", "tp" or "tn"; or "near"
    title: str
    hint: str
    total: int  # number of examples of the kind, shown or not
    examples: tuple[Example, ...]

    @property
    def shown(self) -> tuple[Example, ...]:
        """The examples that are of the kind at the run's threshold."""
        return tuple(example for example in self.examples if example.is_shown)


@dataclass
class PreviewStore:
    """Makes previews until the budget is spent; a file is read and embedded once.

    Threads make them ahead, because reading, decoding and encoding do not need Python's lock.
    """

    media: MediaType
    files: ReadableFiles
    left: int = BUDGET  # number of characters
    _made: dict[Place, tuple[str, Preview]] = field(default_factory=dict)
    _ahead: dict[Place, Preview] = field(default_factory=dict)

    def make_ahead(self, places: Iterable[Place]) -> list[Preview]:
        """Makes the previews that will be asked for soon; returns those that are new."""
        files: dict[Place, MediaFile] = {}
        for place in places:
            if self.left > 0 and place not in self._made and place not in self._ahead:
                with suppress(MediaError):
                    files[place] = self.files.file(place[0])
        wanted = sorted(files, key=lambda place: files[place].reading_order)
        tasks = (partial(self.media.preview, files[place], place[1]) for place in wanted)
        readers = num_readers(files.values())
        made = list(in_order(tasks, num_ahead=len(wanted), num_threads=readers))
        self._ahead.update(zip(wanted, made, strict=True))
        return made

    def preview(self, place: Place) -> tuple[str, Preview, bool]:
        """Returns the id of a preview, the preview, and whether it is the first of its file.

        A file that may not be read, and one that does not fit anymore, has a text.
        """
        is_first = place not in self._made
        if is_first:
            self._made[place] = f"preview-{len(self._made)}", self._make(place)
        return *self._made[place], is_first

    def usual_characters(self, places: Sequence[Place]) -> float:
        """Returns the mean size of a preview, measured on a few of the places; at least 1."""
        made = self.make_ahead(places[:: max(1, len(places) // _SAMPLE)])
        sizes = [size for one in made if (size := _size(one))]
        return sum(sizes) / len(sizes) if sizes else 1.0

    def _make(self, place: Place) -> Preview:
        address, cut = place
        try:
            file = self.files.file(address)
        except MediaError as error:
            return no_preview(error.what)
        if self.left <= 0:
            return no_preview("left out to keep the report small")
        made = self._ahead.pop(place, None) or self.media.preview(file, cut)
        size = _size(made)
        if size > self.left:
            return no_preview("left out to keep the report small")
        self.left -= size
        return made


def _size(preview: Preview) -> int:
    """Returns the number of characters of a preview's data URIs."""
    return len(preview.uri or "") + len(preview.picture or "")


def gather_galleries(
    split: Split, task: str, threshold: float, *, limit: int, store: PreviewStore
) -> tuple[Gallery, ...]:
    """Returns the mistakes, the uncertain examples and the correct decisions of one task.

    Args:
        split: Predictions of one split.
        task: Name of the task.
        threshold: A probability at or above it counts as yes.
        limit: Number of examples of a gallery.
        store: Makes the previews.
    """
    y, p = split.labels([task])[:, 0], split.probabilities(task)
    called, valid = p >= threshold, np.isfinite(p)
    distance = np.abs(logits(p) - logits(np.array(threshold)))
    sure, near = (
        "most confident first",
        "probability nearest to it on a logit scale, labeled or not",
    )
    found = (
        ("fp", "Predicted yes, labeled no", sure, y == 0, called, -p),
        ("fn", "Predicted no, labeled yes", sure, y == 1, ~called, p),
        ("near", "Nearest to the threshold", near, valid, valid, distance),
        ("tp", "Predicted yes, labeled yes", sure, y == 1, called, -p),
        ("tn", "Predicted no, labeled no", sure, y == 0, ~called, p),
    )
    chosen: list[dict[int, bool]] = []
    for cell, _, _, of_class, decided, key in found:
        order = np.flatnonzero(of_class)
        order = order[np.argsort(key[order], kind="stable")][:limit]
        shown = dict(zip(order.tolist(), decided[order].tolist(), strict=True))
        if cell == "near":
            shown |= {i: False for i in _spread(p, valid, limit) if i not in shown}
        chosen.append(shown)
    store.make_ahead(split.places[i] for shown in chosen for i in shown)
    return tuple(
        Gallery(
            cell=cell,
            title=title,
            hint=hint,
            total=int((of_class & decided).sum()),
            examples=tuple(_example(split.places[i], y[i], p[i], shown[i], store) for i in shown),
        )
        for (cell, title, hint, of_class, decided, _), shown in zip(found, chosen, strict=True)
    )


def _spread(p: np.ndarray, valid: np.ndarray, count: int) -> list[int]:
    """Returns the examples nearest to logits at equal distances, so that some are near any."""
    order = np.flatnonzero(valid)
    if not len(order):
        return []
    found = logits(p[order])
    wanted = np.linspace(found.min(), found.max(), count + 2)[1:-1]
    nearest: list[int] = order[np.abs(found[:, None] - wanted).argmin(axis=0)].tolist()
    return nearest


def examples_per_gallery(num_tasks: int, num_parts: int, characters: float) -> list[int]:
    """Returns the number of examples of a gallery on each split that fit into the budget.

    Splits after the first have half as many. `characters` is the size of a preview.
    """
    galleries = num_tasks * _GALLERIES * (1 + (num_parts - 1) / 2)
    whole = galleries * _MOST_EXAMPLES * characters
    share = min(1.0, BUDGET / whole / (_DISTINCT if num_tasks > 1 else 1.0))
    first = max(2, int(_MOST_EXAMPLES * share))
    return [first, *[max(1, first // 2)] * (num_parts - 1)]


def _example(
    place: Place, label: float, probability: float, is_shown: bool, store: PreviewStore
) -> Example:
    address, cut = place
    preview_id, preview, is_first = store.preview(place)
    name = PurePath(address).name or address
    return Example(
        name=", ".join(filter(None, (name, store.media.cut_text(cut)))),
        path=address,
        probability=float(probability),
        truth="unknown" if np.isnan(label) else "yes" if label == 1 else "no",
        is_shown=is_shown,
        preview=preview,
        preview_id=preview_id,
        is_embedded=is_first,
    )
