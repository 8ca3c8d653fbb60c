"""Random operations whose state no checkpoint can hold.

Convention: a training is continued exactly only if every random state is a variable of the model,
as that of a `keras.random.SeedGenerator` that a layer has as an attribute.
"""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

_STATEFUL = {  # operations of TensorFlow that keep their state in themselves
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomGamma",
    "RandomPoisson",
    "RandomPoissonV2",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "TruncatedNormal",
}


def unstored_randomness(model: keras.Model) -> list[str]:
    """Returns the random operations, and states outside the model, of a pass in training mode.

    On other backends than TensorFlow nothing is found.
    """
    if keras.backend.backend() != "tensorflow":
        return []

    @tf.function(autograph=False)
    def call(inputs: Any) -> Any:
        return model(inputs, training=True)

    raw = model.inputs[0]
    graph = call.get_concrete_function(tf.TensorSpec((None, *raw.shape[1:]), raw.dtype)).graph
    operations = {node.op for node in _nodes(graph.as_graph_def())} & _STATEFUL
    stored = {id(variable.value) for variable in model.variables}
    others = [variable.name for variable in graph.variables if id(variable) not in stored]
    return [*sorted(operations), *(name for name in others if "seed_generator_state" in name)]


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
