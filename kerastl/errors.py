"""The errors that users can cause and fix, and the template of their messages.

Convention: such an error is raised where the fact is known, from named parts, and is caught once,
in `kerastl.cli.main`, which prints it without a traceback and exits with code 2.
"""

import difflib
import itertools
from collections.abc import Iterable, Sequence

_LABEL_WIDTH = 10
_LONGEST_LINE = 2_000
_LONGEST_NAME = 100  # of those that are compared for suggestions
_MOST_NAMES = 5_000


class KerastlError(Exception):
    """An error that the user can fix.

    The text is one sentence that says what happened, then a line per problem, then one line for
    each part that is given: where, expected, received, fix.

    Args:
        what: One sentence, with its period.
        problems: One line each, if there are several problems.
        where: File, key, row or column.
        expected: The valid values.
        received: The invalid value.
        fix: What to do; names only options and keys that exist.

    Example:

    ```python
    raise TableError("The table has no column 'path'.", where="driving.csv", fix="Set data.image.")
    ```
    """

    def __init__(
        self,
        what: str,
        *,
        problems: Sequence[str] = (),
        where: str | None = None,
        expected: str | None = None,
        received: str | None = None,
        fix: str | None = None,
    ):
        self.what = what
        self.problems = tuple(problems)
        self.parts = {"where": where, "expected": expected, "received": received, "fix": fix}
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.what, *(f"  - {problem}" for problem in self.problems)]
        for label, text in self.parts.items():
            if text is not None:
                indented = text.replace("\n", "\n" + " " * (_LABEL_WIDTH + 2))
                lines.append(f"  {label + ':':<{_LABEL_WIDTH}}{indented}")
        return "\n".join(_shortened(line) for text in lines for line in text.split("\n"))


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


class ConfigError(KerastlError):
    """A config that cannot be read, or has invalid keys or values."""


class TableError(KerastlError):
    """A table that is missing, unreadable or lacks something that the config names."""


class LabelError(KerastlError):
    """A label that the label policy or the loss does not accept."""


class SplitError(KerastlError):
    """A split that is impossible, or leaves a task without positives or negatives."""


class MediaError(KerastlError):
    """An image or audio file that is missing, truncated or in an unsupported format."""


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


class RunError(KerastlError):
    """A run folder that is missing or incomplete, already exists, or cannot be written."""


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


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, such as "1 image" or "1,000 images"; adds "s" by default."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
