"""Logits of the heads of a model, from features."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kerastl.config.head import columns
from kerastl.heads.builder import find_heads, head_model

_ROWS = 4096


class HeadLogits:
    """The heads of a model, built once for many calls; the tasks order the columns."""

    def __init__(self, model: keras.Model, tasks: Sequence[str]):
        self._network = head_model(model)
        self._heads = find_heads(model)
        self._tasks = tasks

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Returns logits, `(examples, tasks)` float32, of features `(examples, feature_dim)`."""
        logits = np.full((len(features), len(self._tasks)), np.nan, np.float32)
        for begin in range(0, len(features), _ROWS):
            outputs = self._network(features[begin : begin + _ROWS], training=False)
            for head in self._heads:
                values = outputs[head.name] if isinstance(outputs, Mapping) else outputs
                own = columns(head, self._tasks)
                logits[begin : begin + _ROWS, own] = keras.ops.convert_to_numpy(values)
        return logits
