"""Recordings as blocks of samples at one rate: from files, and from a pipe as they arrive.

Convention: memory is bounded by the block, not by the recording. The values equal those of
`read_audio` to 1e-5: the same mean of channels, the same resampler, fed in parts. The resampler
needs some samples ahead: it lags by some hundredths of a second, and shifts nothing.
"""

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import soxr

from kerastl.errors import MediaError
from kerastl_runtime.audio.reading import UNKNOWN_SIZES, open_audio, read_mono
from kerastl_runtime.media_file import MediaFile

BLOCK_SECONDS = 10.0
_PIPE_BYTES = 2**16  # capacity of a pipe: two seconds at 16 kHz in 16 bit
_SUBTYPES = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}


def file_blocks(
    path: MediaFile | str | Path, *, rate_hz: int, block_seconds: float = BLOCK_SECONDS
) -> Iterator[np.ndarray]:
    """Yields a file from its beginning to its end: mono float32 in [-1, 1], `(samples,)`."""
    with open_audio(path) as file:
        length = max(1, round(block_seconds * file.samplerate))
        parts = (
            read_mono(file, begin, min(begin + length, file.frames))
            for begin in range(0, file.frames, length)
        )
        yield from resampled(parts, source_hz=file.samplerate, rate_hz=rate_hz)


def audio_seconds(path: MediaFile | str | Path) -> float:
    """Returns the length of a file in seconds."""
    with open_audio(path) as file:
        return float(file.frames / file.samplerate)


def pipe_blocks(
    stream: IO[bytes], *, rate_hz: int, source_hz: int | None = None
) -> Iterator[np.ndarray]:
    """Yields the audio from a pipe as it arrives: mono float32 in [-1, 1], `(samples,)`.

    Args:
        stream: WAV in PCM of 8 to 32 bit, whose header may leave the length open; or raw samples,
            16 bit, little endian, one channel.
        rate_hz: Rate of the result, in hertz.
        source_hz: Rate of raw samples; None if there is a WAV header.
    """
    channels, width, num_bytes = 1, 2, None
    if source_hz is None:
        header = _wav_header(stream)
        channels, width = header.getnchannels(), header.getsampwidth()
        source_hz = header.getframerate()
        announced = header.getnframes() * channels * width
        is_open = any(size - 512 <= announced <= size for size in UNKNOWN_SIZES)
        num_bytes = None if is_open else announced
    parts = _decoded(stream, channels=channels, width=width, rate_hz=source_hz, num_bytes=num_bytes)
    return resampled(parts, source_hz=source_hz, rate_hz=rate_hz)


def resampled(parts: Iterator[np.ndarray], *, source_hz: int, rate_hz: int) -> Iterator[np.ndarray]:
    """Yields consecutive parts of audio, mono float32, at another rate."""
    if source_hz == rate_hz:
        yield from (np.clip(part, -1.0, 1.0) for part in parts)
        return
    stream = soxr.ResampleStream(source_hz, rate_hz, 1, dtype="float32", quality="HQ")
    for part in parts:
        yield np.clip(stream.resample_chunk(part), -1.0, 1.0)
    yield np.clip(stream.resample_chunk(np.zeros(0, np.float32), last=True), -1.0, 1.0)


def _wav_header(stream: IO[bytes]) -> wave.Wave_read:
    try:
        return wave.open(stream, "rb")
    except (wave.Error, EOFError) as error:
        raise MediaError(
            "The standard input is not a WAV stream.",
            where="-",
            expected="WAV in PCM, or --rate with raw samples (16 bit, little endian, mono)",
            received=str(error) or "the end of the input within the header",
            fix="Convert it on the way: ffmpeg -i FILE -c:a pcm_s16le -f wav -",
        ) from None


def _decoded(
    stream: IO[bytes], *, channels: int, width: int, rate_hz: int, num_bytes: int | None
) -> Iterator[np.ndarray]:
    """Yields the samples of a pipe as mono; an incomplete last frame is dropped."""
    frame, rest = channels * width, b""
    while data := _some_bytes(stream, num_bytes):
        num_bytes = None if num_bytes is None else num_bytes - len(data)
        data = rest + data
        whole = len(data) // frame * frame
        rest = data[whole:]
        if whole:
            yield _samples(data[:whole], channels=channels, width=width, rate_hz=rate_hz)


def _some_bytes(stream: IO[bytes], num_bytes: int | None) -> bytes:
    """Returns the bytes that have arrived; waits for the first byte only."""
    most = _PIPE_BYTES if num_bytes is None else min(_PIPE_BYTES, num_bytes)
    read = getattr(stream, "read1", stream.read)
    return bytes(read(most)) if most else b""


def _samples(data: bytes, *, channels: int, width: int, rate_hz: int) -> np.ndarray:
    frames, _ = soundfile.read(
        io.BytesIO(data),
        dtype="float32",
        always_2d=True,
        format="RAW",
        subtype=_SUBTYPES[width],
        endian="LITTLE",
        channels=channels,
        samplerate=rate_hz,
    )
    mono: np.ndarray = frames[:, 0] if channels == 1 else frames.mean(axis=1, dtype=np.float32)
    return mono
