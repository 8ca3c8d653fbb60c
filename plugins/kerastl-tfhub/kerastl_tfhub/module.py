"""A loaded module: its form, its variables, and its outputs as one tensor.

Convention: TensorFlow tracks the restored object, so its tables and assets go into every export.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from kerastl.backbones import BackboneError
from kerastl_tfhub.calling import (
    NO_GRADIENT,
    SIGNATURE_ONLY,
    TF1_FORMAT,
    Form,
    ReusableForm,
    SignatureForm,
)
from kerastl_tfhub.graph import CONVERTED
from kerastl_tfhub.legacy import converted
from kerastl_tfhub.saving import (
    PackedGraph,
    StagedModule,
    refuse_missing_weights,
    refusing_damage,
    unpack,
)

Pooling = Literal["mean", "max"]
_EMBEDDINGS = ("embedding", "embeddings")
_NUM_OF_YAMNET, _DIM_OF_YAMNET = 3, 1024  # scores, embedding and spectrogram of each frame
_REDUCE = {"mean": tf.reduce_mean, "max": tf.reduce_max}


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """Options for calling a module and for its outputs.

    Args:
        signature: Name of a serving signature to use instead of the object itself.
        arguments: Values for arguments beyond the input and `training`.
        output: Key or index of the output if the module returns a dictionary or a tuple.
        pooling: `"mean"` or `"max"` over all axes between the batch and the features; None keeps
            them.
    """

    signature: str | None = None
    arguments: Mapping[str, Any]
    output: str | int | None = None
    pooling: Pooling | None = None


class Module:
    """A restored SavedModel.

    Args:
        staged: The SavedModel; lives as long as the module.
        options: Options for calling it.
        reason: Why it cannot be trained, if that is already known.
        where: Handle or file, for messages.
    """

    def __init__(
        self, staged: StagedModule, *, options: CallOptions, reason: str | None, where: str
    ):
        load_options = tf.saved_model.LoadOptions(
            experimental_skip_checkpoint=not staged.has_weights
        )
        self.staged = staged
        with refusing_damage(where):
            self.loaded = tf.saved_model.load(str(staged.folder), options=load_options)
        self.form = _form(self.loaded, options, reason, where)
        self._reason = NO_GRADIENT if staged.graph.platforms else None
        self.output = _chosen_output(self.form.output_spec, options.output, where)
        self._options = replace(options, output=self.output)
        self.output_spec = _selected_spec(self.form.output_spec, self._options, where)
        self.regularization_losses = tuple(getattr(self.loaded, "regularization_losses", ()))

    @property
    def frozen_reason(self) -> str | None:
        """Why the module cannot be trained, as a sentence, or None if it can."""
        return self._reason or self.form.frozen_reason

    def variables(self) -> list[tuple[tf.Variable, bool]]:
        """Returns every variable once, and whether it may learn, in a stable order.

        They are those of the object's own lists and those that its functions capture, as a plain
        `tf.Module` keeps no lists.
        """
        listed = [*_attribute(self.loaded, "variables"), *_attribute(self.loaded, CONVERTED)]
        captured = [v for function in self.form.functions for v in function.variables]
        learning = _attribute(self.loaded, "trainable_variables") or captured
        may_learn = {id(variable) for variable in learning if variable.trainable}
        unique = {id(variable): variable for variable in [*listed, *captured]}
        return [(variable, id(variable) in may_learn) for variable in unique.values()]

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """Returns the chosen output for a batch.

        A module that takes one example at a time is called once for each.
        """
        inputs = tf.cast(inputs, self.form.input_spec.dtype)
        if not self.takes_one_example(inputs.shape.rank):
            return self._features(inputs, training=training, num_batch_axes=1)
        # tf.vectorized_map would be faster, but it silently loses the gradients.
        return tf.map_fn(
            lambda example: self._features(example, training=training, num_batch_axes=0),
            inputs,
            fn_output_signature=self._example_spec(),
        )

    def takes_one_example(self, rank: int | None) -> bool:
        """Whether inputs of this rank have a batch axis that the module does not expect."""
        wanted = self.form.input_spec.shape.rank
        return wanted is not None and rank == wanted + 1

    def _features(self, inputs: Any, *, training: bool, num_batch_axes: int) -> Any:
        outputs = _selected(self.form(inputs, training=training), self._options.output)
        if self._options.pooling is None:
            return outputs
        axes = list(range(num_batch_axes, outputs.shape.rank - 1))
        return _REDUCE[self._options.pooling](outputs, axis=axes) if axes else outputs

    def _example_spec(self) -> tf.TensorSpec:
        shape = self.output_spec.shape
        if self._options.pooling is not None:
            shape = shape[-1:]
        return tf.TensorSpec(shape, self.output_spec.dtype)


def load_module(
    source: Path | PackedGraph, *, tags: Sequence[str] | None, options: CallOptions, where: str
) -> Module:
    """Returns a module from a folder, or from the graph in a config, without its weights.

    Args:
        source: Folder of a SavedModel, or the result of `StagedModule.pack`.
        tags: Tags of the graph; None chooses one.
        options: Options for calling it.
        where: Handle or file, for messages.

    Raises:
        BackboneError: It cannot be read, called or trusted.
    """
    if not isinstance(source, Path):
        staged = unpack(source, where=where)
    else:
        staged = StagedModule(source, tags=tags, where=where)
        refuse_missing_weights(staged, source)
    reason = None
    if staged.graph.is_tf1:
        staged = converted(staged, signature=options.signature, where=where)
    if staged.graph.is_converted:
        options = CallOptions(
            arguments=options.arguments, output=options.output, pooling=options.pooling
        )
        reason = TF1_FORMAT
    return Module(staged, options=options, reason=reason, where=where)


def _form(loaded: Any, options: CallOptions, reason: str | None, where: str) -> Form:
    reusable = callable(loaded) and hasattr(loaded.__call__, "concrete_functions")
    if reusable and options.signature is None and reason is None:
        return ReusableForm(loaded, arguments=options.arguments, where=where)
    if options.arguments:
        raise BackboneError(
            "A serving signature takes no arguments.",
            where=where,
            received=", ".join(sorted(options.arguments)),
            fix="Remove the option 'arguments'.",
        )
    return SignatureForm(
        loaded, signature=options.signature, reason=reason or SIGNATURE_ONLY, where=where
    )


def _attribute(loaded: Any, name: str) -> list[tf.Variable]:
    return list(getattr(loaded, name, ()))


def _selected(outputs: Any, key: str | int | None) -> Any:
    if isinstance(outputs, Mapping):
        return outputs[_default_key(outputs) if key is None else key]
    if isinstance(outputs, Sequence):
        return outputs[0 if key is None else int(key)]
    return outputs


def _chosen_output(outputs: Any, wanted: str | int | None, where: str) -> str | int | None:
    """Returns the wanted output, or the embedding if there is one among several; warns of it."""
    several: dict[Any, tf.TensorSpec] = {}
    if wanted is None and isinstance(outputs, Mapping) and _default_key(outputs) is None:
        several = {key: spec for key, spec in outputs.items() if key in _EMBEDDINGS}
    elif wanted is None and isinstance(outputs, Sequence) and len(outputs) == _NUM_OF_YAMNET:
        several = {key: s for key, s in enumerate(outputs) if s.shape[-1:] == [_DIM_OF_YAMNET]}
    if len(several) != 1:
        return wanted
    ((chosen, spec),) = several.items()
    warnings.warn(
        f"{where}: of {len(outputs)} outputs, {chosen!r} is used, the embedding of shape "
        f"{spec.shape}. The option 'output' chooses another.",
        stacklevel=2,
    )
    return chosen


def _default_key(outputs: Mapping[str, Any]) -> str | None:
    if len(outputs) == 1:
        return next(iter(outputs))
    return "default" if "default" in outputs else None


def _selected_spec(outputs: Any, options: CallOptions, where: str) -> tf.TensorSpec:
    """Returns the spec of the chosen output, before pooling.

    Raises:
        BackboneError: The module has several outputs and none is chosen, or not this one.
    """
    if isinstance(outputs, Mapping):
        keys: list[Any] = sorted(outputs)
        chosen = _default_key(outputs) if options.output is None else options.output
    elif isinstance(outputs, Sequence):
        keys = list(range(len(outputs)))
        chosen = 0 if options.output is None and len(outputs) == 1 else options.output
    elif options.output is None:
        return outputs
    else:
        keys, chosen = [], options.output
    if chosen not in keys or isinstance(chosen, bool):
        listed = "; ".join(f"{key!r} of shape {outputs[key].shape}" for key in keys)
        raise BackboneError(
            "The module has several outputs." if chosen is None else "There is no such output.",
            where=where,
            expected=f"one of {listed}" if keys else "no choice: the module has one output",
            received=None if chosen is None else repr(chosen),
            fix="Choose one in the option 'output'." if keys else "Remove the option 'output'.",
        )
    return outputs[chosen]
