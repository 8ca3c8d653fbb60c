"""What all phases of a training share: examples, inputs, features, state and progress."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.extraction import Extraction
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_layer
from kerastl.progress import Progress


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Everything that training needs besides the plan and the model.

    Args:
        examples: The examples with their splits.
        inputs: Raw inputs of all examples.
        source: Source of features: the cache and the engine.
        state: Folder with the state from which an interrupted training continues.
        progress: Receives progress updates.
    """

    examples: Examples
    inputs: Inputs
    source: FeatureSource
    state: Path
    progress: Progress

    def in_folder(self, name: str) -> "TrainingContext":
        """Returns the context with the state in a subfolder."""
        return replace(self, state=self.state / name)

    def decode(self) -> None:
        """Decodes every file, so that epochs read from memory or scratch space.

        Raises:
            MediaError: A file cannot be read.
        """
        if isinstance(self.inputs, FileInputs):
            self.inputs.decode_all(progress=self.progress)

    def extract(self, model: keras.Model) -> Extraction:
        """Returns the features of all examples; held-out ones in the precision of the model.

        Raises:
            MediaError: A file cannot be read.
        """
        return self.source.extract(
            find_layer(model).model,
            self.inputs,
            is_scored=self.examples.is_held_out,
            progress=self.progress,
        )
