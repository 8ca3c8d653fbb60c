"""The backbone as one layer of a kerastl model.

Convention: the layer, not its caller, decides whether the network inside runs in training mode,
because Keras 3 overwrites the `training` argument of a nested functional call.
"""

from collections.abc import Sequence
from typing import Any, Literal

import keras

from kerastl.backbones.spec import Stage

BatchNormMode = Literal["frozen", "update"]


@keras.saving.register_keras_serializable(package="kerastl")
class Backbone(keras.layers.Layer):
    """A pretrained network without its last layer, as one layer of another model.

    The network runs in inference mode: Dropout is off and BatchNorm's statistics stand still, also
    while its weights learn. With `batch_norm="update"` it follows the caller's `training` as long
    as any of its weights learn.

    Args:
        model: Functional model from raw input to feature vector `(batch, feature_dim)`.
        stages: Parts of `model` from input to output, for unfreezing from the top.
        batch_norm: `"frozen"` or `"update"`.

    Call arguments:
        inputs: Raw input, as the backbone's spec says.
        training: Followed only with `batch_norm="update"`.

    Output shape:
        `(batch, feature_dim)`.

    Example:

    ```python
    network = keras.applications.MobileNetV2(include_top=False, pooling="avg", weights=None)
    features = kerastl.layers.Backbone(network)(keras.Input((224, 224, 3)))
    ```

    Reference:
        https://github.com/keras-team/keras/issues/20285
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        stages: Sequence[Stage | dict[str, Any]] = (),
        batch_norm: BatchNormMode = "frozen",
        **kwargs: Any,
    ):
        kwargs.setdefault("name", "backbone")
        super().__init__(**kwargs)
        self.model = model
        self.stages = tuple(
            stage
            if isinstance(stage, Stage)
            else Stage(name=stage["name"], layers=tuple(stage["layers"]))
            for stage in stages
        )
        self.batch_norm = batch_norm
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        follows_caller = self.batch_norm == "update" and bool(self.model.trainable_weights)
        return self.model(inputs, training=training if follows_caller else False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.model.output_shape[1:])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "stages": [{"name": stage.name, "layers": list(stage.layers)} for stage in self.stages],
            "batch_norm": self.batch_norm,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Backbone":
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})
