"""Tables of text on terminals and in logs.

Convention: a table is never wider than the terminal, and each row keeps its name. If a table does
not fit, its first column is folded; if that is not enough, the other columns are divided among
several tables with the same first column. In pipes and files a table has any width.
"""

import itertools
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Collection, Iterator, Sequence

import click

_GAP = "  "
_MIN_NAME = 12  # columns that a folded name keeps
_STYLES = {"ok": "green", "FAILED": "red"}


def show_columns(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    texts: Collection[int] = (),
    num_totals: int = 0,
) -> None:
    """Prints a table whose first column names the rows.

    Args:
        headers: Name of each column; blank names are allowed, and nothing is printed for all blank.
        rows: Cells; integers are shown with separators of thousands.
        title: Line above the table.
        texts: Indices of columns that are aligned to the left, like the first one.
        num_totals: Number of rows at the end that a blank line separates.
    """
    table = [list(headers), *([_text(cell) for cell in row] for row in rows)]
    limit = terminal_width()
    if title:
        click.secho(title + "\n", bold=True)
    for columns, widths in _parts(table, limit):
        left = [index in (0, *texts) for index in columns]
        for number, row in enumerate(table if any(headers) else table[1:]):
            if num_totals and number == len(table) - num_totals:
                click.echo()
            _show_row([row[index] for index in columns], widths, left)
            if number == 0 and any(headers) and limit is not None:
                click.echo("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)))
        click.echo()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns a line per row, with its columns aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = _GAP.join(f"{{:<{width}}}" for width in widths)
    return [form.format(*row).rstrip() for row in rows]


def _text(cell: object) -> str:
    text = f"{cell:,}" if isinstance(cell, int) else str(cell)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def terminal_width() -> int | None:
    """Returns the number of columns of the terminal; None if standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _parts(
    rows: Sequence[Sequence[str]], limit: int | None
) -> Iterator[tuple[list[int], list[int]]]:
    """Yields the indices and widths of the columns of each table that fits the limit."""
    natural = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    others = [width + len(_GAP) for width in natural[1:]]
    if limit is None or sum(natural[:1] + others) <= limit:
        yield [*range(len(natural))], natural
        return
    name = min(natural[0], max(_MIN_NAME, limit // 4, limit - sum(others)))
    if name + sum(others) > limit:
        name = min(natural[0], max(_MIN_NAME, limit // 2))
    rest = limit - name
    parts: list[list[int]] = [[]]
    for index, width in enumerate(others, start=1):
        if parts[-1] and sum(others[i - 1] for i in parts[-1]) + width > rest:
            parts.append([])
        parts[-1].append(index)
    for columns in parts:
        yield [0, *columns], [name, *(min(natural[i], rest - len(_GAP)) for i in columns)]


def _show_row(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> None:
    """Prints a row; a cell that is too wide continues in the next line."""
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for lines in itertools.zip_longest(*folded, fillvalue=""):
        click.echo(_GAP.join(map(_padded, lines, widths, left)).rstrip())


def _folded(cell: str, width: int) -> list[str]:
    if _width(cell) <= width:
        return [cell]
    letters = width if _width(cell) == len(cell) else max(1, width // 2)
    return textwrap.wrap(cell, letters, break_on_hyphens=False) or [""]


def _padded(cell: str, width: int, is_left: bool) -> str:
    space = " " * (width - _width(cell))
    style = _STYLES.get(cell)
    styled = cell if style is None else click.style(cell, fg=style)
    return styled + space if is_left else space + styled


def _width(text: str) -> int:
    """Returns the number of columns of a text on a terminal."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
