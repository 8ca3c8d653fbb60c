"""The networks of the views of a backbone."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops as keras_ops

from kerastl.backbones.resizing import ResizeImages
from kerastl.backbones.spec import Stage
from kerastl.backbones.views import Views
from kerastl.backbones.wiring import calls
from kerastl.errors import BackboneError

NUM_MIDDLE_STAGES = 2


class ViewNetworks:
    """The networks of the views of a backbone: from the raw input to the blocks of one view.

    They share the weights of the network of the backbone, one for each size. `raw_size` is the
    size of the raw images if it is not that of the network.
    """

    def __init__(
        self,
        network: keras.Model,
        stages: Sequence[Stage],
        views: Views,
        raw_size: tuple[int, int] | None = None,
    ):
        self._raw_size = raw_size
        self._network = network
        self._stages = stages
        self._views = views
        self.by_size = {size: self._build(size) for size in views.sizes}

    @property
    def output_shape(self) -> tuple[None, int]:
        """Shape of the features of all views together."""
        return None, sum(int(network.output_shape[1]) for network in self.by_size.values())

    def __call__(self, inputs: Any, training: bool | None) -> Any:
        """Returns the features of a batch of raw inputs."""
        return self._views.transformed(self.joined(inputs, training), keras_ops)

    def joined(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the features before the transform; see `Views.join`."""
        blocks = [
            self.by_size[view.size](view.change(inputs, keras_ops), training=training)
            for view in self._views.views
        ]
        return self._views.join(blocks, keras_ops)

    def _build(self, size: tuple[int, int] | None) -> keras.Model:
        shape, own = self._network.input_shape[1:], size
        if self._raw_size is not None:
            shape, own = (*self._raw_size, *shape[2:]), size or shape[:2]
        raw = keras.Input(shape, dtype=self._network.input.dtype)
        inner = self._network if size is None else _resized(self._network, size)
        blocks = keras.Model(inner.input, self._blocks(inner))
        inputs = raw if own is None else ResizeImages(*own)(raw)
        return keras.Model(raw, blocks(inputs))

    def _blocks(self, network: keras.Model) -> Any:
        blocks = []
        if "middle" in self._views.stages:
            middle = self._stages[-1 - NUM_MIDDLE_STAGES : -1]
            tensors = [tensor for stage in middle for tensor in _last_map(network, stage.layers)]
            pools = {"mean": keras_ops.mean, "max": keras_ops.max}
            blocks += [
                pools[pooling](tensor, axis=tuple(range(1, len(tensor.shape) - 1)))
                for tensor in tensors
                for pooling in self._views.pooling
            ]
        if "top" in self._views.stages:
            blocks.append(network.output)
        if not blocks:
            raise BackboneError(
                "The backbone has no middle stages.",
                where="features.stages",
                expected="a backbone of several stages",
                fix="Set features.stages to [top].",
            )
        return blocks[0] if len(blocks) == 1 else keras_ops.concatenate(blocks, axis=1)


def _last_map(network: keras.Model, layers: Iterable[str]) -> list[keras.KerasTensor]:
    """Returns the last tensor of a stage that extends over space or time, in a list; or none."""
    names = set(layers)
    maps = [
        tensor
        for call in calls(network)
        if call.operation.name in names
        for tensor in call.outputs
        if len(tensor.shape) > 2
    ]
    return maps[-1:]


def _resized(network: keras.Model, size: tuple[int, int]) -> keras.Model:
    """Returns the network for inputs of another size, with the same layers."""
    shape = (*size, *network.input_shape[3:])
    try:
        return keras.models.clone_model(
            network, input_tensors=keras.Input(shape), clone_function=lambda layer: layer
        )
    except (ValueError, TypeError) as error:
        raise BackboneError(
            f"The backbone cannot take images of {size[0]} x {size[1]} pixels too.",
            where="features.sizes",
            received=str(error).splitlines()[0],
            fix="Remove features.sizes, or choose another backbone.",
        ) from error
