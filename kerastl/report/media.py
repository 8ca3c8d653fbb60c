"""Pictures and sounds as data URIs, within a budget.

Convention: what can't be shown has a sentence in its place; a report never fails for a file.
"""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

import soundfile
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.audio.decoding import read_sound
from kerastl.media.image.decoding import load_image, open_picture, read_picture_file
from kerastl.media.segments import WHOLE, Bounds

THUMBNAIL = 128  # pixels of the longer side: 96 on the page, and sharp on dense screens
MAX_SOUND = 96 * 1024  # bytes of a file
BUDGET = 2_000_000  # characters of data URIs in a report
_QUALITY = 70
_SEGMENT_RATE_HZ = 16000
_ORIENTATION_TAG = 0x0112
_SOUND_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
}


@dataclass(frozen=True, kw_only=True)
class Medium:
    """What is shown of one example.

    Args:
        kind: `"image"`, `"audio"` or `"none"`.
        uri: The data URI, or None.
        reason: Why there is none.
    """

    kind: str
    uri: str | None = None
    reason: str | None = None


@dataclass
class MediaStore:
    """Makes data URIs until the budget is spent; a file is read once.

    Args:
        modality: `"image"` or `"audio"`.
        left: Characters left.
    """

    modality: str
    left: int = BUDGET
    _made: dict[tuple[Path, Bounds], Medium] = field(default_factory=dict)

    def show(self, path: Path, segment: Bounds = WHOLE) -> Medium:
        """Returns what is shown of a file, or of a segment of it."""
        key = path, segment
        if key not in self._made:
            self._made[key] = self._make(path, segment)
        medium = self._made[key]
        size = len(medium.uri or "")
        if size > self.left:
            return Medium(kind="none", reason="left out to keep the report small")
        self.left -= size
        return medium

    def _make(self, path: Path, segment: Bounds) -> Medium:
        if self.modality == "image":
            return thumbnail(path)
        return sound(path) if segment == WHOLE else sound_segment(path, segment)


def thumbnail(path: Path) -> Medium:
    """Returns a JPEG of a picture, as it is seen: upright, on white, proportions kept."""
    try:
        width, height = _upright_size(path)
        scale = min(1.0, THUMBNAIL / max(width, height))
        pixels = load_image(
            path, height=max(1, round(height * scale)), width=max(1, round(width * scale))
        )
    except MediaError as error:
        return Medium(kind="none", reason=error.what)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=_QUALITY, optimize=True)
    return Medium(kind="image", uri=_data_uri("image/jpeg", encoded.getvalue()))


def sound(path: Path) -> Medium:
    """Returns a short sound as it lies in its file."""
    kind = _SOUND_TYPES.get(path.suffix.lower())
    if kind is None:
        return Medium(kind="none", reason=f"browsers don't play '{path.suffix}' files")
    try:
        size = path.stat().st_size
        if size > MAX_SOUND:
            return Medium(kind="none", reason=f"too long to embed ({size / 1e6:.1f} MB)")
        return Medium(kind="audio", uri=_data_uri(kind, path.read_bytes()))
    except OSError:
        return Medium(kind="none", reason="The sound can't be opened.")


def sound_segment(path: Path, segment: Bounds) -> Medium:
    """Returns a part of a recording as a WAV file, mono, in 16 bits."""
    try:
        samples = read_sound(
            path, rate_hz=_SEGMENT_RATE_HZ, start_seconds=segment[0], end_seconds=segment[1]
        )
    except MediaError as error:
        return Medium(kind="none", reason=error.what)
    if 2 * len(samples) > MAX_SOUND:
        return Medium(
            kind="none", reason=f"too long to embed ({len(samples) / _SEGMENT_RATE_HZ:.1f} s)"
        )
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, _SEGMENT_RATE_HZ, format="WAV", subtype="PCM_16")
    return Medium(kind="audio", uri=_data_uri("audio/wav", encoded.getvalue()))


def _upright_size(path: Path) -> tuple[int, int]:
    picture = open_picture(read_picture_file(path), where=str(path))
    try:
        sideways = picture.getexif().get(_ORIENTATION_TAG, 1) in (5, 6, 7, 8)
    except Exception:  # a broken EXIF block doesn't break the picture
        sideways = False
    return (picture.height, picture.width) if sideways else picture.size


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
