"""A trained model as its two parts: what computes features, and the heads on them."""

import dataclasses
from dataclasses import dataclass

import keras
import numpy as np

from kerastl.backbones.extractor import Extractor
from kerastl.backbones.views import Views
from kerastl.errors import RunError
from kerastl.features.network import ExtractorNetwork, FrozenBackbone
from kerastl.heads.builder import feature_model, find_layer
from kerastl.heads.logits import HeadLogits
from kerastl.run.bundle import Bundle
from kerastl.run.layout import RunLayout
from kerastl.run.model_check import refuse_other_model
from kerastl.run.models import load_model
from kerastl.run.record import RunRecord
from kerastl_runtime.checksums import refuse_changed


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The model of a run.

    Args:
        keras: The Keras model; the heads alone if the backbone is no Keras model.
        extractor: The backbone in that case.
        views: What is computed of each input by an extractor.
    """

    keras: keras.Model
    extractor: Extractor | None = None
    views: Views | None = None

    @classmethod
    def of(cls, model: "keras.Model | TrainedModel") -> "TrainedModel":
        """Returns a Keras model with its backbone as a trained model."""
        return model if isinstance(model, TrainedModel) else cls(keras=model)

    @property
    def backbone(self) -> FrozenBackbone:
        """The networks from raw input to the features of each view."""
        if self.extractor is None:
            return FrozenBackbone.of(find_layer(self.keras))
        return FrozenBackbone.of_extractor(self.extractor, self.views)

    @property
    def joined_network(self) -> keras.Model | ExtractorNetwork:
        """The network to the features before their transform; see `Views.join`."""
        if self.extractor is None:
            layer = find_layer(self.keras)
            return keras.Model(self.keras.input, layer.joined(self.keras.input))
        return ExtractorNetwork(self.extractor.viewed(self._plain_views))

    def transformed(self, features: np.ndarray) -> np.ndarray:
        """Returns the features of `joined_network`, averaged over windows, after the transform."""
        if self.extractor is None:
            return np.asarray(find_layer(self.keras).transformed(features, np))
        return features if self.views is None else self.views.transformed(features, np)

    @property
    def _plain_views(self) -> Views | None:
        return None if self.views is None else dataclasses.replace(self.views, transform="none")

    @property
    def feature_network(self) -> keras.Model | ExtractorNetwork:
        """The network from raw input to the features of all views."""
        if self.extractor is None:
            return feature_model(self.keras)
        return ExtractorNetwork(self.extractor.viewed(self.views))

    def head_logits(self, tasks: tuple[str, ...]) -> HeadLogits:
        """Returns the heads, whose logits are in the order of the tasks."""
        return HeadLogits(self.keras, tasks)


def load_trained_model(record: RunRecord) -> TrainedModel:
    """Returns the model of a run; raises a `RunError` or `BackboneError` if it cannot be used."""
    model = load_model(record.layout.model)
    refuse_other_model(model, record.bundle, where=record.path)
    return read_trained_model(model, record.bundle, record.layout)


def read_trained_model(model: keras.Model, bundle: Bundle, layout: RunLayout) -> TrainedModel:
    """Returns the model of a run with the extractor that is stored beside it, if it has one.

    Raises:
        RunError: The extractor is missing or has changed, or does not fit the heads.
        BackboneError: It cannot be read.
    """
    facts = bundle.backbone.extractor
    if facts is None:
        return TrainedModel(keras=model)
    if not layout.extractor.is_file():
        raise RunError(
            f"The run file '{layout.extractor.name}' is missing.",
            where=str(layout.extractor),
            expected="the backbone, as `kerastl train` wrote it",
            fix="Restore the file, or train the run again.",
        )
    refuse_changed(layout.folder, [layout.extractor])
    extractor = Extractor.read(layout.extractor)
    shape, width = bundle.input.shape, model.input_shape[1:]
    if extractor.input_shape != tuple(shape) or width != (extractor.feature_dim,):
        raise RunError(
            f"The model and {layout.extractor.name} are not of one run.",
            where=str(layout.extractor),
            expected=f"inputs of the shape {tuple(shape)} and {width[0]} features",
            received=f"{extractor.input_shape} and {extractor.feature_dim}",
            fix="Restore both files, or train the run again.",
        )
    trained = TrainedModel(keras=model, extractor=extractor, views=facts.views)
    _ = trained.backbone  # refuses views that it cannot have
    return trained
