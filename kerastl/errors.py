"""The tree of deliberate errors and the one template of their messages.

Convention: a deliberate error is raised where the fact is known, from named parts, and is caught
once, in `kerastl.cli.main`, which prints it without a traceback and exits with code 2.
"""

import difflib
from collections.abc import Iterable, Sequence

_LABEL_WIDTH = 10


class KerastlError(Exception):
    """Something a user can mend, told in parts.

    The text is one sentence that says what happened, then a line per problem, then one line for
    each part that was given: where, expected, received, fix.

    Args:
        what: One sentence, with its full stop.
        problems: One line each, where several things are wrong at once.
        where: File, key, row or column.
        expected: What would have been right.
        received: What was there instead.
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
        return "\n".join(lines)


class ConfigError(KerastlError):
    """A config that can't be read or says something impossible."""


class TableError(KerastlError):
    """A table of examples that is missing, unreadable or lacks what the config names."""


class LabelError(KerastlError):
    """A label cell or value outside of what the policy or the loss accepts."""


class SplitError(KerastlError):
    """A split that can't be made, or that would leave a task without positives or negatives."""


class MediaError(KerastlError):
    """An image or audio file that is missing, truncated or in an unsupported format."""


class BackboneError(KerastlError):
    """A backbone that can't be found, built, loaded or used for this input."""


class UnknownBackboneError(BackboneError):
    """An identifier that no installed plugin provides."""


class BrokenPluginError(BackboneError):
    """A plugin that is installed but fails when it is loaded, or clashes with another one."""


class WeightsError(BackboneError):
    """Weights that are missing, have another form, or don't fit the network."""


class ModelError(KerastlError):
    """A model, head or trainable policy that can't be built or applied."""


class CacheError(KerastlError):
    """A limit or folder of the cache that can't be used."""


class RunError(KerastlError):
    """A run folder that is missing, incomplete, in the way or can't be written."""


def did_you_mean(received: str, names: Iterable[str]) -> str | None:
    """Returns the name nearest to `received`, or None where none is near."""
    nearest = difflib.get_close_matches(received, list(names), n=1, cutoff=0.6)
    return nearest[0] if nearest else None


def suggestion(received: str, names: Iterable[str]) -> str | None:
    """Returns the sentence "Did you mean 'x'?", or None where no name is near."""
    nearest = did_you_mean(received, names)
    return f"Did you mean '{nearest}'?" if nearest else None


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun: `counted(1, "image")` is "1 image", 2 gives "2 images".

    Args:
        count: The number; thousands are separated by commas.
        noun: Singular of the noun.
        plural: Plural of the noun; None adds an "s".
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
