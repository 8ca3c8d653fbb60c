"""Input contracts: what goes into a model and how a file becomes it; `contract` in `bundle.json`.

Convention: a contract is read from the same JSON values wherever files are decoded, so that a model
gets the same input where it is trained and where it is deployed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from kerastl_runtime.errors import RunError

Resize = Literal["stretch", "pad", "crop"]
Window = Literal["start", "center", "loudest", "pool"]

MAX_VALUES = 2**28  # of one input: 1 GiB as float32
AUDIO_FORMATS = "WAV, FLAC, OGG or MP3"


class Percentiles(NamedTuple):
    """The range of values between two percentiles, 0 to 100, of each image."""

    low: float
    high: float


Intensity = tuple[float, float] | Percentiles | None
"""Gray values of more than 8 bits that become 0 and 255; None if training saw none."""


@dataclass(frozen=True, kw_only=True)
class ImageContract:
    """The input contract for images; `shape` is (height, width, 3)."""

    modality: ClassVar[str] = "image"
    rank: ClassVar[int] = 3
    newest_rule: ClassVar[int] = 1  # that this version knows

    shape: tuple[int, ...]
    resize: Resize = "stretch"
    intensity: Intensity = None
    dicom_window: bool = True
    has_windows: ClassVar[bool] = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "ImageContract":
        """Returns the contract of JSON values, or raises a `ValueError`."""
        return cls(
            shape=_shape(values, cls),
            resize=_one_of(Resize, values.get("resize", "stretch")),
            intensity=_intensity(values.get("intensity")),
            dicom_window=bool(values.get("dicom_window", True)),
        )


@dataclass(frozen=True, kw_only=True)
class AudioContract:
    """The input contract for audio; `shape` is (samples,)."""

    modality: ClassVar[str] = "audio"
    rank: ClassVar[int] = 1
    newest_rule: ClassVar[int] = 1

    shape: tuple[int, ...]
    sample_rate_hz: int = 16000
    window: Window = "center"

    @property
    def has_windows(self) -> bool:
        """Whether an example can have several inputs."""
        return self.window == "pool"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "AudioContract":
        """Returns the contract of JSON values, or raises a `ValueError`."""
        return cls(
            shape=_shape(values, cls),
            sample_rate_hz=count_of(values.get("sample_rate_hz", 16000)),
            window=_one_of(Window, values.get("window", "center")),
        )


Contract = ImageContract | AudioContract


def read_contract(values: Any, *, where: str) -> Contract:
    """Returns the contract that a bundle states.

    Raises:
        RunError: It is of another media type, or has impossible values.
    """
    try:
        known = {kind.modality: kind for kind in (ImageContract, AudioContract)}
        return known[_one_of(Literal["image", "audio"], values["modality"])].of(values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(
            "The bundle states an input that this version cannot read.",
            where=where,
            expected="the input of images or audio as `kerastl export` writes it",
            received=str(error),
            fix="Install kerastl-runtime of the version of kerastl that wrote it.",
        ) from None


def _shape(values: Mapping[str, Any], kind: type[Contract]) -> tuple[int, ...]:
    shape = tuple(count_of(side) for side in values["shape"])
    if len(shape) != kind.rank or math.prod(shape) > MAX_VALUES:
        raise ValueError(f"an input of shape {shape}")
    if (version := values.get("rule_version", 1)) > kind.newest_rule:
        raise ValueError(f"version {version} of the rule by which files are decoded")
    return shape


def _intensity(value: Any) -> Intensity:
    if value is None:
        return None
    low, high = map(float, value["percentiles"] if isinstance(value, Mapping) else value)
    return Percentiles(low, high) if isinstance(value, Mapping) else (low, high)


def count_of(value: Any) -> int:
    """Returns a number above 0 from JSON, or raises a `ValueError`."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} instead of a number above 0")
    return value


def _one_of(names: Any, value: Any) -> Any:
    if value not in get_args(names):
        raise ValueError(f"{value!r} instead of {', '.join(get_args(names))}")
    return value
