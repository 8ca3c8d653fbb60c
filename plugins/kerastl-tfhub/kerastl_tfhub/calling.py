"""The forms of loaded modules, behind one interface.

Convention: a class owns everything that depends on the form: its functions, its input, and
whether it can be trained, or why not.
"""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerastl.backbones import BackboneError
from kerastl_tfhub.legacy import choose_signature

SIGNATURE_ONLY = (
    "The module offers only a serving signature, which was traced for inference, so it can be used "
    "but not trained."
)
NO_GRADIENT = (
    "The module was exported from JAX as compiled code, which has no gradient, so it can be used "
    "but not trained."
)
TF1_FORMAT = (
    "The module is in TF1's format, whose graph was fixed for inference, so it can be used but not "
    "trained."
)


@dataclass(frozen=True)
class _Trace:
    """One function of a module, and the arguments with which it was traced."""

    function: Any
    values: Mapping[str, Any]

    @property
    def training(self) -> bool | None:
        value = self.values.get("training")
        return value if isinstance(value, bool) else None

    @property
    def constants(self) -> dict[str, Any]:
        """The arguments that were Python values, except `training`."""
        return {
            name: value
            for name, value in sorted(self.values.items())
            if name != "training" and not isinstance(value, tf.TensorSpec)
        }

    def __str__(self) -> str:
        return _described(self.constants)


class ReusableForm:
    """A TF2 module that is called as an object: `module(inputs, training=...)`.

    Args:
        loaded: The restored object.
        arguments: Values for arguments beyond the input and `training`.
        where: Handle or file, for messages.

    Raises:
        BackboneError: The module has no function for these arguments.
    """

    frozen_reason: str | None = None

    def __init__(self, loaded: Any, *, arguments: Mapping[str, Any], where: str):
        self._loaded = loaded
        self.functions = tuple(loaded.__call__.concrete_functions)
        spec = inspect.getfullargspec(loaded.__call__)
        names = [*spec.args, *spec.kwonlyargs]
        _check_names(arguments, names[1:], where)
        traces = [_trace(function, names) for function in self.functions]
        defaults = dict(zip(reversed(spec.args), reversed(spec.defaults or ()), strict=False))
        defaults |= spec.kwonlydefaults or {}
        traces, constants = _choose(traces, arguments, defaults, where)
        self._arguments = {**constants, **arguments}
        self._takes_training = "training" in names
        self._trainings = {trace.training for trace in traces}
        trace = next((t for t in traces if t.training is not True), traces[0])
        given = {*arguments, *defaults, "training"}
        self.input_spec = _input_spec(trace.values, given, where)
        self.output_spec = trace.function.structured_outputs

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """Returns the module's outputs for a tensor of the form `input_spec`.

        If the module was exported for one value of `training` only, that one is used.
        """
        if not self._takes_training:
            return self._loaded(inputs, **self._arguments)
        if not self._trainings & {training, None}:
            training = not training
        return self._loaded(inputs, training=training, **self._arguments)


class SignatureForm:
    """A SavedModel that offers only serving signatures: `signature(name=inputs)`.

    Args:
        loaded: The restored object.
        signature: Name of the signature; None takes the default.
        reason: Why it cannot be trained.
        where: Handle or file, for messages.

    Raises:
        BackboneError: It has no such signature, or the signature takes several inputs.
    """

    def __init__(self, loaded: Any, *, signature: str | None, reason: str, where: str):
        name = choose_signature(list(loaded.signatures), signature, where)
        self._function = loaded.signatures[name]
        self.functions = (self._function,)
        self.frozen_reason = reason
        inputs = self._function.structured_input_signature[1]
        self.input_spec = _input_spec(inputs, (), where)
        self._input_name = next(iter(inputs))
        self.output_spec = self._function.structured_outputs

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """Returns the signature's outputs, by name; `training` changes nothing."""
        del training
        return self._function(**{self._input_name: inputs})


Form = ReusableForm | SignatureForm


def _trace(function: Any, names: list[str]) -> _Trace:
    positional, keywords = function.structured_input_signature
    return _Trace(function, {**dict(zip(names, positional, strict=False)), **keywords})


def _choose(
    traces: list[_Trace], arguments: Mapping[str, Any], defaults: Mapping[str, Any], where: str
) -> tuple[list[_Trace], dict[str, Any]]:
    """Returns the traces for the arguments, and the Python values to call them with."""
    choices = {str(trace): trace.constants for trace in traces}
    wanted = {**defaults, **arguments}
    if len(choices) == 1 and not arguments:
        wanted = next(iter(choices.values()))
    found = [
        trace
        for trace in traces
        if all(name in wanted and wanted[name] == value for name, value in trace.constants.items())
    ]
    if found:
        return found, found[0].constants
    raise BackboneError(
        "The module has no function for these arguments.",
        where=where,
        expected=f"one of: {'; '.join(sorted(choices))}",
        received=_described(arguments) or "none",
        fix="Set them in the option 'arguments'.",
    )


def _check_names(arguments: Mapping[str, Any], names: list[str], where: str) -> None:
    available = [name for name in names if name != "training"]
    unknown = sorted(set(arguments) - set(available))
    if unknown:
        raise BackboneError(
            f"The module takes no argument {', '.join(map(repr, unknown))}.",
            where=where,
            expected=f"some of {', '.join(available)}" if available else "no arguments",
            fix="Change the option 'arguments'.",
        )


def _input_spec(values: Mapping[str, Any], given: Collection[str], where: str) -> tf.TensorSpec:
    """Returns the spec of the one tensor argument without a value.

    Args:
        values: Name to traced value, in the order of the arguments.
        given: Names of arguments that have a value: a default, or one from the options.
        where: Handle or file, for messages.
    """
    tensors = {
        name: value
        for name, value in values.items()
        if isinstance(value, tf.TensorSpec) and name not in given
    }
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    raise BackboneError(
        f"The module takes {len(tensors)} tensors; only modules that take one can be used.",
        where=where,
        received=", ".join(tensors) or "none",
        fix="Give the others a value in the option 'arguments'." if tensors else None,
    )


def _described(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(values.items()))
