"""The features that ONNX Runtime computes with the file itself, for the conformance kit.

Convention: what surrounds the network in an extractor is computed here by NumPy.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from kerastl_onnx.settings import AudioSettings, ImageSettings, Settings

_GRAY = np.array([0.299, 0.587, 0.114], np.float32)


def reference_features(path: Path, settings: Settings) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from raw input to features, one example at a time."""
    model = onnx.load(path)
    known = {one.name for one in model.graph.output}
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name)
        for name in settings.outputs
        if name not in known
    )
    for side in model.graph.input[0].type.tensor_type.shape.dim:
        side.dim_param = f"side_{id(side)}"
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (given,) = [one for one in session.get_inputs() if one.name == settings.input]
    dtype = {"float16": np.float16, "double": np.float64, "uint8": np.uint8}.get(
        given.type.removeprefix("tensor(").removesuffix(")"), np.float32
    )

    def features(raw: np.ndarray) -> np.ndarray:
        rows = []
        for example in raw:
            ready = _ready(example, settings, len(given.shape)).astype(dtype)
            found = session.run(list(settings.outputs), {settings.input: ready[np.newaxis]})
            rows.append(np.concatenate([_vector(one[0], settings) for one in found]))
        return np.stack(rows)

    return features


def _ready(example: np.ndarray, settings: Settings, rank: int) -> np.ndarray:
    if settings.image is not None:
        return _image(example, settings.image)
    assert settings.audio is not None
    return _audio(example, settings.audio).reshape((1,) * (rank - 2) + (-1,))


def _image(pixels: np.ndarray, settings: ImageSettings) -> np.ndarray:
    if settings.color == "gray":
        pixels = (pixels @ _GRAY)[..., np.newaxis]
    elif settings.color == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels * settings.scale - np.array(settings.mean)) / np.array(settings.std)
    return values.transpose(2, 0, 1) if settings.layout == "nchw" else values


def _audio(samples: np.ndarray, settings: AudioSettings) -> np.ndarray:
    if settings.normalize in ("mean", "standard"):
        samples = samples - samples.mean()
    if settings.normalize == "standard":
        samples = samples / np.sqrt(samples.var() + 1e-7)
    if settings.normalize == "peak":
        samples = samples / max(np.abs(samples).max(), 1e-7)
    return samples * settings.scale


def _vector(value: np.ndarray, settings: Settings) -> np.ndarray:
    """Returns the pooled output for one example."""
    if value.ndim == 1:
        return value
    if value.ndim == 3:
        axes = (1, 2) if settings.layout == "nchw" else (0, 1)
        return value.max(axes) if settings.pooling == "max" else value.mean(axes)
    rest = value[max(settings.prefix_tokens, settings.pooling == "both") :]
    pooled = {
        "cls": value[0],
        "mean": rest.mean(0),
        "max": rest.max(0),
        "both": np.concatenate([value[0], rest.mean(0)]),
    }
    return pooled[settings.pooling or "mean"]
