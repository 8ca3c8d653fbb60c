"""The table of recordings: long audio files, and the times of the words in them.

Convention: one row per event; a recording without events has one row whose `word` is blank. Every
occurrence of a word of the run has a row: a detection without one counts as a false accept. If
there is a column `speaker`, each recording has one speaker.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kerastl.data.tables.table_file import files_of, read_frame, require_columns
from kerastl.errors import TableError, counted, suggestion
from kerastl.media.addresses import without_links
from kerastl.media.audio.blocks import audio_seconds
from kerastl.media.cuts import cell_text
from kerastl_runtime.files import file_sha256
from kerastl_runtime.media_file import MediaFile

COLUMNS = ("path", "word", "start_seconds", "end_seconds")
SPEAKER = "speaker"  # an optional column
_LATE_SECONDS = 0.1  # by which an event may exceed the end: tables round
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Event:
    """One occurrence of a word in a recording."""

    start_seconds: float
    end_seconds: float

    @property
    def middle_seconds(self) -> float:
        """Halfway between start and end."""
        return (self.start_seconds + self.end_seconds) / 2


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recording, its length, and the occurrences of each word in the order of time."""

    file: MediaFile
    seconds: float
    events: Mapping[str, tuple[Event, ...]]
    speaker: str | None = None  # the only voice in it, if known


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """All recordings of a table, in its order."""

    items: tuple[Recording, ...]
    source: Path  # the table
    sha256: str  # of the table
    other_words: Mapping[str, int]  # words without a task in the run, with their number

    @property
    def hours(self) -> float:
        """Length of all recordings in hours."""
        return sum(item.seconds for item in self.items) / 3600

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers that are known, sorted."""
        return tuple(sorted({item.speaker for item in self.items if item.speaker}))

    def num_events(self) -> int:
        """Returns the number of events of all words."""
        return sum(len(events) for item in self.items for events in item.events.values())


def load_recordings(table: Path, words: Sequence[str]) -> Recordings:
    """Reads a table of recordings.

    Args:
        table: CSV or Parquet with the columns `path` (relative to the table), `word`,
            `start_seconds` and `end_seconds`, and with `speaker` if the voices are known.
        words: The tasks of the run; events of other words are counted and otherwise ignored.
    """
    problems: list[str] = []
    events: dict[str, list[tuple[str, Event]]] = {}
    speakers: dict[str, str] = {}
    rows = _read(table).reindex(columns=[*COLUMNS, SPEAKER]).itertuples(index=False)
    for number, row in enumerate(rows, start=1):
        path, word, *times, speaker = map(cell_text, row)
        problem = _problem(path, word, *times)
        if speaker != speakers.setdefault(path, speaker):
            problem = f"its speaker is '{speaker}', that of {path} above is '{speakers[path]}'"
        if problem:
            problems.append(f"row {number}: {problem}")
            continue
        found = events.setdefault(path, [])
        if word:
            start, end = map(float, times)
            found.append((word, Event(start_seconds=start, end_seconds=end)))
    _refuse(problems, table)
    files = files_of(list(events), table.parent, where=f"{table.name}: column path")
    items = [
        _recording(file, found, words, speakers[name] or None)
        for file, (name, found) in zip(files, events.items(), strict=True)
    ]
    _refuse([text for item in items for text in _beyond_the_end(item)], table)
    others = Counter(word for found in events.values() for word, _ in found if word not in words)
    return Recordings(
        items=tuple(items),
        source=table,
        sha256=file_sha256(table).hex(),
        other_words=dict(others),
    )


def words_of(table: Path) -> tuple[str, ...]:
    """Returns the words in a table of recordings, sorted."""
    return tuple(sorted({cell_text(cell) for cell in _read(table)["word"]} - {""}))


def about_other_words(recordings: Recordings, words: Sequence[str]) -> str | None:
    """Returns a sentence about words without a task in the run, or None."""
    others = recordings.other_words
    if not others:
        return None
    named = ", ".join(f"'{word}' ({count})" for word, count in sorted(others.items())[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    hints = [suggestion(word, words) for word in sorted(others)]
    hint = next((f" {text}" for text in hints if text), "")
    return f"The recordings contain words without a task in the run: {named}{more}.{hint}"


def about_training(recordings: Recordings, trained_on: Iterable[str]) -> str | None:
    """Returns a sentence about recordings that were trained on, by address, or None."""
    seen = set(map(without_links, trained_on))
    names = [item.file.name for item in recordings.items if without_links(str(item.file)) in seen]
    if not names:
        return None
    return (
        f"{len(names)} of {counted(len(recordings.items), 'recording')} "
        f"{'was' if len(names) == 1 else 'were'} trained on, {names[0]} first: scores on them are "
        "too optimistic."
    )


def _recording(
    file: MediaFile, found: Sequence[tuple[str, Event]], words: Sequence[str], speaker: str | None
) -> Recording:
    def of(word: str) -> tuple[Event, ...]:
        said = [event for name, event in found if name == word]
        return tuple(sorted(said, key=lambda event: event.start_seconds))

    return Recording(
        file=file,
        seconds=audio_seconds(file),
        events={word: of(word) for word in words},
        speaker=speaker,
    )


def _problem(path: str, word: str, start: str, end: str) -> str | None:
    """Returns what is wrong with a row, or None."""
    times = {"start_seconds": start, "end_seconds": end}
    if not path:
        return "path is blank"
    if not word:
        return next((f"{name} is given, but word is blank" for name in times if times[name]), None)
    for name, text in times.items():
        if not 0 <= _number(text) < math.inf:
            return f"{name}: expected seconds, 0 or more, received '{text}'"
    if float(end) <= float(start):
        return f"it ends at {end} s, but starts at {start} s"
    return None


def _beyond_the_end(item: Recording) -> list[str]:
    return [
        f"{item.file.name}: '{word}' ends at {event.end_seconds:g} s, "
        f"the recording at {item.seconds:.2f} s"
        for word, events in item.events.items()
        for event in events
        if event.end_seconds > item.seconds + _LATE_SECONDS
    ]


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
        f"The table of recordings has {counted(len(problems), 'problem')}.",
        problems=[*problems[:_SHOWN], *more],
        where=str(table),
        expected="one row per event with path, word, start_seconds and end_seconds; a recording "
        "without events has one row whose word and seconds are blank",
    )


def _read(table: Path) -> pd.DataFrame:
    frame, expected = read_frame(table), ", ".join(COLUMNS)
    require_columns(frame, COLUMNS, table, table="table of recordings", expected=expected)
    return frame
