"""Compact texts and tables of objects, for consoles and notebooks."""

from collections.abc import Iterable, Sequence
from html import escape

_NUM_SHOWN = 4


def listed(names: Sequence[str]) -> str:
    """Returns names separated by commas; of many, the first few and how many there are."""
    if len(names) <= _NUM_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:_NUM_SHOWN])}, ... ({len(names)})"


def html_table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns an HTML table with a title, as notebooks display it."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headers)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f'<caption style="text-align: left">{escape(title)}</caption>'
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def figure(value: float, form: str = ".3f") -> str:
    """Returns a score as text; a dash if it is undefined."""
    return "-" if value != value else f"{value:{form}}"


def interval(ends: tuple[float, float] | None, form: str = ".3f") -> str:
    """Returns an interval as text; nothing if there is none."""
    return "" if ends is None else f"{ends[0]:{form}} to {ends[1]:{form}}"


def _cell(value: object) -> str:
    return f"<td>{escape(str(value))}</td>"
