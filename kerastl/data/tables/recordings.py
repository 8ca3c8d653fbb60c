"""The table of recordings: long sounds, and where in them which word is said.

Convention: one row per event; a recording without events has one row whose `word` is blank. Every
time that a word of the run is said has a row: what has none counts as a false accept.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kerastl.data.tables.loading import read_frame
from kerastl.errors import TableError, suggestion
from kerastl.files import file_sha256
from kerastl.media.audio.blocks import audio_seconds

COLUMNS = ("path", "word", "start_seconds", "end_seconds")
_LATE_SECONDS = 0.1  # what an event may reach beyond the end: tables round
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Event:
    """A word that is said in a recording.

    Args:
        start_seconds: Where it begins.
        end_seconds: Where it ends, after its start.
    """

    start_seconds: float
    end_seconds: float

    @property
    def middle_seconds(self) -> float:
        """Halfway between start and end."""
        return (self.start_seconds + self.end_seconds) / 2


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One long sound.

    Args:
        path: Its file.
        seconds: Its length.
        events: Word to where it is said, in the order of time.
    """

    path: Path
    seconds: float
    events: Mapping[str, tuple[Event, ...]]


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """All recordings of a table, in its order.

    Args:
        items: The recordings.
        source: The table.
        sha256: Of the table's bytes.
        other_words: Words that the table names and the run doesn't know, with their number.
    """

    items: tuple[Recording, ...]
    source: Path
    sha256: str
    other_words: Mapping[str, int]

    @property
    def hours(self) -> float:
        """Length of all recordings."""
        return sum(item.seconds for item in self.items) / 3600

    def num_events(self) -> int:
        """How many events there are of all words."""
        return sum(len(events) for item in self.items for events in item.events.values())


def load_recordings(table: Path, words: Sequence[str]) -> Recordings:
    """Reads a table of recordings.

    Args:
        table: CSV or Parquet with the columns `path` (relative to the table), `word`,
            `start_seconds` and `end_seconds`.
        words: The tasks of the run; events of other words are counted and otherwise ignored.

    Raises:
        TableError: The table can't be read, lacks a column, or a row of it makes no sense.
        MediaError: A recording is missing or no sound.
    """
    frame = read_frame(table)
    _require_columns(frame, table)
    problems: list[str] = []
    events: dict[str, list[tuple[str, Event]]] = {}
    for number, row in enumerate(frame[list(COLUMNS)].to_dict("records"), start=1):
        cells = {name: "" if pd.isna(row[name]) else str(row[name]).strip() for name in COLUMNS}
        problem = _problem(cells)
        if problem is not None:
            problems.append(f"row {number}: {problem}")
            continue
        found = events.setdefault(cells["path"], [])
        if cells["word"]:
            found.append((cells["word"], _event(cells)))
    _refuse(problems, table)
    items = [_recording(table.parent / name, found, words) for name, found in events.items()]
    _refuse([text for item in items for text in _beyond_the_end(item)], table)
    others = Counter(word for found in events.values() for word, _ in found if word not in words)
    return Recordings(
        items=tuple(items),
        source=table,
        sha256=file_sha256(table).hex(),
        other_words=dict(others),
    )


def words_of(table: Path) -> tuple[str, ...]:
    """Returns the words that a table of recordings names, sorted.

    Raises:
        TableError: The table can't be read or lacks a column.
    """
    frame = read_frame(table)
    _require_columns(frame, table)
    cells = {"" if pd.isna(cell) else str(cell).strip() for cell in frame["word"]}
    return tuple(sorted(cells - {""}))


def about_other_words(recordings: Recordings, words: Sequence[str]) -> str | None:
    """Returns what is to be said about words that the run doesn't know, or None."""
    others = recordings.other_words
    if not others:
        return None
    named = ", ".join(f"'{word}' ({count})" for word, count in sorted(others.items())[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    hints = [suggestion(word, words) for word in sorted(others)]
    hint = next((f" {text}" for text in hints if text), "")
    return f"The recordings name words that the run has no task for: {named}{more}.{hint}"


def about_training(recordings: Recordings, trained_on: Iterable[Path]) -> str | None:
    """Returns what is to be said where recordings were trained on, or None.

    Args:
        recordings: For validation or the test.
        trained_on: Absolute paths of the training files.
    """
    seen = {path.resolve() for path in trained_on}
    names = [item.path.name for item in recordings.items if item.path.resolve() in seen]
    if not names:
        return None
    return (
        f"{len(names)} of {len(recordings.items)} recordings were trained on, {names[0]} first: "
        "what is found on them is too good to be true."
    )


def _recording(path: Path, found: Sequence[tuple[str, Event]], words: Sequence[str]) -> Recording:
    def of(word: str) -> tuple[Event, ...]:
        said = [event for name, event in found if name == word]
        return tuple(sorted(said, key=lambda event: event.start_seconds))

    return Recording(
        path=path, seconds=audio_seconds(path), events={word: of(word) for word in words}
    )


def _problem(cells: Mapping[str, str]) -> str | None:
    if not cells["path"]:
        return "path is blank"
    times = {name: cells[name] for name in ("start_seconds", "end_seconds")}
    if not cells["word"]:
        given = [name for name, text in times.items() if text]
        return f"{given[0]} is given, but word is blank" if given else None
    for name, text in times.items():
        if not math.isfinite(_number(text)) or _number(text) < 0:
            return f"{name}: expected seconds, 0 or more, received '{text}'"
    if _number(times["end_seconds"]) <= _number(times["start_seconds"]):
        return f"it ends at {times['end_seconds']} s, but starts at {times['start_seconds']} s"
    return None


def _beyond_the_end(item: Recording) -> list[str]:
    return [
        f"{item.path.name}: '{word}' ends at {event.end_seconds:g} s, "
        f"the recording at {item.seconds:.2f} s"
        for word, events in item.events.items()
        for event in events
        if event.end_seconds > item.seconds + _LATE_SECONDS
    ]


def _event(cells: Mapping[str, str]) -> Event:
    return Event(
        start_seconds=_number(cells["start_seconds"]), end_seconds=_number(cells["end_seconds"])
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _refuse(problems: Sequence[str], table: Path) -> None:
    if not problems:
        return
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    raise TableError(
        f"The table of recordings has {len(problems)} problem{'s' * (len(problems) > 1)}.",
        problems=[*problems[:_SHOWN], *more],
        where=str(table),
        expected="one row per event with path, word, start_seconds and end_seconds; a recording "
        "without events has one row whose word and seconds are blank",
    )


def _require_columns(frame: pd.DataFrame, table: Path) -> None:
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        quoted = ", ".join(f"'{name}'" for name in missing)
        raise TableError(
            f"The table of recordings lacks the column{'s' * (len(missing) > 1)} {quoted}.",
            where=str(table),
            expected=", ".join(COLUMNS),
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
