"""Players of audio clips for reports."""

import io
from pathlib import Path

import soundfile

from kerastl.errors import MediaError
from kerastl.media.audio.decoding import read_audio
from kerastl.media.preview import Preview, data_uri, no_preview
from kerastl.media.segments import WHOLE, Bounds

MAX_BYTES = 96 * 1024  # of a file
_SEGMENT_RATE_HZ = 16000
_CONTENT_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
}


def player(path: Path, segment: Bounds = WHOLE) -> Preview:
    """Returns a short file as it is, or a short segment as a WAV file, mono, in 16 bits."""
    return _file(path) if segment == WHOLE else _segment(path, segment)


def _file(path: Path) -> Preview:
    content_type = _CONTENT_TYPES.get(path.suffix.lower())
    if content_type is None:
        return no_preview(f"browsers do not play '{path.suffix}' files")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return no_preview(f"too long to embed ({size / 1e6:.1f} MB)")
        return Preview(element="audio", uri=data_uri(content_type, path.read_bytes()))
    except OSError:
        return no_preview("The audio file cannot be opened.")


def _segment(path: Path, segment: Bounds) -> Preview:
    try:
        samples = read_audio(
            path, rate_hz=_SEGMENT_RATE_HZ, start_seconds=segment[0], end_seconds=segment[1]
        )
    except MediaError as error:
        return no_preview(error.what)
    if 2 * len(samples) > MAX_BYTES:
        return no_preview(f"too long to embed ({len(samples) / _SEGMENT_RATE_HZ:.1f} s)")
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, _SEGMENT_RATE_HZ, format="WAV", subtype="PCM_16")
    return Preview(element="audio", uri=data_uri("audio/wav", encoded.getvalue()))
