"""Features of a frozen backbone, which are constants: each file passes through it once, ever.

Convention: the features of an example that is only trained on may come from an engine of reduced
precision. The features of an example that is scored or predicted have the precision of the shipped
model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cached_features import CachedFeatures, engine_folder
from kerastl.features.combined_features import CombinedFeatures, Features
from kerastl.features.engines.engine import Engine, EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector
from kerastl.features.extraction import Extraction
from kerastl.features.network import FrozenBackbone, Network
from kerastl.progress import SILENT, Progress

if TYPE_CHECKING:
    import keras

    from kerastl.backbones import Backbone


@dataclass(frozen=True, kw_only=True)
class FeatureSource:
    """The source of features: the cache, and engines for what is not cached.

    Args:
        cache: Folder of the cache, or None to use none.
        engine: `"auto"`, or the engine to use.
        is_whole: Whether cached features are used for all of the wanted examples or for none.
        kept: Receives the engines of each network, which are used again; None keeps none.
    """

    cache: Path | None = None
    engine: EngineName = "auto"
    is_whole: bool = False
    kept: dict[Network, NetworkEngines] | None = None

    def extract(
        self,
        network: "keras.Model | Network",
        inputs: Inputs,
        *,
        is_scored: np.ndarray | None = None,
        progress: Progress = SILENT,
        engines: NetworkEngines | None = None,
    ) -> Extraction:
        """Returns the features of all examples by one network.

        Args:
            network: From raw input to features; it runs in inference mode.
            inputs: Raw inputs of all examples; the features of files are cached.
            is_scored: `(examples,)` bool: which examples need the precision of the shipped model;
                None is all. If the inputs are a part, of all examples of the whole.
            progress: Receives progress updates.
            engines: The engines of the network if they exist already.

        Raises:
            MediaError: A file is unreadable, and `inputs` raises.
        """
        network = Network.of(network)
        whole = inputs.whole if isinstance(inputs, FileInputs) else inputs
        needed = np.ones(len(whole), bool) if is_scored is None else is_scored
        cached = CachedFeatures(
            network,
            inputs,
            len(inputs),
            cache=self.cache,
            progress=progress,
            is_whole=self.is_whole,
        )
        kept = {} if self.kept is None else self.kept
        extraction = Extraction(
            network,
            inputs,
            needed,
            cached=cached,
            engine=self.engine,
            progress=progress,
            engines=engines or kept.get(network),
        )
        kept[network] = extraction.engines
        return extraction

    def features_of(
        self,
        backbone: "Backbone | FrozenBackbone",
        inputs: Inputs,
        *,
        is_scored: np.ndarray | None = None,
        progress: Progress = SILENT,
    ) -> Features:
        """Returns the features of all examples by a backbone; arguments as of `extract`."""
        frozen = FrozenBackbone.of(backbone)
        if frozen.members:
            parts = [
                self.features_of(member, inputs, is_scored=is_scored, progress=progress)
                for member in frozen.members
            ]
            return CombinedFeatures.of_backbones(parts)
        extract = partial(self.extract, is_scored=is_scored, progress=progress)
        if frozen.views is None:
            return extract(frozen.networks[None], inputs)
        return CombinedFeatures.of_views(frozen.views, frozen.networks, inputs, extract)

    def select_engine(
        self,
        network: "keras.Model | Network",
        sample: Callable[[], np.ndarray],
        *,
        dtype: np.dtype,
        rule: str,
        num_examples: int,
        progress: Progress = SILENT,
    ) -> Engine:
        """Returns the engine for inputs that are not known yet, in the shipped model's precision.

        Args:
            network: From raw input to features.
            sample: Returns inputs on which engines are compared.
            dtype: Type of the inputs.
            rule: What the inputs are; for other inputs, the network is converted again.
            num_examples: Expected number of inputs.
            progress: Receives a note about each engine that is tried.
        """
        network = Network.of(network)
        folder = None if self.cache is None else engine_folder(network, rule, cache=self.cache)
        engines = NetworkEngines(
            network=network, dtype=dtype, sample=sample, folder=folder, progress=progress
        )
        return engines.engine(EngineSelector(engines, self.engine).select("scores", num_examples))
