"""Rendering the report: the templates and the content policy of the page.

Convention: Jinja2 escapes everything that a template prints; data for the script goes through
`json_for_page`; the policy allows only the one script and the one stylesheet, by their hashes.
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
        template: Name of the template file.
        **content: Variables of the template.
    """
    style = page_style()
    return (
        page_environment(_text)
        .get_template(template)
        .render(**content, style=Markup(style), policy=content_policy("", style))
    )


def content_policy(script: str, style: str) -> str:
    """Returns the policy that allows only this script, this style and embedded media."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def json_for_page(value: Any) -> Markup:
    """Returns JSON that is safe in a page: it cannot end or begin an element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(_ESCAPES))


def page_style() -> str:
    """Returns the stylesheet that all pages share."""
    return _text("report.css")


def score(value: float | None, digits: int = 3) -> str:
    """Returns a formatted score; a dash if it is undefined."""
    if value is None or math.isnan(value):
        return "–"
    # Rounds half up, as the page's script does, so both show the same digits.
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def count(value: int) -> str:
    """Returns an integer with separated thousands."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Returns a share in percent; only 0 and 1 are shown as 0 % and 100 %."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 < share < 1 else f"{share:.0%}".replace("%", " %")


def page_environment(read: Callable[[str], str]) -> jinja2.Environment:
    """Returns the template environment of every page, which escapes everything.

    Args:
        read: Returns the text of a template by its name.
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
