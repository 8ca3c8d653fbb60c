"""Resizing of images inside a network, by the rule that files are resized by."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerastl")
class ResizeImages(keras.layers.Layer):
    """Resizes images: bilinear, with antialiasing, as Pillow does.

    Resizing is linear in the pixels of each axis, so it is two products with constant matrices,
    which every backend and export format has.

    Args:
        height: Height of the output in pixels.
        width: Width of the output in pixels.

    Input shape:
        `(batch, any height, any width, channels)`; height and width are fixed.

    Output shape:
        `(batch, height, width, channels)`.
    """

    def __init__(self, height: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.height = height
        self.width = width

    def call(self, inputs: Any) -> Any:
        height, width, channels = inputs.shape[1:]
        rows = ops.convert_to_tensor(resizing_matrix(height, self.height), inputs.dtype)
        columns = ops.convert_to_tensor(resizing_matrix(width, self.width), inputs.dtype)
        # Not einsum, which LiteRT cannot run with batches of any size.
        tall = ops.matmul(rows, ops.reshape(inputs, (-1, height, width * channels)))
        return ops.matmul(columns, ops.reshape(tall, (-1, self.height, width, channels)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.height, self.width, *input_shape[3:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


def resizing_matrix(before: int, after: int) -> np.ndarray:
    """Returns the matrix that resizes one axis, `(after, before)` float32; rows sum to 1."""
    scale = before / after
    centers = (np.arange(after) + 0.5) * scale
    distances = (np.arange(before) + 0.5 - centers[:, None]) / max(scale, 1.0)
    weights = np.maximum(1.0 - np.abs(distances), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
