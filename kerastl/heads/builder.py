"""Building of a model from a backbone and heads, and access to its parts."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerastl.backbones import (
    Backbone,
    BackboneError,
    BackboneSpec,
    Input,
    find_backbone,
    stages_by_resolution,
)
from kerastl.backbones.building import build_network
from kerastl.backbones.spec import DEFAULT_WEIGHTS
from kerastl.config.features_section import FeaturesConfig
from kerastl.config.head import Head, HeadsSpec, columns, resolve_heads, task_names
from kerastl.config.policies import TrainablePolicy
from kerastl.errors import ModelError
from kerastl.heads.backbone_settings import chosen_views, sized_input
from kerastl.heads.joined_layer import build_joined
from kerastl.heads.layer import Probabilities
from kerastl.media.media_types import media_type_of


def build_model(
    backbone: str | BackboneSpec | Backbone,
    tasks: Sequence[str],
    *,
    heads: HeadsSpec = "single",
    weights: str | None = DEFAULT_WEIGHTS,
    input_size: int | tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    features: FeaturesConfig | Mapping[str, Any] | None = None,
    trainable: Any = False,
    seed: int | None = None,
) -> keras.Model:
    """Builds a functional model: raw input, one layer named `backbone`, and the heads.

    Args:
        backbone: `family:name`, a spec, or a `Backbone` layer.
        tasks: Names of the yes/no questions.
        heads: `"single"`: one output `tasks` of shape `(batch, tasks)`. `"multi"`: one output of
            shape `(batch, 1)` for each task, with the name of the task. Or a mapping from head
            name to a list of tasks or to `{tasks, hidden, dropout, weight}`.
        weights: A published name, a file, None for random, or `"default"` for the backbone's first
            published weights.
        input_size: Images: side in pixels, or (height, width). Audio: number of samples. None
            takes the backbone's default.
        options: Options of the backbone, such as `alpha`.
        features: What a backbone that stays frozen computes of each input: keys as below
            `features` in a config, such as `{"flips": True}`. None is its feature vector.
        trainable: A policy as in `kerastl.set_trainable`.
        seed: Seed of the initial weights of the heads; None is a random one.

    Returns:
        An uncompiled model. With several heads its output is a dictionary by head name.

    Raises:
        BackboneError: The backbone cannot be found, or not built with these options.
        ModelError: The heads do not match the tasks, or the policy does not match the backbone.

    Example:

    ```python
    model = kerastl.build_model("applications:mobilenet_v2", ["pedestrian", "car"], input_size=160)
    ```
    """
    tasks = task_names(tasks)
    layer, raw = (
        (backbone, _raw_input(backbone))
        if isinstance(backbone, Backbone)
        else build_backbone(
            backbone, weights=weights, input_size=input_size, options=options, features=features
        )
    )
    model = _with_heads(raw, layer(raw), resolve_heads(heads, tasks), seed)
    apply_policy(layer, trainable)
    return model


def build_heads(feature_dim: int, heads: Sequence[Head], *, seed: int | None) -> keras.Model:
    """Builds the heads alone, from the features of a backbone that is no Keras model."""
    features = keras.Input((feature_dim,), name="features")
    return _with_heads(features, features, heads, seed)


def build_backbone(
    backbone: str | BackboneSpec,
    *,
    weights: str | None = DEFAULT_WEIGHTS,
    input_size: int | tuple[int, int] | None = None,
    options: Mapping[str, Any] | None = None,
    features: FeaturesConfig | Mapping[str, Any] | None = None,
) -> tuple[Backbone, keras.KerasTensor]:
    """Builds the layer named `backbone` and its symbolic raw input.

    Raises:
        BackboneError: The network cannot be built, or does not match its spec.
    """
    options = dict(options or {})
    spec = find_backbone(backbone, options=options) if isinstance(backbone, str) else backbone
    if isinstance(features, Mapping):
        features = FeaturesConfig.parse(features, where="features")
    if spec.members:
        layers = [
            build_backbone(
                member.spec,
                weights=member.weights,
                input_size=member.input_size,
                options=member.options,
                features=features,
            )[0]
            for member in spec.members
        ]
        return build_joined(spec, layers)
    network = build_network(
        spec,
        weights=spec.chosen_weights(weights),
        input=sized_input(spec, input_size, features),
        options=options,
    )
    _refuse_other_shapes(spec, network)
    stages = (spec.stages or stages_by_resolution)(network)
    views = chosen_views(spec, tuple(network.input_shape[1:]), features)
    layer = Backbone(network, stages=stages, views=views, name="backbone")
    return layer, _raw_input(layer, spec.input)


def find_layer(model: keras.Model) -> Backbone:
    """Returns the layer named `backbone`.

    Raises:
        ModelError: The model has none.
    """
    layer = backbone_of(model)
    if layer is None:
        raise ModelError(
            "The model has no backbone layer.",
            expected="a model of kerastl.build_model, or one with a kerastl.layers.Backbone",
            received=f"the layers {', '.join(layer.name for layer in model.layers[:6])}",
        )
    return layer


def backbone_of(model: keras.Model) -> Backbone | None:
    """Returns the layer named `backbone`; None if the model is heads alone."""
    return next((layer for layer in model.layers if isinstance(layer, Backbone)), None)


def find_heads(model: keras.Model) -> tuple[Head, ...]:
    """Returns the heads of a model, in the order of its layers.

    Raises:
        ModelError: The model has none.
    """
    heads = tuple(layer.head for layer in model.layers if isinstance(layer, Probabilities))
    if not heads:
        raise ModelError("The model has no heads.", expected="a model of kerastl.build_model")
    return heads


def logits_model(model: keras.Model) -> keras.Model:
    """Returns a model with the same input and weights whose outputs are logits.

    With one head the output is a tensor, with several a dictionary by head name.
    """
    return keras.Model(model.input, _logits(model))


def feature_model(model: keras.Model) -> keras.Model:
    """Returns the part of a model from raw input to features, with the same weights."""
    layer = find_layer(model)
    return layer.model if layer.views is None else keras.Model(model.input, layer.output)


def head_model(model: keras.Model) -> keras.Model:
    """Returns a model of the heads alone, from features to logits, with the same weights."""
    layer = backbone_of(model)
    return keras.Model(model.input if layer is None else layer.output, _logits(model))


def weights_sha256(layer: Backbone) -> str:
    """Returns the hash of the weights of a backbone as they are now."""
    digest = hashlib.sha256()
    for i, variable in enumerate(layer.model.variables):
        array = np.asarray(variable.numpy())
        digest.update(f"{i:05d}:{variable.path}:{array.dtype}:{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def set_heads(
    model: keras.Model, kernel: np.ndarray, bias: np.ndarray, tasks: Sequence[str]
) -> None:
    """Gives linear heads their weights.

    Args:
        model: The model.
        kernel: `(feature_dim, tasks)`.
        bias: `(tasks,)`.
        tasks: Names of the columns.
    """
    for head in find_heads(model):
        chosen = columns(head, tasks)
        model.get_layer(head.logits_name).set_weights([kernel[:, chosen], bias[chosen]])


def apply_policy(layer: Backbone, policy: Any) -> None:
    """Sets which weights of the backbone are trained; see `kerastl.set_trainable` for policies.

    Raises:
        ModelError: The policy is not valid, or the backbone lacks what it names.
    """
    parsed = TrainablePolicy.parse(policy)
    if parsed.backbone in ("auto", "lora"):
        raise ModelError(
            f"The trainable policy '{parsed.backbone}' needs a training.",
            expected="false, true, {stages: n} or {variables: pattern}",
            fix=f"Call kerastl.train with trainable: "
            f"{'auto' if parsed.backbone == 'auto' else f'{{lora: {parsed.lora}}}'}.",
        )
    layer.batch_norm = parsed.batch_norm
    if parsed.backbone == "stages":
        layer.unfreeze_stages(parsed.stages)
    elif parsed.backbone == "variables":
        layer.unfreeze_variables(parsed.variables)
    elif parsed.is_frozen:
        layer.freeze()
    else:
        layer.unfreeze()


def _with_heads(raw: Any, features: Any, heads: Sequence[Head], seed: int | None) -> keras.Model:
    seeds = itertools.repeat(None) if seed is None else itertools.count(seed)
    outputs = {head.name: _head_outputs(head, features, seeds) for head in heads}
    return keras.Model(raw, outputs if len(outputs) > 1 else next(iter(outputs.values())))


def _head_outputs(head: Head, features: Any, seeds: Any) -> Any:
    def dense(units: int, name: str, **settings: Any) -> keras.layers.Layer:
        initializer = keras.initializers.GlorotUniform(next(seeds))
        return keras.layers.Dense(units, kernel_initializer=initializer, name=name, **settings)

    suffixes = [f"_{number + 1}" for number in range(len(head.hidden))] or [""]
    for width, suffix in itertools.zip_longest(head.hidden, suffixes):
        if width is not None:
            features = dense(width, f"{head.name}_hidden{suffix}", activation="relu")(features)
        if head.dropout:
            name = f"{head.name}_dropout{suffix}"
            features = keras.layers.Dropout(head.dropout, seed=next(seeds), name=name)(features)
    logits = dense(len(head.tasks), head.logits_name, dtype="float32")(features)
    return Probabilities(
        head.tasks, hidden=head.hidden, dropout=head.dropout, weight=head.weight, name=head.name
    )(logits)


def _logits(model: keras.Model) -> Any:
    heads = find_heads(model)
    outputs = {head.name: model.get_layer(head.logits_name).output for head in heads}
    return outputs if len(outputs) > 1 else next(iter(outputs.values()))


def _raw_input(layer: Backbone, taken: Input | None = None) -> keras.KerasTensor:
    shape = layer.model.input_shape[1:]
    return keras.Input(shape, name=media_type_of(taken, shape).name)


def _refuse_other_shapes(spec: BackboneSpec, network: keras.Model) -> None:
    if len(network.output_shape) != 2 or network.output_shape[1] is None:
        raise BackboneError(
            f"The backbone '{spec.id}' does not return a feature vector.",
            expected="an output of shape (batch, feature_dim)",
            received=str(network.output_shape),
            fix="Report this to the plugin's authors; `kerastl backbones check` shows all checks.",
        )
