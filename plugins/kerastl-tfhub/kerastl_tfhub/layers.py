"""A SavedModel as a Keras 3 layer that trains, saves and exports like any other."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from kerastl.backbones import BackboneError, WeightsError, declare_values
from kerastl_tfhub.handles import resolve
from kerastl_tfhub.module import CallOptions, Module, Pooling, load_module
from kerastl_tfhub.saving import PackedGraph


@keras.saving.register_keras_serializable(package="kerastl_tfhub")
class SavedModelLayer(keras.layers.Layer):
    """A TF Hub module, or any other SavedModel, as a layer.

    The layer shares the module's variables, so training changes the module itself. It saves to a
    `.keras` file that holds graph, assets and weights, so loading it needs neither the module nor
    a network. Runs on the TensorFlow backend, in float32 regardless of
    the global policy, without XLA.

    Modules that offer only a serving signature, and modules in TF1's format, were traced for
    inference; they stay frozen, and `frozen_reason` says why.

    Args:
        handle: Handle on Kaggle, name in the catalogue, other URL, local folder or `.tar.gz`.
        trainable: Whether the module's trainable variables learn.
        batch_norm: `"frozen"` always runs the module in inference mode: BatchNorm's statistics
            are frozen and dropout is off, also while its weights learn. `"update"` passes the
            caller's `training` on, as long as any variable learns.
        output: Key or index of the output if the module returns a dictionary or a tuple; None
            takes the only one, or the embedding of YAMNet and of modules that name theirs so.
        pooling: `"mean"` or `"max"` over all axes between batch and features, such as the
            frames of an audio clip; None keeps them.
        signature: Name of a serving signature to use instead of the module itself.
        arguments: Values for the module's own arguments beyond input and `training`.
        tags: Tags of the graph in the SavedModel; None takes the one for serving.
        name: Name of the layer; the first part of its variables' paths.

    Call arguments:
        inputs: Input of the module, cast to its type; always a batch, even if the module takes one
            example at a time (such as YAMNet).
        training: Used only with `batch_norm="update"`.

    Output shape:
        The module's output shape, without the axes that `pooling` removes.

    Raises:
        BackboneError: The module cannot be found, read, called or trained this way.
        UntrustedModuleError: Its graph contains operations that safe mode refuses.

    Example:

    ```python
    inputs = keras.Input((224, 224, 3))
    layer = SavedModelLayer("mobilenet_v2_100_224", trainable=True)
    model = keras.Model(inputs, keras.layers.Dense(4)(layer(inputs / 255)))
    ```

    Reference:
        https://www.tensorflow.org/hub/reusable_saved_models
    """

    frozen_reason: str | None = None

    def __init__(
        self,
        handle: str | Path | PackedGraph,
        *,
        trainable: bool = False,
        batch_norm: Literal["frozen", "update"] = "frozen",
        output: str | int | None = None,
        pooling: Pooling | None = None,
        signature: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        name: str | None = None,
    ):
        # With trainable=False here, setting it to False below would change nothing.
        super().__init__(trainable=True, dtype="float32", name=name)
        _check_choices(batch_norm=batch_norm, pooling=pooling)
        self.supports_jit = False
        self.batch_norm = batch_norm
        self._options = CallOptions(
            signature=signature, arguments=dict(arguments or {}), output=output, pooling=pooling
        )
        self.module = _load(handle, tags=tags, options=self._options)
        self.restored = self.module.loaded  # an attribute of a layer is tracked by TensorFlow
        self.frozen_reason = self.module.frozen_reason
        self._shared = [
            self._share(variable, may_learn) for variable, may_learn in self.module.variables()
        ]
        self.built = True
        self._check_trainable(trainable, handle)
        self.trainable = trainable

    @property
    def trainable(self) -> bool:
        """Whether the module's variables learn; stays False if they cannot."""
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if value and self.frozen_reason:
            warnings.warn(
                f"The layer '{self.name}' stays frozen. {self.frozen_reason}", stacklevel=2
            )
            value = False
        keras.layers.Layer.trainable.fset(self, value)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        learns = bool(self.trainable_weights)
        if learns:
            for loss in self.module.regularization_losses:
                self.add_loss(loss())
        updates = bool(training) and learns and self.batch_norm == "update"
        return self.module(inputs, training=updates)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "graph": dict(self.module.staged.pack()),
            "batch_norm": self.batch_norm,
            "output": self.module.output,
            "pooling": self._options.pooling,
            "signature": self._options.signature,
            "arguments": dict(self._options.arguments),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SavedModelLayer":
        config = dict(config)
        config.pop("dtype", None)
        graph = config.pop("graph")
        if not isinstance(graph, Mapping):  # a handle would be read or downloaded
            raise WeightsError(
                "The file contains no graph of a module.",
                where="the graph in the .keras file",
                expected="the graph itself",
                received=repr(graph)[:80],
            )
        return cls(graph, **config)

    def save_own_variables(self, store: Any) -> None:
        for key, variable in self._keyed():
            store[key] = variable

    def load_own_variables(self, store: Any) -> None:
        keyed = self._keyed()
        missing = sorted({key for key, _ in keyed} - set(store.keys()))
        if missing:
            raise WeightsError(
                f"The weights do not belong to the module of layer '{self.name}'.",
                expected=f"{len(keyed)} variables",
                received=f"{len(store.keys())}, without {missing[0]}",
            )
        for key, variable in keyed:
            variable.assign(store[key])

    def _keyed(self) -> list[tuple[str, keras.Variable]]:
        """Returns a unique key for each variable, as modules may use a name twice."""
        return [
            (f"{index:04d}.{variable.path.partition('/')[2].replace('/', '.')}", variable)
            for index, variable in enumerate(self._shared)
        ]

    def _share(self, variable: tf.Variable, may_learn: bool) -> keras.Variable:
        """Returns a Keras variable with the same storage and a path such as layer/Conv1/kernel."""
        *scopes, own_name = [part for part in variable.name.partition(":")[0].split("/") if part]
        if not self.module.staged.has_weights:
            declare_values(variable.shape, f"{self.name}/{variable.name}")
            variable.assign(_placeholder(variable))
        with ExitStack() as stack:
            for scope in [self.name, *scopes]:
                stack.enter_context(keras.name_scope(scope))
            shared = keras.Variable(
                variable,
                dtype=variable.dtype.name,
                trainable=may_learn and not self.frozen_reason,
                autocast=False,
                name=own_name,
            )
        if shared.value is not variable:
            raise BackboneError(
                "This version of Keras copies variables instead of sharing them, so nothing would "
                "learn.",
                received=f"keras {keras.__version__}",
                fix="pip install 'keras>=3.10'",
            )
        return shared

    def _check_trainable(self, trainable: bool, handle: Any) -> None:
        if trainable and self.frozen_reason:
            raise BackboneError(
                "The module cannot be trained.",
                where=_where(handle),
                received=self.frozen_reason,
                fix="Keep it frozen: trainable=False.",
            )


def _load(
    handle: str | Path | PackedGraph, *, tags: Sequence[str] | None, options: CallOptions
) -> Module:
    source = resolve(handle) if isinstance(handle, str | Path) else handle
    return load_module(source, tags=tags, options=options, where=_where(handle))


def _where(handle: str | Path | PackedGraph) -> str:
    return str(handle) if isinstance(handle, str | Path) else "the graph in the .keras file"


def _placeholder(variable: tf.Variable) -> np.ndarray:
    """Returns a placeholder value until the real one is loaded."""
    dtype = variable.dtype.as_numpy_dtype
    return np.full(variable.shape, np.nan if variable.dtype.is_floating else 0, dtype)


def _check_choices(*, batch_norm: str, pooling: str | None) -> None:
    for option, value, choices in (
        ("batch_norm", batch_norm, ("frozen", "update")),
        ("pooling", pooling, (None, "mean", "max")),
    ):
        if value not in choices:
            raise BackboneError(
                f"There is no such {option}.",
                expected=f"one of {', '.join(map(repr, choices))}",
                received=repr(value),
            )
