"""TensorFlow's own output of a module, as the reference for the conformance kit."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.backbones import AudioInput, ImageInput, Input
from kerastl_tfhub.handles import resolve
from kerastl_tfhub.legacy import choose_signature
from kerastl_tfhub.network import LAYER_NAME, module_options, module_range, rescaling


def reference_features(
    handle: str,
    network: keras.Model,
    *,
    input_range: Sequence[float] | None = None,
    num_samples: int | None = None,
    **options: Any,
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from raw input to the module's features, one example at a time.

    Args:
        handle: As in `build_network`.
        network: The built network; only its kind of input is used.
        input_range: As in `build_network`.
        num_samples: As in `build_network`; ignored, as the network has it.
        options: As in `build_network`.
    """
    del num_samples
    given = {
        **module_options(handle, options),
        "output": network.get_layer(LAYER_NAME).module.output,
    }
    scale, offset = _scaling(handle, network, input_range)
    # Without functions of its own, `loaded` must outlive every call.
    loaded = tf.saved_model.load(str(resolve(handle)), tags=given.get("tags"))

    def features(raw: np.ndarray) -> np.ndarray:
        scaled = (raw * scale + offset).astype("float32")
        return np.stack([_features(loaded, example, given) for example in scaled])

    return features


def _scaling(
    handle: str, network: keras.Model, input_range: Sequence[float] | None
) -> tuple[float, float]:
    shape = network.input_shape[1:]
    is_image = len(shape) == 3
    input: Input = (
        ImageInput(height=shape[0], width=shape[1])
        if is_image
        else AudioInput(sample_rate_hz=16000, num_samples=shape[0])
    )
    return rescaling(input.modality, module_range(handle, input, input_range))


def _features(loaded: Any, example: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Returns the feature vector of one example, pooled over all axes before the last."""
    outputs = _outputs(loaded, example, options)
    if isinstance(outputs, dict):
        outputs = outputs[options.get("output") or next(iter(outputs))]
    if isinstance(outputs, tuple | list):
        outputs = outputs[options.get("output") or 0]
    frames = outputs.numpy().reshape(-1, outputs.shape[-1])
    reduce = np.max if options.get("pooling") == "max" else np.mean
    return np.asarray(reduce(frames, axis=0))


def _outputs(loaded: Any, example: np.ndarray, options: dict[str, Any]) -> Any:
    if not callable(loaded) or options.get("signature"):
        name = choose_signature(sorted(loaded.signatures), options.get("signature"), "the module")
        function = loaded.signatures[name]
        (keyword,) = function.structured_input_signature[1]
        return function(**{keyword: tf.constant(example[None])})
    arguments = options.get("arguments") or {}
    one_example = len(loaded.__call__.concrete_functions[0].inputs[0].shape) == example.ndim
    inputs = tf.constant(example if one_example else example[None])
    return loaded(inputs, **arguments)
