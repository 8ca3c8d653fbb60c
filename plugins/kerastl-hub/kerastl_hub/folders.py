"""What a local folder contains: a preset of KerasHub, or a checkpoint of transformers or timm."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerastl.backbones import AudioInput, BackboneError, ImageInput
from kerastl_hub.architectures import ARCHITECTURES, BY_BACKBONE, OF_TIMM, OF_TRANSFORMERS, Audio

CONFIG = "config.json"
_FORMATS = "a preset of KerasHub, or a checkpoint of transformers or timm that KerasHub converts"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the files of a folder say.

    Args:
        origin: The library that wrote it: `"KerasHub"`, `"transformers"` or `"timm"`.
        architecture: Key of `ARCHITECTURES`.
        input: The images or audio of the preset, or None if it takes images of any size.
        scaling: Factors and offsets of red, green and blue in [0, 255]; None if no file says so.
        converter: Arguments of the converter of audio.
    """

    origin: str
    architecture: str
    input: ImageInput | AudioInput | None
    scaling: tuple[Sequence[float], Sequence[float]] | None = None
    converter: Mapping[str, Any] = field(default_factory=dict)


def read_folder(folder: Path) -> Contents:
    """Reads the configs in a folder, no weights.

    Raises:
        BackboneError: It is neither of the known formats, or has no encoder that fits.
    """
    config = _json(folder / CONFIG)
    if config is None:
        raise BackboneError(
            "The folder contains no preset.",
            where=str(folder),
            expected=f"{_FORMATS}, each with a file {CONFIG}",
            received=_listing(folder),
        )
    if "class_name" in config:
        return _of_keras_hub(folder, config)
    if "model_type" in config:
        return _of_transformers(folder, config)
    return _of_timm(folder, config)


def audio_input(facts: Audio, converter: Mapping[str, Any], seconds: float) -> AudioInput:
    """Returns the window of an encoder of audio."""
    rate = converter["sampling_rate"]
    return AudioInput(
        sample_rate_hz=rate,
        num_samples=round(seconds * rate),
        min_samples=round(facts.min_seconds * rate),
    )


def scaling_of(mean: Any, std: Any) -> tuple[list[float], list[float]]:
    """Returns factors and offsets for images in [0, 255], from moments of images in [0, 1]."""
    means, deviations = _channels(mean), _channels(std)
    return (
        [1 / (255 * deviation) for deviation in deviations],
        [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
    )


def _of_keras_hub(folder: Path, config: Mapping[str, Any]) -> Contents:
    architecture = BY_BACKBONE.get(config["class_name"])
    if architecture is None:
        raise _no_encoder(folder, f"a {config['class_name']}", BY_BACKBONE)
    inner = config["config"]
    audio = ARCHITECTURES[architecture].audio
    if audio is not None:
        return _of_audio(folder, architecture, audio, inner)
    inner = inner.get("vision_encoder", {"config": inner})["config"]
    converter = (_json(folder / "image_converter.json") or {}).get("config")
    return Contents(
        origin="KerasHub",
        architecture=architecture,
        input=_image(inner.get("image_shape")) or _image((converter or {}).get("image_size")),
        scaling=None if converter is None else _scaling_of_converter(converter),
    )


def _of_audio(folder: Path, architecture: str, audio: Audio, config: Mapping[str, Any]) -> Contents:
    given = (_json(folder / "audio_converter.json") or {}).get("config", {})
    converter = {
        key: given.get(key, config.get(key, value)) for key, value in audio.converter.items()
    }
    seconds = min(given.get("max_audio_length", audio.seconds), longest(audio, converter, config))
    return Contents(
        origin="KerasHub",
        architecture=architecture,
        input=audio_input(audio, converter, seconds),
        converter=converter,
    )


def longest(audio: Audio, converter: Mapping[str, Any], config: Mapping[str, Any]) -> float:
    """Returns the length in seconds of the longest window that an encoder takes."""
    frames = config.get("max_encoder_sequence_length")
    if frames is None:
        return audio.max_seconds
    return float(frames * converter["stride"] / converter["sampling_rate"])


def _scaling_of_converter(config: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    scale = _channels(1.0 if config.get("scale") is None else config["scale"])
    if "variance" in config and "mean" in config:  # of presets that were saved before 0.17
        deviations = [math.sqrt(variance) for variance in _channels(config["variance"])]
        means = _channels(config["mean"])
        return (
            [factor / deviation for factor, deviation in zip(scale, deviations, strict=True)],
            [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
        )
    return scale, _channels(0.0 if config.get("offset") is None else config["offset"])


def _of_transformers(folder: Path, config: Mapping[str, Any]) -> Contents:
    architecture = OF_TRANSFORMERS.get(config["model_type"])
    if architecture is None:
        received = f"model_type: {config['model_type']}"
        raise _no_encoder(folder, received, OF_TRANSFORMERS)
    for bare in {"ViTModel", "DeiTModel"} & set(config.get("architectures") or ()):
        whole = bare.replace("Model", "ForImageClassification")
        raise BackboneError(
            f"KerasHub finds no weights in a checkpoint of {bare}, because it has no classifier.",
            where=str(folder / CONFIG),
            expected=f"architectures: [{whole}]",
            received=f"architectures: [{bare}]",
            fix=f"Save it with transformers: {whole}.from_pretrained({str(folder)!r})"
            ".save_pretrained(FOLDER). The classifier is not used.",
        )
    given = _json(folder / "preprocessor_config.json")
    return Contents(
        origin="transformers",
        architecture=architecture,
        input=_image(config.get("image_size")),
        scaling=None if given is None else _scaling_of_processor(given),
    )


def _scaling_of_processor(given: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    factor = given.get("rescale_factor", 1 / 255) if given.get("do_rescale", True) else 1.0
    if not given.get("do_normalize", True) or "image_mean" not in given:
        return _channels(factor), _channels(0.0)
    scale, offset = scaling_of(given["image_mean"], given["image_std"])
    return [255 * factor * value for value in scale], offset


def _of_timm(folder: Path, config: Mapping[str, Any]) -> Contents:
    name = str(config.get("architecture", ""))
    architecture = next((OF_TIMM[start] for start in OF_TIMM if name.startswith(start)), None)
    if architecture is None:
        raise _no_encoder(folder, f"architecture: {name}", [f"{start}..." for start in OF_TIMM])
    given = config.get("pretrained_cfg") or {}
    size = given.get("input_size")
    return Contents(
        origin="timm",
        architecture=architecture,
        input=_image(size[1:] if size else None),
        scaling=scaling_of(given["mean"], given["std"]) if "mean" in given else None,
    )


def _no_encoder(folder: Path, received: str, known: Any) -> BackboneError:
    return BackboneError(
        "The folder contains no encoder of images or audio that KerasHub can load.",
        where=str(folder / CONFIG),
        expected=f"one of {', '.join(sorted(known))}",
        received=received,
    )


def _json(path: Path) -> dict[str, Any] | None:
    """Returns the object in a file, or None if there is no such file."""
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BackboneError(
            "The file is not valid JSON.", where=str(path), received=str(error)
        ) from error
    return value if isinstance(value, dict) else {}


def _image(size: Any) -> ImageInput | None:
    sides = [size, size] if isinstance(size, int) else list(size or ())[:2]
    if len(sides) < 2 or not all(sides):
        return None
    height, width = map(int, sides)
    return ImageInput(height=height, width=width, min_size=min(height, width))


def _channels(value: Any) -> list[float]:
    return (
        [float(item) for item in value] if isinstance(value, list | tuple) else 3 * [float(value)]
    )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "an empty folder"
