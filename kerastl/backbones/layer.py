"""The backbone as one layer of a kerastl model.

Convention: the layer, not its caller, decides whether its network runs in training mode and which
weights are trainable, because Keras 3 overwrites the `training` argument of a nested functional
call, and `layer.trainable = True` overwrites the flags of all nested layers.
"""

import dataclasses
import fnmatch
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import keras

from kerastl.backbones.spec import Stage
from kerastl.backbones.view_networks import ViewNetworks
from kerastl.backbones.views import Views
from kerastl.errors import ModelError, suggestion

BatchNormMode = Literal["frozen", "update"]

Learns = bool | int | tuple[str, ...]
"""True: all weights; False: none; n: the last n stages; patterns: weights with a matching path."""


@keras.saving.register_keras_serializable(package="kerastl")
class Backbone(keras.layers.Layer):
    """A pretrained network without its last layer, as one layer of another model.

    The network runs in inference mode: Dropout is inactive and the statistics of BatchNorm are
    frozen, even while its weights are trained. With `batch_norm="update"` it uses the caller's
    `training` as long as any of its weights are trainable.

    Which weights are trainable is saved with the layer. `freeze`, `unfreeze`, `unfreeze_stages`
    and `unfreeze_variables` set it; `layer.trainable = False` and `= True` are the same as the
    first two. As always in Keras, a compiled model must be compiled again.

    Args:
        model: Functional model from raw input to feature vector `(batch, feature_dim)`.
        stages: Parts of `model` from input to output, for unfreezing the last of them.
        batch_norm: `"frozen"` or `"update"`.
        learns: Which weights are trainable: True for all, False for none, the number of last
            stages, or patterns of variable paths.
        views: What is computed of each input; None is the feature vector of `model`.
        raw_size: Height and width of the raw images, which are resized to those of `model`; only
            with `views`. None: those of `model`.

    Call arguments:
        inputs: Raw input, as specified by the backbone's spec.
        training: Used only with `batch_norm="update"`.

    Output shape:
        `(batch, feature_dim)`; with `views`, the features of all of them.

    Example:

    ```python
    network = keras.applications.MobileNetV2(include_top=False, pooling="avg", weights=None)
    backbone = kerastl.layers.Backbone(network)
    backbone.freeze()
    features = backbone(keras.Input((224, 224, 3)))
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
        learns: bool | int | Sequence[str] = True,
        views: Views | Mapping[str, Any] | None = None,
        raw_size: Sequence[int] | None = None,
        **kwargs: Any,
    ):
        kwargs.setdefault("name", "backbone")
        trainable = kwargs.pop("trainable", True)
        super().__init__(**kwargs)
        self.model = model
        self.stages = tuple(
            Stage(name=stage["name"], layers=tuple(stage["layers"]))
            if isinstance(stage, dict)
            else stage
            for stage in stages
        )
        self.batch_norm = batch_norm
        self.views = Views.from_values(views) if isinstance(views, Mapping) else views
        self.raw_size = None if raw_size is None else (raw_size[0], raw_size[1])
        self._view_networks = None
        if self.views is not None:
            self._view_networks = ViewNetworks(model, self.stages, self.views, self.raw_size)
        self.built = True
        self._learns: Learns = True
        learns = learns if isinstance(learns, int) else tuple(learns)
        self._set_learns(learns if trainable else False)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        follows_caller = self.batch_norm == "update" and bool(self.model.trainable_weights)
        network = self._view_networks or self.model
        return network(inputs, training=training if follows_caller else False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.feature_dim)

    def joined(self, inputs: Any) -> Any:
        """Returns the features before the transform; see `Views.join`."""
        if self._view_networks is not None:
            return self._view_networks.joined(inputs)
        if self.members:
            return keras.ops.concatenate([one.joined(inputs) for one in self.members], axis=1)
        return self.model(inputs, training=False)

    def transformed(self, features: Any, ops: Any = keras.ops) -> Any:
        """Returns features of `joined` after the transform; `ops` is `numpy` or `keras.ops`."""
        if self.views is not None:
            return self.views.transformed(features, ops)
        if not self.members:
            return features
        widths = [one.feature_dim for one in self.members]
        ends = list(itertools.accumulate(widths))[:-1]
        parts = zip(self.members, ops.split(features, ends, axis=1), strict=True)
        return ops.concatenate([one.transformed(part, ops) for one, part in parts], axis=1)

    @property
    def feature_dim(self) -> int:
        """Number of features of one input."""
        return int((self._view_networks or self.model).output_shape[1])

    def network(self, size: tuple[int, int] | None) -> keras.Model:
        """Returns the network of the views of a size, which shares the weights."""
        return self._view_networks.by_size[size] if self._view_networks else self.model

    @property
    def members(self) -> tuple["Backbone", ...]:
        """The backbones whose features are concatenated; none if there is only one."""
        return tuple(layer for layer in self.model.layers if isinstance(layer, Backbone))

    @property
    def learns(self) -> Learns:
        """The trainable weights: True, False, the number of last stages, or patterns of paths."""
        return self._learns

    def freeze(self) -> None:
        """Freezes all weights; the network runs in inference mode for every value of `training`."""
        self._set_learns(False)

    def unfreeze(self) -> None:
        """Makes all weights trainable."""
        self._set_learns(True)

    def unfreeze_stages(self, num_stages: int) -> None:
        """Makes the last stages trainable and freezes the others.

        Args:
            num_stages: Number of stages, counted from the output.

        Raises:
            ModelError: The backbone does not have this many stages.
        """
        if isinstance(num_stages, bool) or not 1 <= num_stages <= len(self.stages):
            raise ModelError(
                f"The backbone '{self.name}' cannot unfreeze {num_stages} stages.",
                expected=f"1 to {len(self.stages)} stages"
                if self.stages
                else "a backbone that has stages",
                received=str(num_stages),
                fix="Set trainable to true to train the whole backbone.",
            )
        self._set_learns(num_stages)

    def unfreeze_variables(self, patterns: str | Sequence[str]) -> None:
        """Makes the weights with a matching path trainable and freezes the others.

        Args:
            patterns: One or several shell patterns, in which `*` also matches `/`. Paths begin
                inside the network, such as `block_16_expand/kernel`.

        Raises:
            ModelError: A pattern matches no trainable weight.
        """
        wanted = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        previous = self._learns
        self._set_learns(True)
        paths = [path for path, _ in self._learnable()]
        for pattern in wanted:
            if not fnmatch.filter(paths, pattern):
                self._set_learns(previous)
                raise _no_such_variable(self.name, pattern, paths)
        self._set_learns(wanted or False)

    @property
    def trainable(self) -> bool:
        """Whether any weight is trainable. Setting it is the same as `freeze` or `unfreeze`."""
        return bool(keras.layers.Layer.trainable.fget(self))

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._set_learns(bool(value))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["trainable"]
        views = {} if self.views is None else {"views": dataclasses.asdict(self.views)}
        raw_size = {} if self.raw_size is None else {"raw_size": list(self.raw_size)}
        return {
            **config,
            **views,
            **raw_size,
            "model": keras.saving.serialize_keras_object(self.model),
            "stages": [{"name": stage.name, "layers": list(stage.layers)} for stage in self.stages],
            "batch_norm": self.batch_norm,
            "learns": list(self._learns) if isinstance(self._learns, tuple) else self._learns,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Backbone":
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})

    def _set_learns(self, learns: Learns) -> None:
        """Sets the flags of all weights."""
        self._learns = learns
        # On TensorFlow, assigning the value that an attribute already has does nothing, so only a
        # change of value reaches the nested layers.
        for value in (True, False, learns is not False):
            keras.layers.Layer.trainable.fset(self, value)
        if isinstance(learns, tuple):
            self._keep_variables(learns)
        elif not isinstance(learns, bool):
            kept = {name for stage in self.stages[-learns:] for name in stage.layers}
            for layer in self.model.layers:
                if layer.name not in kept:
                    layer.trainable = False

    def _keep_variables(self, patterns: tuple[str, ...]) -> None:
        kept = {
            id(variable)
            for path, variable in self._learnable()
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
        }
        for _, layer in named_leaves(self.model):
            learning = [variable for variable in layer.variables if variable.trainable]
            # A BatchNorm without trainable weights must not update its statistics either.
            layer.trainable = any(id(variable) in kept for variable in learning)
            for variable in learning:
                variable.trainable = id(variable) in kept

    def _learnable(self) -> list[tuple[str, keras.Variable]]:
        """Returns the path inside the network and the variable of all trainable weights."""
        return [
            (f"{path}/{_inside(variable, layer)}", variable)
            for path, layer in named_leaves(self.model)
            for variable in layer.variables
            if variable.trainable
        ]


def named_leaves(network: keras.Model) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yields every layer that is not a model itself, with its path of names.

    In nested models, Keras's own paths of variables change when a model is saved and loaded.
    """
    for layer in network.layers:
        if not isinstance(layer, keras.Model):
            yield layer.name, layer
            continue
        for path, inner in named_leaves(layer):
            yield f"{layer.name}/{path}", inner


def _inside(variable: keras.Variable, layer: keras.layers.Layer) -> str:
    before, found, after = variable.path.rpartition(f"{layer.name}/")
    return after if found else before or variable.path


def _no_such_variable(name: str, pattern: str, paths: Sequence[str]) -> ModelError:
    shown = [*paths[:3], "...", *paths[-3:]] if len(paths) > 6 else list(paths)
    return ModelError(
        f"No weight of the backbone '{name}' matches '{pattern}'.",
        expected="a pattern such as block_16*, for paths such as\n" + "\n".join(shown),
        received=f"'{pattern}'",
        fix=suggestion(pattern, paths),
    )
