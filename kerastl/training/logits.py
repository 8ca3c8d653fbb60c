"""From features to logits, by the heads that ship."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kerastl.heads.builder import find_heads, head_model
from kerastl.heads.head import columns

_ROWS = 4096


def logits_of_features(
    model: keras.Model, features: np.ndarray, tasks: Sequence[str]
) -> np.ndarray:
    """Returns the logits of every example.

    Args:
        model: A model of `kerastl.build_model`.
        features: What its backbone gives, `(examples, feature_dim)`.
        tasks: Order of the columns.

    Returns:
        `(examples, tasks)` float32.
    """
    network, heads = head_model(model), find_heads(model)
    logits = np.full((len(features), len(tasks)), np.nan, np.float32)
    for begin in range(0, len(features), _ROWS):
        outputs = network(features[begin : begin + _ROWS], training=False)
        for head in heads:
            values = outputs[head.name] if isinstance(outputs, Mapping) else outputs
            logits[begin : begin + _ROWS, columns(head, tasks)] = keras.ops.convert_to_numpy(values)
    return logits
