"""The presets that KerasHub publishes, by name.

Convention: `catalogue.json` is written by `tools/make_catalogue.py`, never by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kerastl.backbones import AudioInput, ImageInput
from kerastl_hub.architectures import ARCHITECTURES, Architecture
from kerastl_hub.folders import Contents, audio_input, scaling_of


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Facts of one published preset.

    Args:
        name: Its name in KerasHub.
        architecture: Key of `ARCHITECTURES`.
        handle: Its handle on Kaggle, with a version.
        size: Side in pixels of the images it was trained on, or None for audio.
        feature_dim: Length of one vector of features.
        num_params: Number of weights, at `size` and with the default pooling.
        config: Arguments of the encoder's class; None if only the download has them.
        description: KerasHub's own.
        license: License of the weights, if it is not that of the architecture.
    """

    name: str
    architecture: str
    handle: str
    size: int | None
    feature_dim: int | None
    num_params: int | None
    config: Mapping[str, Any] | None
    description: str
    license: str | None = None

    @property
    def input(self) -> ImageInput | AudioInput:
        """The images or audio that it was trained on."""
        audio = self.facts.audio
        if audio is not None:
            return audio_input(audio, audio.converter, audio.seconds)
        config = self.config or {}
        min_size = self.facts.min_size or 2 * int(config.get("patch_size", 16))
        if "window_size" in config:  # the last stage has to contain a window
            min_size = self.facts.multiple * int(config["window_size"])
        assert self.size is not None  # of images
        return ImageInput(height=self.size, width=self.size, min_size=min_size)

    @property
    def contents(self) -> Contents:
        """What its files say, as far as it is known without a download."""
        audio, config = self.facts.audio, self.config or {}
        return Contents(
            origin="KerasHub",
            architecture=self.architecture,
            input=self.input,
            scaling=None if audio else scaling_of(*self.facts.moments),
            converter={k: config.get(k, v) for k, v in audio.converter.items()} if audio else {},
        )

    @property
    def facts(self) -> Architecture:
        """Facts of its architecture."""
        return ARCHITECTURES[self.architecture]


@cache
def presets() -> Mapping[str, Preset]:
    """Returns the published presets by name, sorted."""
    entries = json.loads(Path(__file__).with_name("catalogue.json").read_text())
    return {name: Preset(name=name, **facts) for name, facts in entries.items()}
