"""Training loss of a run by epoch, comparable between layouts of heads."""

from collections.abc import Mapping

import numpy as np

from kerastl.run.record import RunRecord

_LOSS = "log_loss"


def losses_by_epoch(record: RunRecord, known: Mapping[str, int]) -> np.ndarray:
    """Returns the training loss per known label in each epoch of the last phase, `(epochs,)`.

    Keras averages it over the batches of the epoch. A solved head has no epochs.

    Args:
        record: Record of a finished run.
        known: Task to its number of known training labels.
    """
    history = record.history
    if not len(history):
        return np.zeros(0)
    rows = history[(history["phase"] == history["phase"].iloc[-1]) & (history["epoch"] > 0)]
    heads = record.bundle.heads
    weights = {name: sum(known[task] for task in tasks) for name, tasks in heads.items()}
    columns = {name: _LOSS if len(heads) == 1 else f"{name}_{_LOSS}" for name in heads}
    total = sum(rows[columns[name]].to_numpy(float) * weights[name] for name in heads)
    return np.asarray(total / max(sum(weights.values()), 1))
