"""Rendering pages: the templates and the content policy.

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
from importlib.resources.abc import Traversable
from typing import Any

import jinja2
from markupsafe import Markup

TEMPLATES = importlib.resources.files(__package__) / "templates"
_MOST_DIGITS = 8  # of a score
_ESCAPES = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def render_page(
    template: str,
    *,
    folder: Traversable = TEMPLATES,
    script: str | None = None,
    style: str | None = None,
    connects: bool = False,
    **content: Any,
) -> str:
    """Returns a page in the report's style.

    Args:
        template: Name of the template file.
        folder: Folder of the template, the script and the style; what it lacks is the report's.
        script: Name of the page's script, if it has one.
        style: Name of the page's own stylesheet, if it has one.
        connects: Whether the page's script may ask the server that the page is from.
        **content: Variables of the template.
    """

    def read(name: str) -> str:
        found = folder / name
        return (found if found.is_file() else TEMPLATES / name).read_text(encoding="utf-8")

    code = read(script) if script else ""
    css = read("report.css") + (read(style) if style else "")
    policy = (
        f"default-src 'none'; script-src '{_hash(code)}'; style-src '{_hash(css)}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
        + ("; connect-src 'self'" if connects else "")
    )
    variables = {**content, "script": Markup(code), "style": Markup(css), "policy": policy}
    return _environment(read, autoescape=True).get_template(template).render(variables)


def render_text(template: str, *, escape: Callable[[Any], Any], **content: Any) -> str:
    """Returns a text that is not HTML; `escape` is applied to everything that it prints."""
    environment = _environment(
        lambda name: (TEMPLATES / name).read_text(encoding="utf-8"), finalize=escape
    )
    return environment.get_template(template).render(content)


def _environment(read: Callable[[str], str], **settings: Any) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **settings,
    )
    environment.filters.update(
        breakable=breakable, figure=figure, score=score, count=count, percent=percent
    )
    return environment


def json_for_page(value: Any) -> Markup:
    """Returns JSON that is safe in a page: it cannot end or begin an element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.translate(_ESCAPES))


def score(value: float | None, digits: int = 3) -> str:
    """Returns a score or a probability, rounded half up; a dash if it is undefined.

    It has two digits after the zeros or nines that follow the point, so that only 0 and 1 are shown
    as 0 and 1. The page's script has the same rule.
    """
    if value is None or math.isnan(value):
        return "–"
    rest = min(value, 1 - value)
    if rest > 0:
        digits = max(digits, 1 - math.floor(math.log10(rest)))
    if digits > _MOST_DIGITS:
        return f"{value:.1e}" if value < 0.5 else f"{value:.{_MOST_DIGITS}f}"
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


def figure(value: float | None, digits: int = 3) -> str:
    """Returns a score or an end of its interval with four digits at most; only 1 is shown as 1."""
    if value is not None and 0.999 < value < 1:
        return f"{min(value, 0.9999):.4f}"
    return "<0.0001" if value is not None and 0 < value < 1e-4 else score(value, digits)


def breakable(name: str) -> Markup:
    """Returns a name, escaped, in which a line can end after an underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def count(value: int) -> str:
    """Returns an integer with separated thousands."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Returns a share in percent; only 0 and 1 are shown as 0 % and 100 %."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 < share < 1 else f"{share:.0%}".replace("%", " %")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
