"""Bringing images to the size of a model inside of it, by the rule that files are resized by."""

from typing import Any

import keras
from keras import ops

from kerastl_runtime.image.geometry import geometry_of

_ONE = 2.0**22  # Pillow's weights are whole multiples of 1 / 2**22


@keras.saving.register_keras_serializable(package="kerastl")
class FitImages(keras.layers.Layer):
    """Brings images of any size to one size, with the values that the decoder of files gives.

    Resizing is bilinear with antialiasing, one axis after the other, and rounds to whole levels
    after each, as Pillow does. The size of the images may differ from call to call, so the matrices
    that resize them are computed in the graph, in float64: with less, a level in a thousand is
    rounded to its other neighbor.

    Args:
        height: Height of the output in pixels.
        width: Width of the output in pixels.
        resize: `"stretch"`, `"pad"` or `"crop"`, as in a config.

    Input shape:
        `(batch, any height, any width, channels)`, in [0, 255].

    Output shape:
        `(batch, height, width, channels)`, float32, whole numbers in [0, 255].
    """

    def __init__(self, height: int, width: int, resize: str = "stretch", **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        geometry_of(resize)  # refuses what does not exist
        self.height = height
        self.width = width
        self.resize = resize

    def call(self, inputs: Any) -> Any:
        sides = ops.shape(inputs)[1:3]
        before = [ops.cast(side, "float64") for side in sides]
        inner, margins = self._geometry(*before)
        rows, columns = (
            _resizing_matrix(*each)
            for each in zip(sides, before, inner, margins, (self.height, self.width), strict=True)
        )
        pixels = ops.cast(inputs, "float64")
        # Pillow 13 begins with the columns if they lose more than twice the pixels of the rows.
        lost, lost_columns = (side - one for side, one in zip(before, inner, strict=True))
        resized = ops.where(
            ops.logical_and(lost > 0, lost > 2 * lost_columns),
            _across(columns, _down(rows, pixels)),
            _down(rows, _across(columns, pixels)),
        )
        return ops.cast(resized, "float32")

    def _geometry(self, height: Any, width: Any) -> tuple[list[Any], list[Any]]:
        """Returns the sides of the resized image, and what is cut off at each end of a side."""
        before, after = (height, width), (self.height, self.width)
        inner = [ops.cast(target, "float64") for target in after]
        ratios = [target / side for target, side in zip(inner, before, strict=True)]
        if self.resize == "pad":
            ratio = ops.minimum(*ratios)
            inner = [ops.maximum(ops.round(side * ratio), ops.ones_like(side)) for side in before]
        if self.resize != "crop":
            return inner, [0.0, 0.0]
        ratio = ops.maximum(*ratios)
        kept = [ops.minimum(side, one / ratio) for side, one in zip(before, inner, strict=True)]
        return inner, [(side - one) / 2 for side, one in zip(before, kept, strict=True)]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.height, self.width, *input_shape[3:])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        return {**config, "height": self.height, "width": self.width, "resize": self.resize}


def _resizing_matrix(side: Any, before: Any, inner: Any, margin: Any, after: int) -> Any:
    """Returns the matrix that resizes one axis, `(after, side)`; rows sum to 1, or are 0."""
    places = ops.arange(after, dtype="float64") - ops.floor((after - inner) / 2)
    scale = (before - 2 * margin) / inner
    centers = ops.expand_dims(margin + (places + 0.5) * scale, 1)
    distances = ops.abs(ops.cast(ops.arange(side), "float64") + 0.5 - centers)
    weights = ops.relu(1.0 - distances / ops.maximum(scale, ops.ones_like(scale)))
    sums = ops.sum(weights, axis=1, keepdims=True)
    is_inside = ops.expand_dims(ops.logical_and(places >= 0, places < inner), 1)
    weights = ops.floor(weights / ops.where(is_inside, sums, ops.ones_like(sums)) * _ONE + 0.5)
    return ops.where(is_inside, weights / _ONE, ops.zeros_like(weights))


def _across(columns: Any, images: Any) -> Any:
    return ops.floor(ops.einsum("wj,bijc->biwc", columns, images) + 0.5)


def _down(rows: Any, images: Any) -> Any:
    return ops.floor(ops.einsum("hi,biwc->bhwc", rows, images) + 0.5)
