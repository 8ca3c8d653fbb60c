"""Files to the inputs of a model, as the input contract says.

Convention: a decoder reads, decodes and hashes an example in one go, so that the hash is that of
the very bytes that were decoded.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from kerastl.data.inputs.batches import ArrayInputs, Inputs
from kerastl.files import FileStatus, file_sha256
from kerastl.media.audio import decoding as audio
from kerastl.media.extensions import MEDIA_EXTENSIONS
from kerastl.media.image import decoding as images
from kerastl.media.image.pictures import load_pictures
from kerastl.media.segments import WHOLE, Bounds
from kerastl.progress import SILENT, Progress

DEFAULT_RATE_HZ = 16000


class Contract(Protocol):
    """What goes into a model, and how a file becomes it."""

    @property
    def modality(self) -> str:
        """`"image"` or `"audio"`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""

    @property
    def resize(self) -> str:
        """Of pictures: `"stretch"`, `"pad"` or `"crop"`."""

    @property
    def window(self) -> str:
        """Of sounds: `"start"`, `"center"`, `"loudest"` or `"pool"`."""

    @property
    def sample_rate_hz(self) -> int | None:
        """Of sounds: samples per second."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One example, decoded.

    Args:
        values: Its inputs, `(inputs, *shape)`: one, or several windows of a sound.
        digest: SHA-256 of the bytes of its file, or None where it changed meanwhile.
    """

    values: np.ndarray
    digest: bytes | None


class Decoder(ABC):
    """From files to arrays, as a contract says.

    Args:
        dtype: Type of the arrays.
        rule: All that decides, besides the bytes, which arrays they are; part of the cache's key.
    """

    def __init__(self, dtype: np.dtype, rule: Mapping[str, Any]):
        self.dtype = dtype
        self.rule = rule

    @abstractmethod
    def load(self, path: Path, segment: Bounds = WHOLE) -> Loaded:
        """Reads one example.

        Raises:
            MediaError: The file is missing or can't be read.
        """


def decoder_of(contract: Contract) -> Decoder:
    """Returns the one way from files to arrays that a contract names."""
    return PictureDecoder(contract) if contract.modality == "image" else SoundDecoder(contract)


class PictureDecoder(Decoder):
    """Pictures by the rule of `kerastl.media.image.decoding`.

    Args:
        contract: Shape and geometry.
    """

    def __init__(self, contract: Contract):
        rule = {
            "modality": "image",
            "shape": list(contract.shape),
            "resize": contract.resize,
            "version": images.RULE_VERSION,
        }
        super().__init__(np.dtype(np.uint8), rule)
        self._height, self._width = contract.shape[:2]
        self._resize = contract.resize

    def load(self, path: Path, segment: Bounds = WHOLE) -> Loaded:
        """Reads one picture; pictures have no segments."""
        data = images.read_picture_file(path)
        picture = images.decode_image(
            data, height=self._height, width=self._width, resize=self._resize, where=str(path)
        )
        return Loaded(values=picture[np.newaxis], digest=hashlib.sha256(data).digest())


class SoundDecoder(Decoder):
    """Sounds by the rule of `kerastl.media.audio.decoding`.

    A recording of many segments is hashed once.

    Args:
        contract: Window, its length and its rate.
    """

    def __init__(self, contract: Contract):
        self._num_samples = contract.shape[0]
        self._rate_hz = contract.sample_rate_hz or DEFAULT_RATE_HZ
        self._window = contract.window
        rule = {
            "modality": "audio",
            "num_samples": self._num_samples,
            "sample_rate_hz": self._rate_hz,
            "window": self._window,
            "version": audio.SOUND_RULE_VERSION,
        }
        super().__init__(np.dtype(np.float32), rule)
        self._digests: dict[Path, tuple[FileStatus, bytes]] = {}

    def load(self, path: Path, segment: Bounds = WHOLE) -> Loaded:
        """Reads the windows of one sound or of a segment of it."""
        before = FileStatus.of(path)
        values = audio.load_windows(
            path,
            rate_hz=self._rate_hz,
            num_samples=self._num_samples,
            window=self._window,
            start_seconds=segment[0],
            end_seconds=segment[1],
        )
        return Loaded(values=values, digest=self._digest(path, before))

    def _digest(self, path: Path, before: FileStatus | None) -> bytes | None:
        """Returns the hash of a file whose status is as before it was decoded, else None."""
        known = self._digests.get(path)
        if known is None or known[0] != before:
            digest = file_sha256(path)
            if before is None or FileStatus.of(path) != before:
                return None
            known = self._digests[path] = (before, digest)
        return known[1]


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Decoded inputs, and why some could not be.

    Args:
        inputs: One input per file, zeros for an unreadable one.
        errors: Index of each unreadable file to the reason.
    """

    inputs: Inputs
    errors: Mapping[int, str]


def decode_pictures(
    paths: Sequence[Path],
    contract: Contract,
    *,
    on_error: Literal["raise", "collect"] = "raise",
    progress: Progress = SILENT,
) -> Decoded:
    """Decodes every picture once.

    Args:
        paths: The files, in the order of the examples.
        contract: What a file becomes.
        on_error: `"raise"` names the unreadable files; `"collect"` returns the reasons.
        progress: Told how many files are read.

    Raises:
        MediaError: A file is missing or can't be read, with `on_error="raise"`.
    """
    progress.step("Reading pictures", len(paths))
    height, width = contract.shape[:2]
    pictures = load_pictures(
        paths,
        height=height,
        width=width,
        resize=contract.resize,
        on_progress=lambda done, total: progress.advance(done),
        on_error=on_error,
    )
    return Decoded(
        inputs=ArrayInputs(pictures.images),
        errors={row: error.what for row, error in pictures.errors.items()},
    )


def has_media_extension(path: Path, modality: str) -> bool:
    """Whether the file's name ends as pictures or sounds do."""
    return path.suffix.lower() in MEDIA_EXTENSIONS[modality]
