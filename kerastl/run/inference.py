"""Logits of files by a finished run: through the cache, on the fastest engine that agrees."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cache.folder import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_layer
from kerastl.heads.logits import logits_of_features
from kerastl.media.segments import Segments
from kerastl.progress import Progress

if TYPE_CHECKING:
    from kerastl.run.folder import Run


def predict_files(
    run: "Run",
    paths: Sequence[Path],
    *,
    segments: Segments | None = None,
    on_error: Literal["raise", "collect"],
    cache: bool,
    progress: Progress,
) -> tuple[np.ndarray, Mapping[int, str]]:
    """Returns uncalibrated logits in the precision of the shipped model, and unreadable files.

    Args:
        run: The run.
        paths: Files, in the order of the rows.
        segments: The part of each file, or None: the whole.
        on_error: What an unreadable file does.
        cache: Whether features are kept for later, and used.
        progress: Told how far it is.

    Returns:
        `(files, tasks)`, meaningless where unreadable; and index of each unreadable file to the
        reason.

    Raises:
        MediaError: A file is unreadable, with `on_error="raise"`.
    """
    inputs = FileInputs(paths, run.bundle.input, segments=segments, on_error=on_error)
    source = FeatureSource(cache=cache_folder() if cache else None)
    found = source.extract(find_layer(run.model).model, inputs, progress=progress)
    return logits_of_features(run.model, found.values, run.tasks), inputs.errors
