"""The errors that users can cause and fix, and the template of their messages.

Convention: such an error is raised where the fact is known, from named parts, and is caught once,
in `kerastl.cli.main`, which prints it without a traceback and exits with code 2.
"""

import difflib
import itertools
from collections.abc import Iterable

from kerastl_runtime.errors import (  # noqa: F401  # all errors are found here
    ConfigError,
    KerastlError,
    MediaError,
    RunError,
    counted,
)

_LONGEST_NAME = 100  # of those that are compared for suggestions
_MOST_NAMES = 5_000


class TableError(KerastlError):
    """A table that is missing, unreadable or lacks something that the config names."""


class LabelError(KerastlError):
    """A label that the label policy or the loss does not accept."""


class SplitError(KerastlError):
    """A split that is impossible, or leaves a task without positives or negatives."""


class BackboneError(KerastlError):
    """A backbone that cannot be found, built, loaded or used for these inputs."""


class UnknownBackboneError(BackboneError):
    """A backbone that no installed plugin provides."""


class BrokenPluginError(BackboneError):
    """A plugin that cannot be loaded, or conflicts with another one."""


class WeightsError(BackboneError):
    """Weights that are missing, in an unsupported format, or do not fit the network."""


class ModelError(KerastlError):
    """A model, head or trainable policy that cannot be built or applied."""


class CacheError(KerastlError):
    """A cache limit or cache folder that cannot be used."""


class ExportError(KerastlError):
    """A run cannot be exported, or the exported model is not what was measured."""


def did_you_mean(received: str, names: Iterable[str]) -> str | None:
    """Returns the most similar name, or None if none is similar."""
    if len(received) > _LONGEST_NAME:
        return None
    short = (name for name in names if len(name) <= _LONGEST_NAME)
    candidates = list(itertools.islice(short, _MOST_NAMES))
    nearest = difflib.get_close_matches(received, candidates, n=1, cutoff=0.6)
    return nearest[0] if nearest else None


def suggestion(received: str, names: Iterable[str]) -> str | None:
    """Returns the sentence "Did you mean 'x'?", or None if no name is similar."""
    nearest = did_you_mean(received, names)
    return f"Did you mean '{nearest}'?" if nearest else None
