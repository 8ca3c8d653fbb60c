"""Logits of files by the model of a run."""

from collections.abc import Mapping

import keras
import numpy as np

from kerastl.data.inputs.streams import Decoded, FileInputs
from kerastl.features.cache.location import cache_folder
from kerastl.features.engines.engine import EngineName
from kerastl.features.network import REFERENCE
from kerastl.features.source import FeatureSource
from kerastl.progress import Progress
from kerastl.run.trained_model import TrainedModel


class FileLogits:
    """Computes the logits of files by the model of a run, whose engines are kept.

    Args:
        model: The model of the run.
        tasks: The tasks of the run.
        inputs: All files, which engines are chosen for.
        engine: `"auto"`, or the engine of the features.
        cache: Whether to read features from the cache and write them to it.
    """

    def __init__(
        self,
        model: keras.Model | TrainedModel,
        tasks: tuple[str, ...],
        inputs: FileInputs,
        *,
        engine: EngineName = "auto",
        cache: bool,
    ):
        trained = TrainedModel.of(model)
        self._backbone = trained.backbone
        self._heads = trained.head_logits(tasks)
        self._inputs = inputs
        folder = cache_folder() if cache else None
        self._source = FeatureSource(cache=folder, engine=engine, kept={})

    def of(
        self, rows: np.ndarray | None, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[np.ndarray, Mapping[int, str], str]:
        """Returns uncalibrated logits in the precision of the shipped model, and unreadable files.

        Args:
            rows: Indices of the files that are passed through the model, None for all.
            decoded: The files at these indices, or None to read them.
            progress: Receives progress updates.

        Returns:
            `(rows, tasks)`, with meaningless rows for unreadable files; the index of each
            unreadable file to the reason; and the label of the engine that computed the features.

        Raises:
            MediaError: A file is unreadable, and `inputs` raises.
        """
        inputs = self._inputs if rows is None else self._inputs.part(rows, decoded)
        found = self._source.features_of(self._backbone, inputs, progress=progress)
        used = found.facts.scores.engine if found.facts.scores else REFERENCE
        return self._heads(found.values), inputs.errors, used
