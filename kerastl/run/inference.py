"""Logits of files: through the feature cache, on the fastest engine that agrees with Keras."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_layer
from kerastl.heads.logits import logits_of_features
from kerastl.media.segments import Segments
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle

if TYPE_CHECKING:
    import keras


def file_logits(
    model: "keras.Model",
    bundle: Bundle,
    paths: Sequence[Path],
    *,
    segments: Segments | None,
    on_error: Literal["raise", "collect"],
    cache: bool,
    progress: Progress,
) -> tuple[np.ndarray, Mapping[int, str]]:
    """Returns uncalibrated logits in the precision of the shipped model, and unreadable files.

    Args:
        model: Model of the run.
        bundle: Bundle of the run.
        paths: Files in the order of the rows.
        segments: The segment of each file; None uses whole files.
        on_error: `"raise"` or `"collect"` for unreadable files.
        cache: Whether to read features from the cache and write them to it.
        progress: Receives progress updates.

    Returns:
        `(files, tasks)`, with meaningless rows for unreadable files; and the index of each
        unreadable file to the reason.

    Raises:
        MediaError: A file is unreadable, with `on_error="raise"`.
    """
    inputs = FileInputs(paths, bundle.input, segments=segments, on_error=on_error)
    source = FeatureSource(cache=cache_folder() if cache else None)
    found = source.extract(find_layer(model).model, inputs, progress=progress)
    return logits_of_features(model, found.values, bundle.task_names), inputs.errors
