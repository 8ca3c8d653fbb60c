"""Checks of which weights are trained, each by a short fit."""

from collections import Counter
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from kerastl.backbones.layer import Backbone
from kerastl.backbones.spec import Stage
from kerastl.backbones.testing.subject import SAME_ROW, DoesNotApply, Subject, assert_equal_features


def names_every_layer_in_one_stage(subject: Subject) -> None:
    """The stages name every layer of the model once, and nothing else."""
    if not subject.stages():
        raise DoesNotApply("the backbone has no stages")
    named = Counter(name for stage in subject.stages() for name in stage.layers)
    layers = {layer.name for layer in subject.network.layers if layer.weights}
    known = {operation.name for operation in subject.network.operations}
    twice = sorted(name for name, count in named.items() if count > 1)
    assert not twice, f"named more than once: {', '.join(twice)}"
    assert not layers - set(named), f"in no stage: {', '.join(sorted(layers - set(named)))}"
    assert not set(named) - known, f"no such layer: {', '.join(sorted(set(named) - known))}"


def stays_frozen_in_fit(subject: Subject) -> None:
    """After a fit with a frozen backbone every value in it is bit-identical, and Dropout is off."""
    with subject.layer() as layer:
        layer.freeze()
        raw = subject.examples()
        quiet, training = layer(raw, training=False), layer(raw, training=True)
        assert np.array_equal(_array(quiet), _array(training)), (
            "a frozen backbone gives other features in training than in inference"
        )
        changed = _changed_by_fit(layer, raw)
    assert not changed, f"a fit with a frozen backbone changes {_shown(changed)}"


def keeps_statistics_still(subject: Subject) -> None:
    """A trainable backbone runs in inference mode: values without a gradient do not change."""
    raw = subject.examples()
    with subject.layer() as layer:
        alone = np.concatenate([_array(layer(row[None])) for row in raw])
        assert_equal_features(
            alone,
            _array(layer(raw)),
            tolerance=SAME_ROW,
            what="unfrozen, an example alone and in a batch",
        )
        learnable = _ids(layer.trainable_variables)
        changed = [v for v in _changed_by_fit(layer, raw) if id(v) not in learnable]
    assert not changed, f"training with batch_norm='frozen' changes {_shown(changed)}"


def unfreezes_exactly_its_stages(subject: Subject) -> None:
    """A fit of the last n stages changes weights in them and none outside of them."""
    with subject.layer() as layer:
        if not layer.trainable_variables:
            raise DoesNotApply("the network has no trainable weights")
        if not layer.stages:
            raise DoesNotApply("the backbone has no stages")
        learnable = {stage.name: _learnable(layer, stage) for stage in layer.stages}
        for number in range(1, len(layer.stages) + 1):
            layer.unfreeze_stages(number)
            names = [stage.name for stage in layer.stages[-number:]]
            expected = [v for name in names for v in learnable[name]]
            received = layer.trainable_variables
            wrong = [v for v in received if id(v) not in _ids(expected)]
            wrong += [v for v in expected if id(v) not in _ids(received)]
            assert not wrong, f"unfreezing stages is wrong about {_shown(wrong)}"
        last = 1 + next(i for i, s in enumerate(reversed(layer.stages)) if learnable[s.name])
        layer.unfreeze_stages(last)
        inside = _ids(layer.trainable_variables)
        outside = _ids([v for held in learnable.values() for v in held]) - inside
        changed = _changed_by_fit(layer, subject.examples())
    assert _ids(changed) & inside, f"a fit changes nothing in the last {last} stages"
    wrong = [variable for variable in changed if id(variable) in outside]
    assert not wrong, f"with the last {last} stages trainable, a fit changes {_shown(wrong)}"


def _learnable(layer: Backbone, stage: Stage) -> list[keras.Variable]:
    """Returns the weights of a stage that are trainable if the whole backbone is."""
    return [
        variable
        for part in layer.model.layers
        if part.name in stage.layers
        for variable in part.trainable_variables
    ]


def _changed_by_fit(layer: Backbone, raw: np.ndarray) -> list[keras.Variable]:
    """Fits a new head on the layer for two steps; returns the variables that changed."""
    inputs = keras.Input(raw.shape[1:])
    model = keras.Model(inputs, keras.layers.Dense(2, activation="tanh")(layer(inputs)))
    # Tracing costs more than two steps; JAX has no other way.
    eagerly = keras.backend.backend() != "jax"
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error", run_eagerly=eagerly)
    variables = [v for v in layer.model.variables if "seed_generator" not in v.path]
    before = [_array(variable.value) for variable in variables]
    labels = np.tile(np.array([[1.0, -1.0]], "float32"), (len(raw), 1))
    model.fit(raw, labels, batch_size=2, epochs=1, shuffle=False, verbose=0)
    return [
        variable
        for variable, value in zip(variables, before, strict=True)
        if not np.array_equal(_array(variable.value), value)
    ]


def _ids(variables: Iterable[keras.Variable]) -> set[int]:
    return {id(variable) for variable in variables}


def _array(values: object) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(values))


def _shown(variables: Sequence[keras.Variable]) -> str:
    more = f" and {len(variables) - 3} more" if len(variables) > 3 else ""
    return ", ".join(variable.path for variable in variables[:3]) + more
