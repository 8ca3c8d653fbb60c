"""Charts of a whole run: intervals, learning curves, unknown labels."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from kerastl.report.svg import Axes, element, frame, path, svg_chart, text

_ROW = Axes(left=8, top=0, width=224, height=20)
_LEARNING = Axes(left=44, top=10, width=290, height=130)
_STRENGTHS = Axes(left=44, top=10, width=560, height=170)
_CELL, _WIDE_CELL = 22, 38  # a wide cell shows its number
_FEW = 12
_INDENT = 30
_BAR = 300
_SLACK = 1.08


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve of a learning chart."""

    name: str
    kind: str  # "train" or "validation"
    values: Sequence[float]  # one per epoch; NaN if there is none
    intervals: Sequence[tuple[float, float] | None] = ()  # one per epoch, if there are any


def interval_row(
    value: float, interval: Sequence[float] | None, *, lowest: float, label: str
) -> Markup:
    """Draws one score with its interval on a scale from `lowest` to 1."""
    return _row(value, interval, (lowest, 1.0), label=label)


def interval_scale(lowest: float) -> Markup:
    """Draws the scale above the rows of `interval_row`."""
    return _scale((lowest, 1.0))


def difference_row(value: float, interval: Sequence[float] | None, *, reach: float) -> Markup:
    """Draws a difference and its interval on a scale from -reach to reach."""
    return _row(value, interval, (-reach, reach), label=f"Difference {value:+.3f}")


def difference_scale(reach: float) -> Markup:
    """Draws the scale above the rows of `difference_row`."""
    return _scale((-reach, reach))


def _row(
    value: float, interval: Sequence[float] | None, ends: tuple[float, float], *, label: str
) -> Markup:
    axes = replace(_ROW, x=ends)
    drawn = [axes.horizontal(10, class_="rail")]
    for mark in _marks(ends):
        x, is_axis = axes.across(mark), mark == 0 > ends[0]
        half, kind = (7, "axis") if is_axis else (5, "grid")
        drawn.append(path([(x, 10 - half), (x, 10 + half)], class_=kind))
    if interval is not None:
        drawn.append(path([(axes.inside(end), 10) for end in interval], class_="interval"))
    drawn.append(element("circle", cx=axes.inside(value), cy=10, r=4.5, class_="value"))
    return svg_chart(240, 20, *drawn, label=label, class_="row")


def _scale(ends: tuple[float, float]) -> Markup:
    axes, sign = replace(_ROW, x=ends), "+" if ends[0] < 0 else ""
    ticks = [
        text(
            axes.across(mark),
            11,
            f"{mark:{sign}.3g}".replace("-", "−") if mark else "0",
            class_="tick middle",
        )
        for mark in _marks(ends)
    ]
    label = f"Scale from {ends[0]:g} to {ends[1]:g}"
    return svg_chart(240, 14, *ticks, label=label, class_="row")


def _marks(ends: tuple[float, float]) -> list[float]:
    """Returns where a scale has marks; that of a difference has none at its ends."""
    low, high = ends
    if low < 0:
        return [low / 2, 0.0, high / 2]
    return [round(float(t), 3) for t in np.linspace(low, high, 6 if low in (0.0, 0.5) else 5)]


def difference_reach(largest: float) -> float:
    """Returns a round number somewhat above the largest absolute difference."""
    power = 10.0 ** math.floor(math.log10(largest * _SLACK))
    return next(f * power for f in (1, 1.5, 2, 3, 4, 6, 8, 10) if f * power >= largest * _SLACK)


def learning_chart(
    lines: Sequence[Line],
    *,
    epochs: Sequence[str],
    boundaries: Sequence[int],
    label: str,
    kept: Sequence[int] = (),
) -> Markup:
    """Draws scores over epochs.

    Args:
        lines: The curves.
        epochs: Axis label of each epoch.
        boundaries: Epochs (from 0) before which a new phase begins.
        label: Text for screen readers.
        kept: Epochs (from 0) whose weights were kept.
    """
    ends = [end for line in lines for end in line.intervals if end is not None]
    y = _padded_range([*(line.values for line in lines), *ends], 0.08)
    axes = replace(_LEARNING, x=(0.0, float(max(len(epochs) - 1, 1))), y=y)
    phases = [axes.vertical(axes.across(b - 0.5), class_="phase") for b in boundaries]
    curves = [axes.vertical(axes.across(k), class_="kept") for k in kept]
    curves += [_curve(line, axes) for line in lines]
    return svg_chart(
        344, 166, *_frame(axes, epochs), *phases, *curves, label=label, class_="learning"
    )


def _padded_range(values: Iterable[Sequence[float]], margin: float) -> tuple[float, float]:
    """Returns the range of all finite values, with a margin as a share of it on both sides."""
    finite = [float(v) for row in values for v in row if np.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    space = max((high - low) * margin, 1e-3)
    return low - space, high + space


def _curve(line: Line, axes: Axes) -> Markup:
    at = [axes.at((i, v)) for i, v in enumerate(line.values) if np.isfinite(v)]
    dots = [
        element(
            "circle",
            element("title", f"{line.name} {value:.4f}"),
            cx=x,
            cy=y,
            r=2.4,
            class_=f"dot {line.kind}",
        )
        for (x, y), value in zip(at, filter(np.isfinite, line.values), strict=True)
    ]
    drawn = [path(at, class_=f"line {line.kind}")] if len(at) > 1 else []
    drawn += [
        path([axes.at((i, end)) for end in ends], class_="whisker")
        for i, ends in enumerate(line.intervals)
        if ends is not None
    ]
    return element("g", *drawn, *(dots if len(at) <= 30 else []), element("title", line.name))


def _frame(axes: Axes, names: Sequence[str]) -> list[Markup]:
    every = max(1, len(names) // 8)
    below = [
        text(axes.across(i), axes.bottom + 15, names[i], class_="tick middle")
        for i in range(0, len(names), every)
    ]
    return [*frame(axes, (), [(value, f"{value:g}") for value in round_values(*axes.y)]), *below]


def round_values(low: float, high: float) -> list[float]:
    """Returns three to eight round values between `low` and `high`."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= rough * 0.75)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def strength_chart(
    strengths: Sequence[float],
    losses: Mapping[str, Sequence[float]],
    chosen: Mapping[str, float],
    *,
    label: str,
) -> Markup:
    """Draws the out-of-fold loss of each task over the L2 strength, and the chosen strength."""
    logs = np.log10(np.array(strengths, float))
    known = np.isfinite(list(losses.values())).any(axis=0)
    tried = logs[known] if known.any() else logs
    x = (float(tried.min()), float(tried.max()))
    axes = replace(_STRENGTHS, x=x, y=_padded_range(losses.values(), 0.06))
    drawn = [_strength_line(axes, logs, task, losses[task], chosen.get(task)) for task in losses]
    ticks = [
        text(axes.across(t), axes.bottom + 15, f"{10**t:g}", class_="tick middle")
        for t in np.unique(np.round(logs))
        if axes.x[0] <= t <= axes.x[1]
    ]
    ends = {task: axes.up(losses[task][int(logs.argmax())]) for task in losses}
    names = [] if len(ends) > _FEW else _spread_names(ends, axes.right + 8)
    return svg_chart(
        744, 210, *_frame(axes, ()), *ticks, *drawn, *names, label=label, class_="strengths"
    )


def _spread_names(ends: Mapping[str, float], x: float) -> list[Markup]:
    """Returns labels at the ends of lines, at least one line of text apart."""
    names, lowest = [], 0.0
    for task, y in sorted(ends.items(), key=lambda item: item[1]):
        if math.isfinite(y):
            lowest = max(y + 3, lowest + 12)
            names.append(text(x, lowest, task if len(task) <= 22 else f"{task[:21]}…"))
    return names


def _strength_line(
    axes: Axes, logs: np.ndarray, task: str, losses: Sequence[float], chosen: float | None
) -> Markup:
    at = [axes.at((x, y)) for x, y in zip(logs, losses, strict=True) if np.isfinite(y)]
    drawn = [element("title", task)]
    if len(at) > 1:
        drawn.append(path(at, class_="line train"))
    if chosen is not None and at:
        nearest = min(at, key=lambda p: abs(p[0] - axes.across(float(np.log10(chosen)))))
        drawn.append(element("circle", cx=nearest[0], cy=nearest[1], r=4, class_="value"))
    return element("g", *drawn)


def label_bar(yes: int, no: int, unknown: int, *, label: str) -> Markup:
    """Draws the shares of yes, no and unknown labels of a task."""
    total = max(yes + no + unknown, 1)
    drawn, x = [], 0.0
    for count, kind in ((yes, "yes"), (no, "no"), (unknown, "unknown")):
        width = _BAR * count / total
        drawn.append(element("rect", x=x, y=0, width=width, height=12, class_=f"share {kind}"))
        x += width
    return svg_chart(_BAR, 12, *drawn, label=label, class_="bar", preserveAspectRatio="none")


def heat_map(shares: np.ndarray, names: Sequence[str], *, label: str) -> Markup:
    """Draws a square matrix of shares in [0, 1] or NaN, with numbered rows."""
    side = _WIDE_CELL if len(names) <= _FEW else _CELL
    cells = [
        _cell(float(shares[i, j]), (i, j), f"{names[i]} → {names[j]}", side)
        for i, j in np.ndindex(*shares.shape)
    ]
    for i in range(len(names)):
        center = i * side + side / 2
        cells.append(text(_INDENT - 6, _INDENT - 9 + center, str(i + 1), class_="tick end"))
        cells.append(text(_INDENT + center - 1, _INDENT - 17, str(i + 1), class_="tick middle"))
    width, height = _INDENT + len(names) * side, _INDENT - 12 + len(names) * side
    return svg_chart(width, height, *cells, label=label, class_="heat", width=width, height=height)


def _cell(share: float, at: tuple[int, int], pair: str, side: int) -> Markup:
    """Draws one share as a colored square, with its number if there is room."""
    known = math.isfinite(share)
    x, y = _INDENT + at[1] * side, _INDENT - 12 + at[0] * side
    square = element(
        "rect",
        element("title", f"{pair}: {share:.0%}" if known else f"{pair}: never unknown"),
        x=x,
        y=y,
        width=side - 2,
        height=side - 2,
        rx=3,
        class_="cell" if known else "cell none",
        fill_opacity=0.06 + 0.94 * share if known else None,
    )
    if not known or side != _WIDE_CELL:
        return square
    kind = "share high" if share > 0.55 else "share"
    return square + text(x + side / 2 - 1, y + side / 2 + 3, f"{100 * share:.0f}", class_=kind)
