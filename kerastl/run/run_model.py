"""The model of a run, which is built by Keras only if it has to compute something."""

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.config.head import columns
from kerastl.features.network import FrozenBackbone, Network, Size
from kerastl.files import write_with
from kerastl.progress import Progress
from kerastl.run.bundle import ExtractorFacts
from kerastl.run.model_cache import Arrays, ModelFacts, ModelParts, find_stored
from kerastl.training.exact_head.solver import ExactHead

if TYPE_CHECKING:
    import keras

    from kerastl.backbones.extractor import Extractor
    from kerastl.run.trained_model import TrainedModel


class RunModel:
    """The model of a run.

    Its backbone is in it, unless it is an `ExtractorModel`.

    Args:
        parts: What the model is made of.
        cache: Folder of the cache, in which the model may be stored, or None.
        progress: Receives a step if the model is built.
    """

    def __init__(self, parts: ModelParts, *, cache: Path | None, progress: Progress):
        self.heads = parts.resolved_heads
        self._parts = parts
        self._progress = progress
        self._stored = find_stored(parts, cache)
        self._solved: Arrays | None = None

    @property
    def extractor(self) -> "Extractor | None":
        """The network of a backbone that is no Keras model."""
        return None

    @cached_property
    def keras_model(self) -> "keras.Model":
        """The Keras model."""
        import keras

        from kerastl.heads.builder import build_model

        self._progress.step("Building the model", None)
        keras.utils.set_random_seed(self._parts.seed)
        return build_model(
            self._parts.spec,
            self._parts.tasks,
            heads=self._parts.heads,
            weights=self._parts.backbone.weights,
            input_size=self._parts.backbone.input_size,
            options=self._parts.backbone.options,
            features=self._parts.features,
            seed=self._parts.seed,
        )

    @property
    def solved_model(self) -> "keras.Model":
        """The Keras model with the weights of the heads if they are solved."""
        for name, weights in (self._solved or {}).items():
            self.keras_model.get_layer(name).set_weights(weights)
        return self.keras_model

    def save_extractor(self, path: Path) -> None:
        """Writes the extractor, if there is one."""
        if self.extractor is not None:
            write_with(path, self.extractor.save)

    @property
    def extractor_facts(self) -> ExtractorFacts | None:
        """What the bundle says of the extractor."""
        return None if self.extractor is None else ExtractorFacts(views=self.facts.views)

    @property
    def trained_model(self) -> "TrainedModel":
        """The same with the backbone, whatever that is."""
        from kerastl.run.trained_model import TrainedModel

        return TrainedModel(
            keras=self.solved_model, extractor=self.extractor, views=self.facts.views
        )

    @cached_property
    def facts(self) -> ModelFacts:
        """What can be known without building the model, if it is stored."""
        if self._stored is not None and self._stored.facts is not None:
            return self._stored.facts
        from kerastl.features.prefix import has_random_state
        from kerastl.heads.builder import find_layer, weights_sha256
        from kerastl.training.trainable import model_parts

        layer = find_layer(self.keras_model)
        return ModelFacts(
            input_shape=tuple(int(length) for length in self.keras_model.input_shape[1:]),
            backbone_sha256=weights_sha256(layer),
            views=layer.views,
            networks=tuple(network.facts for network in FrozenBackbone.of(layer).networks.values()),
            parts=model_parts(self.keras_model),
            seed=self._parts.seed if has_random_state(self.keras_model) else None,
        )

    @property
    def backbone(self) -> FrozenBackbone:
        """The networks of the backbone, which is frozen."""
        if self._parts.spec.members:
            from kerastl.heads.builder import find_layer

            return FrozenBackbone.of(find_layer(self.keras_model))
        views = self.facts.views
        sizes = (None,) if views is None else views.sizes
        known = zip(sizes, self.facts.networks, strict=True)
        networks = {size: Network(partial(self._network, size), facts) for size, facts in known}
        return FrozenBackbone(views=views, networks=networks)

    def solve(self, solved: ExactHead) -> None:
        """Gives the heads their weights."""
        self._solved = {
            head.logits_name: (solved.kernel[:, chosen], solved.bias[chosen])
            for head in self.heads
            for chosen in [columns(head, self._parts.tasks)]
        }

    def save(self, path: Path) -> None:
        """Writes the model, from the cache if it is stored there."""
        if self._solved is None or self._stored is None:
            self.solved_model.save(path)
        elif "keras_model" in vars(self) or not self._stored.write(path, self._solved):
            self.solved_model.save(path)
            self._stored.store(path, self.facts, self._solved)

    def _network(self, size: Size) -> "keras.Model":
        from kerastl.heads.builder import find_layer

        return find_layer(self.keras_model).network(size)
