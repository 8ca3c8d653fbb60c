"""From content to the page: the template, and the page's own content policy.

Convention: Jinja2 escapes whatever the template prints; data for the script goes through
`json_for_page`; nothing but the one script and the one stylesheet may act, by their hashes.
"""

import base64
import hashlib
import importlib.resources
import json
import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import jinja2
from markupsafe import Markup

from kerastl.report.content import Content
from kerastl.report.plots import unit_frame

_FOLDER = importlib.resources.files(__package__) / "templates"
_ESCAPES = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def render(content: Content) -> str:
    """Returns the whole page."""
    script, style = _text("report.js"), _text("report.css")
    return (
        page_environment(_text)
        .get_template("report.html")
        .render(
            content=content,
            script=Markup(script),
            style=Markup(style),
            policy=content_policy(script, style),
            data=json_for_page(content.sliders),
            unit_frame=unit_frame(),
        )
    )


def page(template: str, **content: Any) -> str:
    """Returns a page without a script, in the report's style.

    Args:
        template: Its file.
        **content: What it shows.
    """
    style = page_style()
    return (
        page_environment(_text)
        .get_template(template)
        .render(**content, style=Markup(style), policy=content_policy("", style))
    )


def content_policy(script: str, style: str) -> str:
    """Returns what the page may do: nothing but this script, this style and embedded media."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def json_for_page(value: Any) -> Markup:
    """Returns JSON that can stand in a page: no character of it can end or begin an element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(_ESCAPES))


def page_style() -> str:
    """Returns the stylesheet that all pages share."""
    return _text("report.css")


def score(value: float | None, digits: int = 3) -> str:
    """Returns a figure, a dash where it is undefined."""
    if value is None or math.isnan(value):
        return "–"
    # Halves go up, as in the page's script: the same figure never reads differently.
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def count(value: int) -> str:
    """Returns a whole number with thousands kept apart."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Returns a share in percent; what is neither 0 nor 1 never looks like it."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 < share < 1 else f"{share:.0%}".replace("%", " %")


def page_environment(read: Callable[[str], str]) -> jinja2.Environment:
    """Returns the environment of every page: all that a template prints is escaped.

    Args:
        read: Given the name of a template, returns its text.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(score=score, count=count, percent=percent)
    return environment


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
