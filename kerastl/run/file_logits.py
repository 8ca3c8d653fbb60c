"""Logits of files by the model of a run."""

from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import numpy as np

from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cache.location import cache_folder
from kerastl.features.engines.engine import EngineName
from kerastl.features.network import REFERENCE
from kerastl.features.source import FeatureSource
from kerastl.media.cuts import Cuts
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.trained_model import TrainedModel
from kerastl_runtime.media_file import MediaFile


def file_logits(
    model: keras.Model | TrainedModel,
    bundle: Bundle,
    files: Sequence[MediaFile],
    *,
    cuts: Cuts | None,
    rows: np.ndarray | None = None,
    on_error: Literal["raise", "collect"],
    engine: EngineName = "auto",
    cache: bool,
    progress: Progress,
) -> tuple[np.ndarray, Mapping[int, str], str]:
    """Returns uncalibrated logits in the precision of the shipped model, and unreadable files.

    Args:
        rows: Indices of the files that are passed through the model, None for all. The engine is
            chosen for all files in any case.

    Returns:
        `(rows, tasks)`, with meaningless rows for unreadable files; the index of each unreadable
        file to the reason; and the label of the engine that computed the features.

    Raises:
        MediaError: A file is unreadable, with `on_error="raise"`.
    """
    inputs = FileInputs(files, bundle.input, cuts=cuts, on_error=on_error)
    if rows is not None:
        inputs = inputs.part(rows)
    source = FeatureSource(cache=cache_folder() if cache else None, engine=engine)
    trained = TrainedModel.of(model)
    found = source.features_of(trained.backbone, inputs, progress=progress)
    used = found.facts.scores.engine if found.facts.scores else REFERENCE
    return trained.head_logits(bundle.task_names)(found.values), inputs.errors, used
