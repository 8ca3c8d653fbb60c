"""Features of a frozen backbone: constants, computed in one pass."""

import numpy as np

from kerastl.backbones import Backbone
from kerastl.data.batches import Inputs
from kerastl.progress import SILENT, Progress

BATCH_SIZE = 32


def extract_features(
    layer: Backbone,
    inputs: Inputs,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress = SILENT,
) -> np.ndarray:
    """Passes every input through the backbone once, in inference mode.

    Args:
        layer: The backbone.
        inputs: Raw inputs of all examples.
        batch_size: Examples per pass.
        progress: Told how many examples are done.

    Returns:
        `(examples, feature_dim)` float32.
    """
    features = np.empty((len(inputs), layer.model.output_shape[1]), np.float32)
    progress.step("Features", len(inputs))
    for begin in range(0, len(inputs), batch_size):
        rows = np.arange(begin, min(begin + batch_size, len(inputs)))
        batch = inputs.take(rows).astype(np.float32)
        features[rows] = layer.model.predict_on_batch(batch)
        progress.advance(int(rows[-1]) + 1)
    return features
