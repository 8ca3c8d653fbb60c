"""What `kerastl data check` says about the sounds of a table.

Convention: nothing here is a problem, training accepts all of it; what can't be read is reported
with the unreadable files. Rows count from 1.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kerastl.data.tables.examples import Examples
from kerastl.media.audio.inspection import SoundFacts

_FAR_LONGER = 4  # windows: of longer sounds one window hears less than a quarter


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What the backbone hears of a sound.

    Args:
        window_seconds: Length of its window.
        window: The rule for longer sounds: `"start"`, `"center"`, `"loudest"` or `"pool"`.
    """

    window_seconds: float
    window: str


@dataclass(frozen=True, kw_only=True)
class NotedSound:
    """A sound that its owner should know about; `value` says how much of it."""

    row: int
    path: str
    value: float


@dataclass(frozen=True, kw_only=True)
class SoundCounts:
    """What the readable sounds are.

    Args:
        formats: Format to how many examples have it.
        rates_hz: Samples per second to how many examples have them.
        channels: Number of channels to how many examples have them.
        shortest: Length of the shortest example, in seconds.
        median: Of the middle one.
        longest: Of the longest.
        total: Of all together.
        recordings: Files that are cut into several examples.
        silent: Those whose peak is 60 decibels or more below full scale; value: the peak.
        clipped: Those with more than a thousandth of their samples clipped; value: the part.
        too_short: Those shorter than the window; value: seconds.
        too_long: Those of which the window hears less than a quarter; value: seconds.
        window_seconds: Length of the window, or None where no backbone is known.
    """

    formats: dict[str, int]
    rates_hz: dict[int, int]
    channels: dict[int, int]
    shortest: float
    median: float
    longest: float
    total: float
    recordings: int
    silent: tuple[NotedSound, ...]
    clipped: tuple[NotedSound, ...]
    too_short: tuple[NotedSound, ...]
    too_long: tuple[NotedSound, ...]
    window_seconds: float | None


def count_sounds(
    table: Examples, facts: Sequence[SoundFacts | None], listener: Listener | None
) -> SoundCounts | None:
    """Returns the counts, or None where no sound could be read.

    Args:
        table: The examples.
        facts: Facts of each example, None where unreadable.
        listener: What the backbone hears, or None where that isn't known.
    """
    read = [(row, fact) for row, fact in enumerate(facts) if fact is not None]
    if not read:
        return None

    def noted(found: Sequence[tuple[int, float]]) -> tuple[NotedSound, ...]:
        return tuple(
            NotedSound(row=row + 1, path=str(table.paths[row]), value=value) for row, value in found
        )

    lengths = sorted(fact.seconds for _, fact in read)
    return SoundCounts(
        formats=dict(Counter(fact.format for _, fact in read).most_common()),
        rates_hz=dict(Counter(fact.rate_hz for _, fact in read).most_common()),
        channels=dict(Counter(fact.channels for _, fact in read).most_common()),
        shortest=lengths[0],
        median=lengths[len(lengths) // 2],
        longest=lengths[-1],
        total=sum(lengths),
        recordings=_num_recordings(table),
        silent=noted([(row, fact.peak) for row, fact in read if fact.is_silent]),
        clipped=noted([(row, fact.clipped) for row, fact in read if fact.is_clipped]),
        too_short=noted(
            [(row, fact.seconds) for row, fact in read if _is_too_short(fact, listener)]
        ),
        too_long=noted([(row, fact.seconds) for row, fact in read if _is_too_long(fact, listener)]),
        window_seconds=None if listener is None else listener.window_seconds,
    )


def _is_too_short(fact: SoundFacts, listener: Listener | None) -> bool:
    return listener is not None and fact.seconds < listener.window_seconds


def _is_too_long(fact: SoundFacts, listener: Listener | None) -> bool:
    if listener is None or listener.window == "pool":
        return False
    return fact.seconds > _FAR_LONGER * listener.window_seconds


def _num_recordings(table: Examples) -> int:
    if table.segments is None:
        return 0
    return sum(count > 1 for count in Counter(table.paths).values())
