"""Examples for training without a table."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from kerastl.data.tables.examples import Examples
from kerastl_runtime.media_file import LocalFile


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    """Returns a function from labels and the number of training rows to examples."""

    def make(labels: np.ndarray, tasks: tuple[str, ...], *, num_train: int) -> Examples:
        names = [f"{row}.png" for row in range(len(labels))]
        return Examples(
            frame=pd.DataFrame({"path": names}),
            files=tuple(map(LocalFile, names)),
            tasks=tasks,
            labels=labels,
            training_labels=labels,
            uncertain=np.zeros(labels.shape, bool),
            groups=None,
            modality="image",
            source="t.csv",
            invalid_cells={},
            assigned=np.where(np.arange(len(labels)) < num_train, "train", "validation"),
        )

    return make
