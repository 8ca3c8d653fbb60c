"""Conversion of Google-style docstrings to Markdown."""

import re
import textwrap

_SECTION = re.compile(
    r"^(Args|Call arguments|Input shape|Output shape|Returns|Raises|Example|Reference):$", re.M
)
_ITEM = re.compile(r"^(\*{0,2}\w+): ", re.M)
_LISTS = ("Args", "Call arguments", "Raises")


def to_markdown(docstring: str) -> str:
    """Returns a docstring with its sections as paragraphs and lists."""
    lead, *rest = _SECTION.split(docstring)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return "\n\n".join([lead.strip(), *(_section(title, text) for title, text in pairs)])


def _section(title: str, text: str) -> str:
    body = textwrap.dedent(text.strip("\n")).strip()
    if title in _LISTS:
        return f"{title}:\n\n{_list(body)}"
    if "\n" in body or title == "Example":
        return f"{title}:\n\n{body}"
    return f"{title}: {body}"


def _list(body: str) -> str:
    items = _ITEM.sub(r"- `\1`: ", body)
    return "\n".join(f"  {line}" if line and line[0] not in "-" else line for line in _level(items))


def _level(items: str) -> list[str]:
    return [line.strip() for line in items.splitlines() if line.strip()]
