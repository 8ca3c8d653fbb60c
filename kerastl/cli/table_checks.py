"""Checks of `kerastl data check` beyond the table: its splits and the window of the backbone."""

from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.errors import KerastlError, SplitError, TableError

if TYPE_CHECKING:
    from kerastl.config import Config, DataConfig
    from kerastl.data.checking.sounds import Listener
    from kerastl.data.tables.examples import Examples


def listener_of(config: "Config") -> "Listener | None":
    """Returns the window of the config's backbone, or None if it is only known after loading."""
    from kerastl.backbones import AudioInput, find_backbone
    from kerastl.data.checking.sounds import Listener

    try:
        taken = find_backbone(config.backbone.name, options=config.backbone.options).input
    except KerastlError:
        return None
    if not isinstance(taken, AudioInput):
        return None
    size = config.backbone.input_size
    num_samples = size if isinstance(size, int) else taken.num_samples
    return Listener(window_seconds=num_samples / taken.sample_rate_hz, window=config.data.window)


def check_split(examples: "Examples", data: "DataConfig") -> tuple[list[str], list[str]]:
    """Returns a sentence for each problem and each warning about the config's split."""
    from kerastl.data.tables.splits import assign_splits, split_gaps

    try:
        examples = assign_splits(examples, data.split)
        return [], [*split_gaps(examples), *_divided(examples)]
    except (SplitError, TableError) as error:
        return [f"data.split: {error.what}"], []


def _divided(examples: "Examples") -> list[str]:
    """Returns a warning if examples of one recording are in several splits."""
    from kerastl.data.tables.splits import divided_groups

    if examples.segments is None:
        return []
    divided = divided_groups([str(path) for path in examples.paths], examples.splits)
    if not divided:
        return []
    names = ", ".join(Path(path).name for path in divided[:3])
    return [
        f"{len(divided):,} recordings have examples in several splits, so scores are flattered: "
        f"{names}."
    ]
