"""What raw input becomes before an ONNX network sees it, and what its output becomes.

Convention: a normalization that is not stated anywhere is never guessed, because a wrong one gives
plausible features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerastl.backbones import AudioInput, ImageInput, Input, check_options
from kerastl_onnx.facts import FileFacts, Value
from kerastl_onnx.options import OPTIONS, Options, is_whole

AUDIO_ONLY = ("sample_rate_hz", "num_samples", "normalize")
IMAGE_ONLY = ("color", "mean", "std", "size")
_NORMALIZATION = ("scale", "mean", "std")  # in units of each other, so all from one source
_CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Pixels are scaled, the mean is subtracted, and the rest is divided by the deviation.

    Mean and deviation have one value, or one per channel in the order of the network's colors.
    """

    layout: str  # "nchw" or "nhwc"
    color: str  # "rgb", "bgr" or "gray"
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def changes_values(self) -> bool:
        """Whether normalized pixels differ from those of the image."""
        return self.scale != 1 or any(self.mean) or set(self.std) != {1}

    def __str__(self) -> str:
        mean, std = (", ".join(f"{one:g}" for one in values) for values in (self.mean, self.std))
        return f"({self.color} pixels * {self.scale:g} - [{mean}]) / [{std}], {self.layout}"


@dataclass(frozen=True, kw_only=True)
class AudioSettings:
    """Audio is normalized, and then scaled.

    `normalize` divides by the largest absolute value (peak), subtracts the mean, or also divides by
    the standard deviation (standard).
    """

    normalize: str
    scale: float

    def __str__(self) -> str:
        return f"normalize: {self.normalize}, then * {self.scale:g}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one file."""

    input: str  # name of the input
    outputs: tuple[str, ...]  # names of the outputs, or of values inside
    taken: Input | None  # what the backbone takes; None if the config decides the size of images
    image: ImageSettings | None
    audio: AudioSettings | None
    layout: str | None  # of outputs with two axes of space
    pooling: str | None
    prefix_tokens: int  # before the tokens that are pooled


def resolve(
    name: str, facts: FileFacts, stated: Mapping[str, Any], given: Mapping[str, Any]
) -> Settings:
    """Returns the settings of a file.

    Args:
        name: Identifier of the backbone.
        facts: What the file says.
        stated: Options that sidecars or metadata state.
        given: Options of the config, which come first.

    Raises:
        BackboneError: An option is unknown, not valid, or missing and stated nowhere.
    """
    check_options(name, given, defaults=OPTIONS)
    chosen = {key: value for key, value in given.items() if value is not None}
    own = () if chosen.keys().isdisjoint(_NORMALIZATION) else _NORMALIZATION
    known = {key: value for key, value in stated.items() if key in OPTIONS and key not in own}
    options = Options(name, {**known, **chosen})
    taken = _input(options, facts)
    is_audio = any(key in options.values for key in AUDIO_ONLY)
    wrong = [key for key in (IMAGE_ONLY if is_audio else ()) if key in chosen]
    if wrong:
        raise options.error(f"has no effect on audio: {wrong[0]}", fix=f"Remove '{wrong[0]}'.")
    image = None if is_audio else _image(options, taken)
    audio = _audio(options) if is_audio else None
    layout = options.choice("layout") or (image.layout if image else None)
    return Settings(
        input=taken.name,
        outputs=_outputs(options, facts),
        taken=_audio_input(options, taken) if is_audio else _image_input(options, taken, image),
        image=image,
        audio=audio,
        layout=layout,
        pooling=options.choice("pooling"),
        prefix_tokens=options.whole("prefix_tokens", default=0, least=0),
    )


def _input(options: Options, facts: FileFacts) -> Value:
    inputs = {one.name: one for one in facts.inputs}
    name = options.values.get("input") or next(iter(inputs), None)
    if not isinstance(name, str) or name not in inputs:
        raise options.error(
            f"has no input {name!r}", expected=", ".join(map(str, facts.inputs)) or "an input"
        )
    if len(inputs) > 1:
        raise options.error(
            f"takes {len(inputs)} inputs",
            expected="a network that takes one image or one audio clip",
            received=", ".join(map(str, facts.inputs)),
            fix="Export the network again with the other inputs as constants.",
        )
    return inputs[name]


def _outputs(options: Options, facts: FileFacts) -> tuple[str, ...]:
    asked = options.values.get("output")
    if asked is not None:
        names = asked if isinstance(asked, list | tuple) else [asked]
        return tuple(map(str, names))
    if len(facts.outputs) != 1:
        raise options.error(
            f"has {len(facts.outputs)} outputs",
            expected="one that is named in the options",
            received=", ".join(map(str, facts.outputs)),
            fix="Set output to the one that holds the features.",
        )
    return (facts.outputs[0].name,)


def _image(options: Options, taken: Value) -> ImageSettings:
    shape = taken.shape
    if shape is not None and len(shape) != 4:
        raise options.error(
            f"takes inputs with {len(shape)} axes",
            expected="images, (batch, 3, height, width) or (batch, height, width, 3); or, for "
            "waveforms, the options sample_rate_hz, num_samples, normalize and scale",
            received=str(taken),
            fix="Export the network with what computes this input from images or waveforms.",
        )
    options.require(
        _NORMALIZATION,
        "how pixels from 0 to 255 are normalized: (pixel * scale - mean) / std; if the network "
        "does it itself: scale: 1, mean: 0, std: 1; the three come from one place",
    )
    layout = options.choice("layout") or _known_layout(shape)
    if layout is None:
        options.require(("layout",), "nchw or nhwc, which the open lengths of the input don't show")
    channels = None if shape is None else shape[1 if layout == "nchw" else 3]
    color = options.choice("color") or ("gray" if channels == 1 else "rgb")
    if channels not in (None, _CHANNELS[color]):
        raise options.error(
            f"takes {channels} channels",
            expected=f"{_CHANNELS[color]} with color {color} and layout {layout}",
            received=str(taken),
            fix="Set layout or color to those of the network.",
        )
    mean, std = options.numbers("mean"), options.numbers("std")
    for key, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, _CHANNELS[color]) or (key == "std" and 0 in values):
            raise options.error(
                f"cannot have {key} {list(values)}",
                expected=f"one number, or {_CHANNELS[color]}, one per channel; std above 0",
            )
    scale = options.number("scale")
    return ImageSettings(layout=str(layout), color=color, scale=scale, mean=mean, std=std)


def _known_layout(shape: tuple[int | None, ...] | None) -> str | None:
    """Returns the layout that the number of channels shows, or None."""
    if shape is None:
        return None
    found = [name for name, axis in (("nchw", 1), ("nhwc", 3)) if shape[axis] in (1, 3)]
    return found[0] if len(found) == 1 else None


def _image_input(options: Options, taken: Value, image: ImageSettings | None) -> Input | None:
    assert image is not None
    axes = (2, 3) if image.layout == "nchw" else (1, 2)
    fixed = [None if taken.shape is None else taken.shape[axis] for axis in axes]
    asked = options.values.get("size")
    sides: list[Any] = list(asked) if isinstance(asked, list | tuple) else [asked, asked]
    if asked is not None and not (len(sides) == 2 and all(map(is_whole, sides))):
        raise options.error(
            f"cannot have size {asked!r}",
            expected="a whole number of pixels, 1 or more, or [height, width]",
        )
    found = [own or other for own, other in zip(fixed, sides, strict=True)]
    if None in found:
        return None
    height, width = (int(side) for side in found)
    least = min(height, width) if all(fixed) else 1
    return ImageInput(height=height, width=width, min_size=least)


def _audio(options: Options) -> AudioSettings:
    options.require(
        ("sample_rate_hz", "num_samples", "normalize", "scale"),
        "samples per second, samples of a window, normalize (none, peak, mean or standard), and "
        "what samples from -1 to 1 are multiplied by after that",
    )
    normalize = options.choice("normalize")
    return AudioSettings(normalize=str(normalize), scale=options.number("scale"))


def _audio_input(options: Options, taken: Value) -> Input:
    rate, count = options.whole("sample_rate_hz"), options.whole("num_samples")
    shape = taken.shape
    is_waveform = shape is None or (len(shape) in (2, 3) and not set(shape[1:-1]) - {1, None})
    if not is_waveform:
        raise options.error(
            "takes no waveforms",
            expected="an input of the shape (batch, samples) or (batch, 1, samples)",
            received=str(taken),
            fix="Export the network with what computes this input from waveforms.",
        )
    if shape is not None and shape[-1] not in (None, count):
        raise options.error(
            f"takes windows of {shape[-1]} samples", received=f"num_samples {count}"
        )
    return AudioInput(sample_rate_hz=rate, num_samples=count, min_samples=count)
