"""Training examples from recordings: windows with a label per word.

Convention: a window that contains a whole event is positive, one that contains less than half of it
is negative, and anything in between is unknown, so it is not trained on. Detections are matched by
the same half.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.importing.made_table import MadeTable
from kerastl.data.tables.recordings import Event, Recording, load_recordings, words_of
from kerastl.errors import TableError

ALL = 0.95  # of the event, or of the window if that is shorter
LESS = 0.5
_DIGITS = 4  # of seconds
ASSUMED = "A window without an event of a word is 0, even if nobody listened for it."


def table_from_recordings(
    table: str | Path,
    *,
    relative_to: str | Path,
    words: Sequence[str] | None = None,
    window_seconds: float = 1.0,
    hop_seconds: float = 0.25,
) -> MadeTable:
    """Makes a table of examples: windows that slide over recordings.

    The windows of one recording share its `path`, which keeps them in one split. A window should
    have the length of the backbone's; the hop is from one start to the next.

    Args:
        table: Recordings and their events, as `load_recordings` reads them.
        relative_to: Folder of the new table.
        words: Words that become tasks; None: all words of the table. Other words are negatives.
    """
    source = Path(table)
    chosen = tuple(words) if words is not None else words_of(source)
    if not chosen:
        raise TableError(
            "The table of recordings contains no word.",
            where=str(source),
            expected="at least one event in the column word",
        )
    recordings = load_recordings(source, chosen)
    frames = [
        _windows(item, Path(relative_to), window_seconds, hop_seconds) for item in recordings.items
    ]
    frame = pd.concat(frames, ignore_index=True)
    never = [f"'{word}' is never said." for word in chosen if not (frame[word] == 1).any()]
    return MadeTable(frame=frame, tasks=chosen, notes=(*never, ASSUMED))


def _windows(item: Recording, folder: Path, window: float, hop: float) -> pd.DataFrame:
    count = max(1, math.floor((item.seconds - window) / hop + 1e-9) + 1)
    starts = np.arange(count) * hop
    ends = np.minimum(starts + window, item.seconds)
    columns: dict[str, object] = {
        "path": item.file.relative_to(folder),
        "start_seconds": starts.round(_DIGITS),
        "end_seconds": ends.round(_DIGITS),
    }
    for word, events in item.events.items():
        columns[word] = pd.array(_answers(starts, ends, events), dtype="Int8")
    return pd.DataFrame(columns)


def _answers(starts: np.ndarray, ends: np.ndarray, events: Sequence[Event]) -> list[int | None]:
    """Returns 1, 0 or None for each window."""
    most = np.zeros(len(starts))
    for event in events:
        held = np.minimum(ends, event.end_seconds) - np.maximum(starts, event.start_seconds)
        shorter = np.minimum(ends - starts, event.end_seconds - event.start_seconds)
        most = np.maximum(most, held / shorter)
    return [1 if share >= ALL else 0 if share < LESS else None for share in most]
