"""The last layer of a head, which computes probabilities and stores the settings of the head."""

from collections.abc import Sequence
from typing import Any

import keras

from kerastl.config.head import Head


@keras.saving.register_keras_serializable(package="kerastl")
class Probabilities(keras.layers.Layer):
    """The sigmoid of a head, in float32 under every dtype policy.

    The layer stores the settings of the head, so that a saved model contains the tasks of each
    output, and `kerastl.compile` can give Keras the right loss, weight and metrics.

    Args:
        tasks: Names of the tasks, in the order of the columns.
        hidden: Units of each hidden layer of the head.
        dropout: Dropout of the head, in [0, 1).
        weight: Weight of the head's loss.

    Call arguments:
        inputs: Logits, shape `(batch, tasks)`.

    Output shape:
        `(batch, tasks)`, probabilities in [0, 1].
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        weight: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.tasks = tuple(tasks)
        self.hidden = tuple(hidden)
        self.dropout = dropout
        self.weight = weight
        self.built = True

    def call(self, inputs: Any) -> Any:
        return keras.ops.sigmoid(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    @property
    def head(self) -> Head:
        """The head that ends in this layer."""
        return Head(
            name=self.name,
            tasks=self.tasks,
            hidden=self.hidden,
            dropout=self.dropout,
            weight=self.weight,
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("dtype", None)
        return {
            **config,
            "tasks": list(self.tasks),
            "hidden": list(self.hidden),
            "dropout": self.dropout,
            "weight": self.weight,
        }
