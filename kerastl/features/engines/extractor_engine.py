"""ONNX Runtime as an engine: the reference for networks that are no Keras models."""

from collections.abc import Iterator

import numpy as np

from kerastl.backbones.extractor import Extractor
from kerastl.features.engines.engine import Engine
from kerastl.features.network import EXTRACTOR_REFERENCE


class ExtractorEngine(Engine):
    """A network run by ONNX Runtime."""

    def __init__(self, extractor: Extractor):
        name, precision = EXTRACTOR_REFERENCE.split()
        super().__init__(name, precision, (extractor.feature_dim,))
        self._extractor = extractor

    def run(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self._extractor.features, batches)
