"""Errors that users can cause and fix, and the template of their messages."""

from collections.abc import Sequence

_LABEL_WIDTH = 10
_LONGEST_LINE = 2_000


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


class MediaError(KerastlError):
    """An image or audio file that is missing, truncated or in an unsupported format."""


class RunError(KerastlError):
    """A run folder that is missing or incomplete, already exists, or cannot be written."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, such as "1 image" or "1,000 images"; adds "s" by default."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
