"""What files beside an ONNX file, and its metadata, say about its input.

Convention: each source gives options of the backbone by name, and only what it states.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

METADATA_KEY = "kerastl"
_MAX_BYTES = 2**24
_RANGES = {  # of ONNX's own metadata for images: scale, mean, std
    "NominalRange_0_255": (1.0, 0.0, 1.0),
    "Normalized_0_1": (1 / 255, 0.0, 1.0),
    "Normalized_1_1": (1 / 127.5, 1.0, 1.0),
}
_COLORS = {"Bgr8": "bgr", "Rgb8": "rgb", "Gray8": "gray"}
_FILES = ("preprocessor_config.json", "config.json")


def stated_options(path: Path, metadata: Mapping[str, str]) -> tuple[dict[str, Any], str | None]:
    """Returns the options that a file or its sidecars state, and where they were found.

    The metadata of the file comes before the files beside it, which are those of transformers and
    timm; they may also be in the folder above a folder named `onnx`.

    Raises:
        ValueError: A source cannot be read; the text names it.
    """
    found = _of_metadata(metadata)
    if found:
        return found, "the metadata of the file"
    folders = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    for folder in folders:
        sources = [folder / name for name in _FILES if (folder / name).is_file()]
        found = {}
        for source in reversed(sources):
            found |= _of_config(_read(source))
        if found:
            return found, " and ".join(source.name for source in sources)
    return {}, None


def _of_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    if METADATA_KEY in metadata:
        try:
            own = json.loads(metadata[METADATA_KEY])
        except ValueError as error:
            raise ValueError(f"its metadata '{METADATA_KEY}' is not JSON ({error})") from None
        stated = own if isinstance(own, dict) else {}
        if "tasks" in stated:
            raise ValueError(
                "it is a run that kerastl has exported, whose outputs are probabilities; as a "
                "backbone, name the folder of the run: run:FOLDER"
            )
        return {key: value for key, value in stated.items() if not isinstance(value, dict)}
    found: dict[str, Any] = {}
    if (values := _RANGES.get(metadata.get("Image.NominalPixelRange", ""))) is not None:
        found |= dict(zip(("scale", "mean", "std"), values, strict=True))
    if (color := _COLORS.get(metadata.get("Image.BitmapPixelFormat", ""))) is not None:
        found["color"] = color
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"'{path.name}' beside it cannot be read ({error})") from None
    return values if isinstance(values, dict) else {}


def _of_config(values: Mapping[str, Any]) -> dict[str, Any]:
    if "image_mean" in values or "rescale_factor" in values or "do_normalize" in values:
        return _of_transformers(values)
    inner = values.get("pretrained_cfg", values)
    if isinstance(inner, Mapping) and {"mean", "std", "input_size"} <= set(inner):
        size = inner["input_size"]
        sides = size[1:] if isinstance(size, list) else size
        return {"scale": 1 / 255, "mean": inner["mean"], "std": inner["std"], "size": sides}
    return {}


def _of_transformers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of a `preprocessor_config.json` of transformers."""
    if "sampling_rate" in values:
        usual = "standard" if values.get("do_normalize") else "none"
        return {"sample_rate_hz": values["sampling_rate"], "normalize": usual, "scale": 1.0}
    rescales, normalizes = values.get("do_rescale", True), values.get("do_normalize", True)
    found: dict[str, Any] = {"scale": 1.0, "mean": 0.0, "std": 1.0}
    if rescales:
        found["scale"] = values.get("rescale_factor", 1 / 255)
    if normalizes and "image_mean" in values and "image_std" in values:
        found |= {"mean": values["image_mean"], "std": values["image_std"]}
    elif normalizes:
        del found["mean"], found["std"]  # those of the class of the processor, which is not here
    if values.get("do_flip_channel_order"):
        found["color"] = "bgr"
    size = (values.get("do_center_crop") and values.get("crop_size")) or values.get("size")
    if isinstance(size, Mapping) and "height" in size and "width" in size:
        found["size"] = [size["height"], size["width"]]
    elif isinstance(size, int):
        found["size"] = size
    return found
