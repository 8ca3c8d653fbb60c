"""What all phases of a training share."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.combined_features import Features
from kerastl.features.network import FrozenBackbone
from kerastl.features.source import FeatureSource
from kerastl.progress import Progress
from kerastl.training.augmented_inputs import augmented_inputs
from kerastl.training.plan import FitHeads, SearchPlan, TrainingPlan

if TYPE_CHECKING:
    from kerastl.backbones import Backbone
    from kerastl.training.distribution import Distribution


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Everything that training needs besides the plan and the model."""

    examples: Examples
    inputs: Inputs  # raw, of all examples
    source: FeatureSource  # of features: the cache and the engine
    state: Path  # folder with the state from which an interrupted training continues
    progress: Progress
    distribution: "Distribution | None" = None  # over several devices
    part: Path = Path()  # subfolder of the state and of the logs, for phases with the same name

    def in_folder(self, name: str) -> "TrainingContext":
        """Returns the context with state and logs in a subfolder."""
        return replace(self, part=self.part / name)

    def scope(self) -> AbstractContextManager[None]:
        """Returns a context in which variables that are trained have to be created."""
        return nullcontext() if self.distribution is None else self.distribution.scope()

    def prepare(
        self, plan: TrainingPlan | SearchPlan, backbone: "Backbone | FrozenBackbone"
    ) -> Features | None:
        """Reads every file before training; returns the features that the first phase needs.

        Returns None if the first phase runs the backbone in every epoch. Then nothing is cached.
        """
        for phase in plan.phases:
            if phase.augment is not None:
                augmented_inputs(self.inputs, phase.augment)  # raises if noise cannot be read
        first = plan.phases[0]
        if first.uses_features:
            return self.extract(backbone)
        if isinstance(first, FitHeads) and first.augment is not None:
            self.progress.note(
                f"Features are not cached, because augment.{first.augment.active[0]} changes the "
                "inputs in every epoch."
            )
        self.decode()
        return None

    def decode(self) -> None:
        """Decodes every file, so that epochs read from memory or scratch space."""
        if isinstance(self.inputs, FileInputs):
            self.inputs.decode_all(progress=self.progress)

    def extract(self, backbone: "Backbone | FrozenBackbone") -> Features:
        """Returns the features of all examples; held-out ones in the precision of the model."""
        return self.source.features_of(
            backbone, self.inputs, is_scored=self.examples.splits != "train", progress=self.progress
        )
