"""What `kerastl data check` reports about audio.

Convention: a file is read in blocks, so an hour takes no more memory than a second. Loudness is
that of the channels mixed down, as the backbone gets them; clipping is looked for in every channel.
Rows count from 1.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from scipy import ndimage

from kerastl.errors import counted
from kerastl.media.audio.settings import AudioSettings
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import MediaSummary
from kerastl_runtime.audio.decoding import segment_of
from kerastl_runtime.audio.reading import open_audio, read_blocks
from kerastl_runtime.decoder import Cut
from kerastl_runtime.media_file import MediaFile

SILENT_PEAK = 1e-3  # of full scale: 60 decibels below it
CLIPPED_PART = 1e-3  # of the samples
_FULL_SCALE = 0.999
_RUN = 3  # neighbors at full scale that make a clipped peak; one or two may be just loud
_FAR_LONGER = 4  # windows: of longer audio clips one window covers less than a quarter


@dataclass(frozen=True, kw_only=True)
class AudioFacts:
    """Facts about one example: a file, or a segment of it."""

    format: str  # such as "WAV PCM_16", as libsndfile names it
    rate_hz: int  # of the file
    channels: int
    seconds: float
    peak: float  # largest magnitude of the channels' mean, 0 to 1 of full scale
    clipped: float  # part of samples at full scale in runs of three or more, in the worst channel


@dataclass(frozen=True, kw_only=True)
class NotedAudio:
    """An example that the user should know about, with the measured value."""

    row: int
    path: str
    value: float


@dataclass(frozen=True, kw_only=True)
class AudioSummary(MediaSummary):
    """Facts about the readable audio clips; lengths are in seconds."""

    formats: dict[str, int]  # format to the number of examples
    rates_hz: dict[int, int]
    channels: dict[int, int]
    shortest: float
    median: float
    longest: float
    total: float
    recordings: int  # files that are cut into several examples
    silent: tuple[NotedAudio, ...]  # by their peak, 60 decibels or more below full scale
    clipped: tuple[NotedAudio, ...]  # by the part of their samples, more than a thousandth
    too_short: tuple[NotedAudio, ...]  # by seconds, fewer than those of the window
    too_long: tuple[NotedAudio, ...]  # by seconds, of which the window covers less than a quarter
    window_seconds: float | None  # of the backbone, or None if none is known

    def lines(self) -> list[str]:
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        rates = ", ".join(f"{rate:,} Hz {count:,}" for rate, count in self.rates_hz.items())
        channels = ", ".join(
            f"{'mono' if number == 1 else f'{number} channels'} {count:,}"
            for number, count in self.channels.items()
        )
        lines = [
            f"Audio:    {formats}; {rates}; {channels}",
            f"Lengths:  {self.shortest:.2f} to {self.longest:.2f} s, median {self.median:.2f} s, "
            f"{self.total / 60:,.1f} minutes in all",
        ]
        if self.recordings:
            recordings = counted(self.recordings, "recording")
            lines.append(f"Cut:      {recordings} into several examples each")
        return lines

    def warnings(self) -> list[str]:
        window = f"the backbone's window of {self.window_seconds or 0:.2f} s"
        most = max((one.value for one in self.clipped), default=0.0)
        sentences = (
            (self.silent, "silent (60 decibels or more below full scale)", ""),
            (self.clipped, f"clipped (up to {most:.1%} of the samples)", ""),
            (self.too_short, f"shorter than {window} and padded with silence", ""),
            (
                self.too_long,
                f"more than four times as long as {window}, which covers less than a quarter",
                " Set data.window: pool, or cut by the columns start_seconds and end_seconds.",
            ),
        )
        return [
            f"{counted(len(noted), 'audio clip')} {'is' if len(noted) == 1 else 'are'} {text}: "
            f"{_names(noted)}.{fix}"
            for noted, text, fix in sentences
            if noted
        ]


def inspect_audio(file: MediaFile, cut: Cut) -> AudioFacts:
    """Reads an audio file or a segment of it from end to end."""
    with open_audio(file) as audio:
        begin, end = segment_of(audio, cut, rate_hz=audio.samplerate)
        peak, clipped = 0.0, np.zeros(audio.channels)
        for block in read_blocks(audio, begin, end):
            peak = max(peak, float(np.abs(block.mean(axis=1)).max()))
            clipped += _num_clipped(block)
        return AudioFacts(
            format=f"{audio.format} {audio.subtype}",
            rate_hz=audio.samplerate,
            channels=audio.channels,
            seconds=(end - begin) / audio.samplerate,
            peak=peak,
            clipped=float(clipped.max()) / (end - begin),
        )


def summarize_audio(
    files: Sequence[MediaFile],
    facts: Sequence[AudioFacts | None],
    *,
    has_cuts: bool,
    taken: BackboneInput | None,
    settings: AudioSettings,
) -> AudioSummary:
    """Returns the summary for `MediaType.summarize`."""
    read = [fact for fact in facts if fact is not None]
    lengths = sorted(fact.seconds for fact in read)
    window_seconds = getattr(taken, "window_seconds", None)
    shortest = window_seconds or 0.0
    covers_all = window_seconds is None or settings.window == "pool"
    longest = math.inf if covers_all else _FAR_LONGER * shortest

    def noted(name: str, is_noted: Callable[[float], bool]) -> tuple[NotedAudio, ...]:
        return tuple(
            NotedAudio(row=row + 1, path=str(files[row]), value=getattr(fact, name))
            for row, fact in enumerate(facts)
            if fact is not None and is_noted(getattr(fact, name))
        )

    return AudioSummary(
        formats=dict(Counter(fact.format for fact in read).most_common()),
        rates_hz=dict(Counter(fact.rate_hz for fact in read).most_common()),
        channels=dict(Counter(fact.channels for fact in read).most_common()),
        shortest=lengths[0],
        median=lengths[len(lengths) // 2],
        longest=lengths[-1],
        total=sum(lengths),
        recordings=sum(count > 1 for count in Counter(files).values()) if has_cuts else 0,
        silent=noted("peak", lambda peak: peak < SILENT_PEAK),
        clipped=noted("clipped", lambda part: part > CLIPPED_PART),
        too_short=noted("seconds", lambda seconds: seconds < shortest),
        too_long=noted("seconds", lambda seconds: seconds > longest),
        window_seconds=window_seconds,
    )


def _names(noted: Sequence[NotedAudio]) -> str:
    shown = [f"row {one.row}, {PurePath(one.path).name}" for one in noted[:3]]
    more = f"; and {len(noted) - 3:,} more, which --json lists" if len(noted) > 3 else ""
    return "; ".join(shown) + more


def _num_clipped(block: np.ndarray) -> np.ndarray:
    """Returns the number of samples of each channel in runs at full scale."""
    full = np.abs(block) >= _FULL_SCALE
    if not full.any():
        return np.zeros(block.shape[1])
    inside = ndimage.binary_opening(full, np.ones((_RUN, 1)))
    return np.asarray(inside.sum(axis=0), float)
