"""SVG elements with escaped text, and axes that map values to positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Number = float | int


def element(tag: str, *children: str | Markup, **attributes: object) -> Markup:
    """Returns an element with escaped text and attributes; `stroke_width` gives `stroke-width`."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>")


def svg_chart(
    width: Number, height: Number, /, *children: Markup, label: str, **attributes: object
) -> Markup:
    """Returns a chart that scales with the page; `label` is the text for screen readers."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {_text(width)} {_text(height)}",
        role="img",
        aria_label=label,
        **attributes,
    )


def path(points: Iterable[Sequence[float]], **attributes: object) -> Markup:
    """Returns a line through positions."""
    return element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), **attributes)


def text(x: Number, y: Number, content: str, **attributes: object) -> Markup:
    """Returns a text at a position."""
    return element("text", content, x=x, y=y, **attributes)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The plotting area of a chart in its units, and the values that it spans."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)

    @property
    def right(self) -> float:
        """Right edge of the area."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Bottom edge of the area."""
        return self.top + self.height

    def across(self, value: float) -> float:
        """Returns the position of a value from left to right."""
        return self.left + self.width * (value - self.x[0]) / (self.x[1] - self.x[0])

    def inside(self, value: float) -> float:
        """Returns the position of a value from left to right, at most at the edges."""
        return min(self.right, max(self.left, self.across(value)))

    def up(self, value: float) -> float:
        """Returns the position of a value from bottom to top."""
        return self.bottom - self.height * (value - self.y[0]) / (self.y[1] - self.y[0])

    def at(self, point: Sequence[float]) -> tuple[float, float]:
        """Returns the position of a point."""
        return self.across(float(point[0])), self.up(float(point[1]))

    def horizontal(self, y: Number, *, class_: str) -> Markup:
        """Returns a line across the area at the position `y`."""
        return path([(self.left, y), (self.right, y)], class_=class_)

    def vertical(self, x: Number, *, class_: str) -> Markup:
        """Returns a line from the top to the bottom of the area at the position `x`."""
        return path([(x, self.top), (x, self.bottom)], class_=class_)


def frame(
    axes: Axes, xs: Iterable[tuple[Number, str]], ys: Iterable[tuple[Number, str]]
) -> list[Markup]:
    """Returns lines across the area at values of both axes, and their names beside it."""
    drawn = []
    for value, name in ys:
        y = axes.up(value)
        drawn.append(axes.horizontal(y, class_="grid"))
        drawn.append(text(axes.left - 6, y + 3, name, class_="tick end"))
    for value, name in xs:
        x = axes.across(value)
        drawn.append(axes.vertical(x, class_="grid"))
        drawn.append(text(x, axes.bottom + 15, name, class_="tick middle"))
    return drawn


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
