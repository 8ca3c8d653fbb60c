"""The one rule from an audio file to the samples that a model gets.

Convention: `RULE_VERSION` names the rule. Any change that alters a single value raises it, and it
is part of every cache key and bundle. Version 1:

1. **Formats**: WAV, FLAC, OGG and MP3, any rate, any number of channels.
2. **Channels** are mixed down by their mean.
3. **Rate**: resampled to the backbone's by soxr in its quality `HQ`. A part of a file is read with
   a margin and on the grid that both rates share, so that it has the values (to 1e-5)
   that it has in the whole file. Only what is needed is read.
4. **Range**: float32, clipped to [-1, 1]. The level is left as it is.
5. **Segment**: `start_seconds` and `end_seconds` cut an example out of a recording, to the nearest
   sample at the backbone's rate.
6. **Window**: a longer audio clip is cut; a shorter one is padded with silence.
   `start` takes the beginning and pads at the end. The others pad on both sides.
   `center` takes the middle. `loudest` takes the window with the most energy among those that begin
   at multiples of a hundredth of it, the first of equals. `pool` takes as many windows as are
   needed to cover the audio clip, the first at its beginning, the last at its end, evenly spread;
   at most `MAX_WINDOWS`, then with gaps.
"""

import math
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kerastl_runtime.audio.reading import open_audio, read_mono
from kerastl_runtime.audio.windows import loudest, read_windows
from kerastl_runtime.decoder import WHOLE, Cut, DecodedExample, Decoder
from kerastl_runtime.errors import MediaError
from kerastl_runtime.input_contract import AudioContract
from kerastl_runtime.media_file import MediaFile, Version, as_file

RULE_VERSION = AudioContract.newest_rule
_LATE_SECONDS = 0.1  # by which a segment may exceed the end: tables round
_MARGIN = 512  # samples of the lower rate around a part: more than the resampler uses


class AudioDecoder(Decoder):
    """Decodes audio to mono float32 in [-1, 1] as a contract says."""

    def __init__(self, contract: AudioContract):
        rule = {
            "modality": "audio",
            "num_samples": contract.shape[0],
            "sample_rate_hz": contract.sample_rate_hz,
            "window": contract.window,
            "version": RULE_VERSION,
        }
        super().__init__(np.float32, rule)
        self._contract = contract
        self._digests: dict[MediaFile, tuple[Version, bytes]] = {}

    def load(self, file: MediaFile, cut: Cut = WHOLE) -> DecodedExample:
        file = as_file(file)
        before = file.version()
        values = load_windows(
            file,
            cut,
            rate_hz=self._contract.sample_rate_hz,
            num_samples=self._contract.shape[0],
            window=self._contract.window,
        )
        return DecodedExample(values=values, digest=self._digest(file, before))

    def noise(self, count: int) -> np.ndarray:
        noise = np.random.default_rng(0).standard_normal((count, *self._contract.shape))
        return (0.1 * noise).astype(np.float32)

    def representative(self, inputs: np.ndarray) -> int:
        return loudest(inputs)

    def _digest(self, file: MediaFile, before: Version | None) -> bytes | None:
        """Returns the hash of a file if its version is still that from before decoding."""
        known = self._digests.get(file)
        if known is None or known[0] != before:
            digest = file.sha256()
            if before is None or file.version() != before:
                return None
            known = self._digests[file] = (before, digest)
        return known[1]


def read_audio(path: MediaFile | str | Path, cut: Cut = WHOLE, *, rate_hz: int) -> np.ndarray:
    """Reads an audio file or a segment of it as mono float32 in [-1, 1], shape `(samples,)`."""
    with open_audio(path) as file:
        begin, end = segment_of(file, cut, rate_hz=rate_hz)
        return _read(file, begin, end, rate_hz)


def load_windows(
    path: MediaFile | str | Path,
    cut: Cut = WHOLE,
    *,
    rate_hz: int,
    num_samples: int,
    window: str = "center",
) -> np.ndarray:
    """Reads all windows of an audio file or a segment of it: one, except for `"pool"`.

    Returns mono float32 in [-1, 1], shape `(windows, num_samples)`. Memory is bounded by the
    windows, however long the file is.
    """
    with open_audio(path) as file:
        begin, end = segment_of(file, cut, rate_hz=rate_hz)

        def read(first: int, last: int) -> np.ndarray:
            return _read(file, begin + first, begin + last, rate_hz)

        return read_windows(read, end - begin, num_samples=num_samples, rule=window)


def audio_length(file: soundfile.SoundFile, rate_hz: int) -> int:
    """Returns the number of samples of an open file at another rate; at least one."""
    return max(1, round(file.frames * rate_hz / file.samplerate))


def segment_of(file: soundfile.SoundFile, cut: Cut, *, rate_hz: int) -> tuple[int, int]:
    """Returns the first sample of a segment and the one after its last, if it is in the file."""
    start, end = cut or (None, None)
    start = start or 0.0
    length = audio_length(file, rate_hz)
    first = round(start * rate_hz)
    last = length if end is None else round(end * rate_hz)
    if 0 <= first < min(last, length) and last <= length + _LATE_SECONDS * rate_hz:
        return first, min(last, length)
    seconds = file.frames / file.samplerate
    shown_end = "the end" if end is None else f"{end:g} s"
    raise MediaError(
        "The segment is outside of the audio file.",
        where=str(file.name),
        expected=f"a part of 0 to {seconds:.3f} s",
        received=f"{start:g} s to {shown_end}",
        fix="Correct start_seconds and end_seconds in the table; they are seconds of the file.",
    )


def _read(file: soundfile.SoundFile, begin: int, end: int, rate_hz: int) -> np.ndarray:
    """Reads samples `begin` to `end` of the file at another rate."""
    source_hz = file.samplerate
    if source_hz == rate_hz:
        return np.clip(read_mono(file, begin, end), -1.0, 1.0)
    shared = math.gcd(source_hz, rate_hz)
    step, source_step = rate_hz // shared, source_hz // shared
    margin = math.ceil(_MARGIN * max(1.0, rate_hz / source_hz))
    block = max(0, begin - margin) // step  # sample block * step is sample block * source_step
    source_end = math.ceil((end + margin) * source_hz / rate_hz)
    around = read_mono(file, block * source_step, min(source_end, file.frames))
    resampled = soxr.resample(around, source_hz, rate_hz, quality="HQ")
    part = resampled[begin - block * step : end - block * step]
    missing = end - begin - len(part)  # at the very end: lengths are rounded
    return np.clip(np.pad(part, (0, missing)) if missing else part, -1.0, 1.0)
