"""Files to the inputs of a model, as the input contract says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from kerastl.data import images
from kerastl.data.batches import ArrayInputs, Inputs
from kerastl.data.pictures import load_pictures
from kerastl.errors import MediaError
from kerastl.progress import SILENT, Progress

AUDIO_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")


class Contract(Protocol):
    """What goes into a model, and how a file becomes it."""

    @property
    def modality(self) -> str:
        """`"image"` or `"audio"`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""

    @property
    def resize(self) -> str:
        """`"stretch"`, `"pad"` or `"crop"`."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """From the bytes of a file to its array.

    Args:
        decode: Given the bytes and the name of the file, returns the array of the contract's shape;
            raises MediaError.
        dtype: Type of the array.
        rule: All that decides, besides the bytes, which array it is; part of the cache's key.
    """

    decode: Callable[[bytes, str], np.ndarray]
    dtype: np.dtype
    rule: Mapping[str, Any]


def decoder_of(contract: Contract) -> Decoder:
    """Returns the one way from bytes to an array that a contract names."""
    _refuse_sounds(contract)
    height, width = contract.shape[:2]
    return Decoder(
        decode=lambda data, where: images.decode_image(
            data, height=height, width=width, resize=contract.resize, where=where
        ),
        dtype=np.dtype(np.uint8),
        rule={
            "modality": "image",
            "shape": list(contract.shape),
            "resize": contract.resize,
            "version": images.RULE_VERSION,
        },
    )


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Decoded inputs, and why some could not be.

    Args:
        inputs: One input per file, zeros for an unreadable one.
        errors: Index of each unreadable file to the reason.
    """

    inputs: Inputs
    errors: Mapping[int, str]


def decode_inputs(
    paths: Sequence[Path],
    contract: Contract,
    *,
    on_error: Literal["raise", "collect"] = "raise",
    progress: Progress = SILENT,
    title: str = "Reading pictures",
) -> Decoded:
    """Decodes every file once.

    Args:
        paths: The files, in the order of the examples.
        contract: What a file becomes.
        on_error: `"raise"` names the unreadable files; `"collect"` returns the reasons.
        progress: Told how many files are read.
        title: What the step is called.

    Raises:
        MediaError: A file is missing or can't be read, with `on_error="raise"`.
    """
    _refuse_sounds(contract)
    progress.step(title, len(paths))
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
    extensions = images.EXTENSIONS if modality == "image" else AUDIO_EXTENSIONS
    return path.suffix.lower() in extensions


def _refuse_sounds(contract: Contract) -> None:
    if contract.modality != "image":
        raise MediaError(
            "Sounds can't be read yet.",
            expected="a table of pictures, data.image",
            received="data.audio",
        )
