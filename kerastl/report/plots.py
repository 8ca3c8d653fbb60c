"""Charts of one task on one split."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.special
from markupsafe import Markup

from kerastl.errors import counted
from kerastl.report.curves import NUM_BARS, Bin, LogitScale, Points
from kerastl.report.render import score
from kerastl.report.svg import Axes, element, frame, path, svg_chart, text

UNIT = Axes(left=34, top=8, width=196, height=196)
RELIABILITY = Axes(left=48, top=8, width=184, height=184)  # its ticks are longer
SCORES = Axes(left=12, top=8, width=656, height=232)
_UNIT_SIZE = (240, 240)
_SCORES_SIZE = (680, 258)
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LOW_PROBABILITIES = (0.00001, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.25)
_PROBABILITIES = (*_LOW_PROBABILITIES, 0.5, *(1 - p for p in _LOW_PROBABILITIES))
_FAR, _APART, _CLOSE = 100, 44, 30  # least distance of two ticks


def roc_chart(points: Points, at: tuple[float, float], *, label: str) -> Markup:
    """Draws false and true positive rates, with a dot at those of the task's threshold."""
    return _unit_chart(
        "false positive rate",
        "sensitivity",
        path([UNIT.at((0, 0)), UNIT.at((1, 1))], class_="chance"),
        _area(points),
        path(map(UNIT.at, points), class_="curve"),
        _mark(at),
        label=label,
    )


def precision_recall_chart(
    points: Points, at: tuple[float, float] | None, *, base_rate: float, label: str
) -> Markup:
    """Draws the precision-recall curve as the steps that average precision sums.

    Args:
        points: Increasing recalls, and precisions.
        at: Recall and precision at the task's threshold; None without predicted positives.
        base_rate: Share of positives, which is the precision of chance.
        label: Text for screen readers.
    """
    steps = _steps(points)
    return _unit_chart(
        "sensitivity (recall)",
        "precision",
        UNIT.horizontal(UNIT.up(base_rate), class_="chance"),
        _area(steps),
        path(map(UNIT.at, steps), class_="curve"),
        _mark(at),
        label=label,
    )


def reliability_chart(after: Sequence[Bin], before: Sequence[Bin] | None, *, label: str) -> Markup:
    """Draws observed shares over probabilities `after` and, if any, `before` calibration.

    Both axes are the same logit scale, so that the shares of a rare task are told apart. A share of
    0 or 1 is drawn at its end.
    """
    bins = [*after, *(before or ())]
    shares = [b.predicted for b in bins] + [b.observed for b in bins if 0 < b.observed < 1]
    scale = LogitScale.of(np.array(shares), shares[0])
    axes = replace(RELIABILITY, x=(scale.low, scale.high), y=(scale.low, scale.high))

    def at(predicted: float, observed: float) -> tuple[float, float]:
        return axes.at((scale.logit(predicted), scale.logit(observed)))

    def dotted(bins: Sequence[Bin], kind: str) -> Markup:
        places = [at(b.predicted, b.observed) for b in bins]
        dots = [
            element(
                "circle",
                element(
                    "title",
                    f"{counted(b.count, 'example')}: predicted {score(b.predicted)}, "
                    f"share of yes {score(b.observed)}",
                ),
                cx=x,
                cy=y,
                r=3.2,
                class_=f"dot {kind}",
            )
            for b, (x, y) in zip(bins, places, strict=True)
        ]
        return element("g", path(places, class_=f"line {kind}"), *dots)

    ticks = _logit_ticks(axes, apart=_CLOSE)
    whiskers = [
        path([at(b.predicted, b.low), at(b.predicted, b.high)], class_="whisker") for b in after
    ]
    return _square_chart(
        axes,
        "predicted probability",
        "share of yes",
        *frame(axes, ticks, ticks),
        path([(axes.left, axes.bottom), (axes.right, axes.top)], class_="chance"),
        *([dotted(before, "before")] if before else []),
        *whiskers,
        dotted(after, "after"),
        label=label,
    )


def histogram_chart(
    yes: np.ndarray,
    no: np.ndarray,
    threshold: float,
    *,
    scale: LogitScale,
    name: str,
    label: str,
) -> Markup:
    """Draws scores of both classes, yes upward and no downward; correct decisions are filled.

    A bar's title has its probabilities and shares.

    Args:
        yes: Share of the positives in each bar.
        no: Share of the negatives in each bar.
        threshold: Threshold of the decision.
        scale: The horizontal axis.
        name: Name of the panel, unique on the page, for clip ids.
        label: Text for screen readers.
    """
    axes = replace(SCORES, x=(scale.low, scale.high))
    at, middle = axes.across(scale.logit(threshold)), SCORES.top + SCORES.height / 2
    highest = max(float(yes.max(initial=0)), float(no.max(initial=0))) or 1.0
    unit = (SCORES.height / 2 - 4) / highest
    above = _bars(yes * unit, middle, up=True)
    below = _bars(no * unit, middle, up=False)
    right, left = f"right-of-{name}", f"left-of-{name}"
    few = _logit_ticks(axes, apart=_FAR)  # that a phone has room for
    return svg_chart(
        *_SCORES_SIZE,
        _clip(right, at, SCORES.right + 1 - at, "clip-right"),
        _clip(left, SCORES.left - 1, at - SCORES.left + 1, "clip-left"),
        path(above, class_="bars yes wrong"),
        path(below, class_="bars no wrong"),
        path(above, class_="bars yes", clip_path=f"url(#{right})"),
        path(below, class_="bars no", clip_path=f"url(#{left})"),
        SCORES.horizontal(middle, class_="axis"),
        *(
            text(
                axes.across(tick[0]),
                axes.bottom + 15,
                tick[1],
                class_=f"tick middle {'' if tick in few else 'minor'}",
            )
            for tick in _logit_ticks(axes, apart=_APART)
        ),
        *_bar_titles(yes, no, axes),
        element("line", x1=at, x2=at, y1=4, y2=SCORES.bottom + 4, class_="threshold"),
        label=label,
        class_="scores",
    )


def _unit_chart(x_name: str, y_name: str, *drawn: Markup, label: str) -> Markup:
    frame = element("use", href="#unit-frame")
    return _square_chart(UNIT, x_name, y_name, frame, *drawn, label=label)


def _square_chart(axes: Axes, x_name: str, y_name: str, *drawn: Markup, label: str) -> Markup:
    middle = axes.top + axes.height / 2
    turned = text(0, 0, y_name, class_="name", transform=f"translate(9 {middle:g}) rotate(-90)")
    return svg_chart(
        *_UNIT_SIZE,
        text(axes.left + axes.width / 2, 236, x_name, class_="name"),
        turned,
        *drawn,
        label=label,
        class_="unit",
    )


def unit_frame() -> Markup:
    """Returns the frame that all charts of rates share, defined once."""
    ticks = [(tick, f"{tick:g}" if tick in (0.0, 0.5, 1.0) else "") for tick in _TICKS]
    return element("g", *frame(UNIT, ticks, ticks), id="unit-frame")


def _mark(at: tuple[float, float] | None) -> Markup:
    """Returns a dot at the threshold, hidden if the rates there are undefined."""
    x, y = UNIT.at(at or (0, 0))
    return element("circle", cx=x, cy=y, r=4.5, class_="mark", hidden=None if at else "hidden")


def _area(points: Points) -> Markup:
    corners = [(points[-1][0], 0.0), (points[0][0], 0.0)]
    return path(map(UNIT.at, [*points, *corners]), class_="area")


def _steps(points: Points) -> Points:
    corners = [(0.0, points[0][1])]
    for recall, precision in points:
        corners += [(corners[-1][0], precision), (recall, precision)]
    return np.array(corners)


def _bars(lengths: np.ndarray, middle: float, *, up: bool) -> list[tuple[float, float]]:
    """Returns the outline of all bars as one path: empty bars stay on the axis."""
    width = SCORES.width / NUM_BARS
    corners = [(SCORES.left, middle)]
    for i, length in enumerate(lengths):
        y = middle - length if up else middle + length
        left, right = SCORES.left + i * width + 0.5, SCORES.left + (i + 1) * width - 0.5
        corners += [(left, middle), (left, y), (right, y), (right, middle)]
    return [*corners, (SCORES.right, middle)]


def _clip(name: str, x: float, width: float, kind: str) -> Markup:
    shape = element("rect", x=x, y=0, width=max(width, 0.0), height=_SCORES_SIZE[1], class_=kind)
    return element("clipPath", shape, id=name)


def _logit_ticks(axes: Axes, *, apart: float) -> list[tuple[float, str]]:
    """Returns the logits and names of round probabilities that an axis has room for."""
    found: dict[float, tuple[float, str]] = {}
    for tick in sorted(_PROBABILITIES, key=lambda p: abs(p - 0.5)):
        x = axes.across(float(scipy.special.logit(tick)))
        is_inside = axes.left + 12 <= x <= axes.right - 12
        if is_inside and all(abs(x - other) >= apart for other in found):
            found[x] = float(scipy.special.logit(tick)), f"{tick:.5f}".rstrip("0")
    return list(found.values())


def _bar_titles(yes: np.ndarray, no: np.ndarray, axes: Axes) -> list[Markup]:
    width = axes.width / NUM_BARS
    ends = scipy.special.expit(np.linspace(*axes.x, NUM_BARS + 1))
    return [
        element(
            "rect",
            element("title", f"{ends[i]:.2g} to {ends[i + 1]:.2g}: {y:.0%} of yes, {n:.0%} of no"),
            x=axes.left + i * width,
            y=axes.top,
            width=width,
            height=axes.height,
            class_="hover",
        )
        for i, (y, n) in enumerate(zip(yes, no, strict=True))
        if y or n
    ]
