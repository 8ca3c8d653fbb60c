"""What `kerastl data check` looks at besides the table: splits and the backbone's input."""

from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.backbones import Input, find_backbone
from kerastl.errors import KerastlError, SplitError, TableError

if TYPE_CHECKING:
    from kerastl.config import Config, DataConfig
    from kerastl.data.tables.examples import Examples


def input_of(config: "Config") -> "Input | None":
    """Returns the input of the config's backbone, None if only loading it can tell."""
    size = config.backbone.input_size
    try:
        taken = find_backbone(config.backbone.name, options=config.backbone.options).input
        if taken is None or size is None:
            return taken
        return taken.resized(size, backbone=config.backbone.name)
    except KerastlError:
        return None


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
