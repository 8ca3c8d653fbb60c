"""Checks of what learns and what doesn't, each by a short training."""

from collections import Counter
from collections.abc import Iterable

import keras
import numpy as np

from kerastl.backbones.layer import Backbone
from kerastl.backbones.testing.subject import DoesNotApply, Subject, nested_layers

_LEARNING_RATE = 0.1


def names_every_layer_in_one_stage(subject: Subject) -> None:
    """The stages name every layer of the model once, and nothing else."""
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
        moved = _moved_by_fit(layer, subject)
    assert not moved, f"a fit with a frozen backbone moves {_shown(moved)}"


def keeps_statistics_still(subject: Subject) -> None:
    """While the backbone learns, what isn't learned by gradient stands still."""
    with subject.layer() as layer:
        layer.unfreeze()
        learnable = {id(variable) for variable in layer.trainable_variables}
        still = {v.path for v in layer.model.variables if id(v) not in learnable and _is_state(v)}
        if not still:
            raise DoesNotApply("the network has no statistics")
        moved = [path for path in _moved_by_fit(layer, subject) if path in still]
    assert not moved, f"training with batch_norm='frozen' moves {_shown(moved)}"


def unfreezes_exactly_its_stages(subject: Subject) -> None:
    """The last n stages learn, and a fit moves nothing outside of them."""
    with subject.layer() as layer:
        if not layer.trainable_variables:
            raise DoesNotApply("the network has no weights that can learn")
        for number in range(1, len(layer.stages) + 1):
            layer.unfreeze_stages(number)
            _assert_learns_exactly(layer, number)
        last = 1 + next(
            index for index, stage in enumerate(reversed(layer.stages)) if _learnable(layer, stage)
        )
        layer.unfreeze_stages(last)
        inside = {variable.path for variable in layer.trainable_variables}
        moved = set(_moved_by_fit(layer, subject))
    assert moved & inside, f"nothing of the last {last} stages moves in a fit"
    outside = sorted(moved - inside)
    assert not outside, f"with the last {last} stages learning, a fit moves {_shown(outside)}"


def _assert_learns_exactly(layer: Backbone, num_stages: int) -> None:
    expected = {path for stage in layer.stages[-num_stages:] for path in _learnable(layer, stage)}
    received = {variable.path for variable in layer.trainable_variables}
    wrong = sorted(received ^ expected)
    assert not wrong, f"unfreezing {num_stages} stages is wrong about {_shown(wrong)}"


def _learnable(layer: Backbone, stage: object) -> set[str]:
    """Returns the paths of all weights of a stage that can learn, whatever their flags say."""
    names = set(stage.layers)  # type: ignore[attr-defined]
    return {
        variable.path
        for part in layer.model.layers
        if part.name in names
        for inner in nested_layers(part)
        for variable in [*inner._trainable_variables, *_of_sublayers(inner)]
    }


def _of_sublayers(layer: keras.layers.Layer) -> Iterable[keras.Variable]:
    for inner in layer._layers:
        yield from inner._trainable_variables
        yield from _of_sublayers(inner)


def _is_state(variable: keras.Variable) -> bool:
    return "seed_generator" not in variable.path


def _moved_by_fit(layer: Backbone, subject: Subject) -> list[str]:
    """Fits a new head on the layer for two steps; returns the paths of values that changed."""
    raw = subject.examples()
    inputs = keras.Input(raw.shape[1:])
    model = keras.Model(inputs, keras.layers.Dense(2, activation="tanh")(layer(inputs)))
    model.compile(
        keras.optimizers.SGD(_LEARNING_RATE), "mean_squared_error", run_eagerly=_runs_eagerly()
    )
    before = _values(layer)
    labels = np.tile(np.array([[1.0, -1.0]], "float32"), (len(raw), 1))
    model.fit(raw, labels, batch_size=2, epochs=1, shuffle=False, verbose=0)
    after = _values(layer)
    return sorted(path for path in before if not np.array_equal(before[path], after[path]))


def _runs_eagerly() -> bool:
    # Tracing costs more than two steps; JAX has no other way.
    return keras.backend.backend() != "jax"


def _values(layer: Backbone) -> dict[str, np.ndarray]:
    return {
        variable.path: _array(variable.value)
        for variable in layer.model.variables
        if _is_state(variable)
    }


def _array(values: object) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(values))


def _shown(paths: Iterable[str]) -> str:
    listed = list(paths)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
