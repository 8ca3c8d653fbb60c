"""The model of a run whose backbone is no Keras model: an extractor, and heads on its features."""

from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.backbones import Extractor
from kerastl.backbones.views import Views
from kerastl.features.network import FrozenBackbone
from kerastl.heads.backbone_settings import chosen_extractor
from kerastl.progress import Progress
from kerastl.run.model_cache import ModelFacts, ModelParts
from kerastl.run.run_model import RunModel
from kerastl.training.solving import ModelPart

if TYPE_CHECKING:
    import keras


def make_run_model(parts: ModelParts, *, cache: Path | None, progress: Progress) -> RunModel:
    """Returns the model of a run; arguments as of `RunModel`."""
    if parts.spec.is_extractor:
        return ExtractorModel(parts, progress=progress)
    return RunModel(parts, cache=cache, progress=progress)


class ExtractorModel(RunModel):
    """The same for a backbone that can only be frozen.

    The Keras model is the heads alone, from features to probabilities.
    """

    def __init__(self, parts: ModelParts, *, progress: Progress):
        super().__init__(parts, cache=None, progress=progress)

    @cached_property
    def _chosen(self) -> tuple[Extractor, Views | None]:
        if self._parts.spec.members:
            import keras

            keras.utils.set_random_seed(self._parts.seed)
        return chosen_extractor(self._parts.spec, self._parts.backbone, self._parts.features)

    @property
    def extractor(self) -> Extractor:
        """The network of the backbone."""
        return self._chosen[0]

    @cached_property
    def keras_model(self) -> "keras.Model":
        """The heads."""
        import keras

        from kerastl.heads.builder import build_heads

        keras.utils.set_random_seed(self._parts.seed)
        return build_heads(self.extractor.feature_dim, self.heads, seed=self._parts.seed)

    @cached_property
    def facts(self) -> ModelFacts:
        """What is known without building the heads."""
        parts = [ModelPart(name="backbone", weights=self.extractor.num_params, trained=0)]
        for head in self.heads:
            widths = [self.extractor.feature_dim, *head.hidden, len(head.tasks)]
            count = sum((taken + 1) * given for taken, given in pairwise(widths))
            parts.append(ModelPart(name=f"head {head.name}", weights=count, trained=count))
        return ModelFacts(
            input_shape=self.extractor.input_shape,
            backbone_sha256=self.extractor.fingerprint,
            views=self._chosen[1],
            networks=tuple(network.facts for network in self.backbone.networks.values()),
            parts=tuple(parts),
            seed=None,
        )

    @cached_property
    def backbone(self) -> FrozenBackbone:
        """The network of the backbone."""
        return FrozenBackbone.of_extractor(*self._chosen)
