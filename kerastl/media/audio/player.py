"""Players of audio clips for reports."""

import io

import numpy as np
import soundfile
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.preview import Preview, data_uri, no_preview
from kerastl_runtime.audio.decoding import read_audio, segment_of
from kerastl_runtime.audio.reading import open_audio
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.media_file import MediaFile

MAX_BYTES = 96 * 1024  # of a player
_RATE_HZ = 16000
_WINDOW = 128  # samples of a column of a spectrogram
_COLUMNS = 120
_RANGE_DB = 80.0
_GRAYS = 16
_MAX_SECONDS = 15.0  # more samples rarely fit


def player(file: MediaFile, cut: Cut = WHOLE) -> Preview:
    """Returns a short audio clip, or a short segment of one, as FLAC: mono, 16 kHz, 16 bits.

    The clip is encoded from its samples, so nothing else in the file gets into the report.
    """
    try:
        with open_audio(file) as audio:
            first, last = segment_of(audio, cut, rate_hz=_RATE_HZ)
        seconds = (last - first) / _RATE_HZ
        if seconds > _MAX_SECONDS:
            return _too_long(seconds)
        samples = read_audio(file, cut, rate_hz=_RATE_HZ)
    except MediaError as error:
        return no_preview(error.what)
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, _RATE_HZ, format="FLAC", subtype="PCM_16")
    content = encoded.getvalue()
    if len(content) > MAX_BYTES:
        return _too_long(seconds)
    return Preview(
        element="audio",
        uri=data_uri("audio/flac", content),
        picture=data_uri("image/png", _spectrogram(samples)),
    )


def _spectrogram(samples: np.ndarray) -> bytes:
    """Returns a PNG: time to the right, 0 to 8 kHz upward, the loudest 80 dB."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    hop = max(1, (len(padded) - _WINDOW) // _COLUMNS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    level = 10 * np.log10(np.maximum(power[:, 1:], 1e-12)).T[::-1]
    gray = np.clip((level - level.max()) / _RANGE_DB + 1, 0, 1)
    encoded = io.BytesIO()
    image = Image.fromarray((255 * (1 - gray)).astype(np.uint8))
    image.quantize(_GRAYS).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _too_long(seconds: float) -> Preview:
    return no_preview(f"too long to embed ({seconds:.1f} s)")
