"""SVG pictures of `sharing_map.py` and `crossing.py`, for light and dark pages."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from kerastl.report.svg import element, path, text

STYLE = """
svg { --ink: #1c2228; --soft: #56606a; --rule: #dcdad4; --a: #1a6aad; --b: #b3550c; --c: #6b7480;
  font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
@media (prefers-color-scheme: dark) { svg { --ink: #e8eaec; --soft: #a7b0b9; --rule: #3b4249;
  --a: #73b6f3; --b: #f2a866; --c: #98a1aa; } }
text { fill: var(--ink); } .soft { fill: var(--soft); } .title { font-weight: 600; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
line, path { fill: none; } .rule { stroke: var(--rule); } .zero { stroke: var(--soft); }
.a { stroke: var(--a); } .b { stroke: var(--b); } .c { stroke: var(--c); }
circle.a { fill: var(--a); } circle.b { fill: var(--b); } circle.c { fill: var(--c); }
rect.a { fill: var(--a); } rect.b { fill: var(--b); } rect.c { fill: var(--c); }
.band { opacity: .16; stroke: none; }
path.band.a { fill: var(--a); } path.band.b { fill: var(--b); }
"""
COLORS = {"helps": "a", "hurts": "b"}
POLICIES = {"frozen": "c", "all layers": "a", "auto": "b"}
TITLES = {
    "scratch": "from random weights",
    "fine-tuned": "pretrained, fine-tuned",
    "frozen": "frozen, a hidden layer",
}
REACH = 0.2  # largest difference of the AUC that is drawn
_ROW, _TOP, _LEFT, _PANEL, _GAP = 19, 62, 150, 218, 26


def _line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> Markup:
    return path([(x1, y1), (x2, y2)], **attributes)


def _save(file: Path, width: float, height: float, label: str, marks: Sequence[Markup]) -> None:
    drawing = element(
        "svg",
        element("title", label),
        Markup(f"<style>{STYLE}</style>"),
        *marks,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
    )
    file.write_text(f"{drawing}\n", encoding="utf-8")


def draw_map(summary: pd.DataFrame, file: Path) -> None:
    """Draws a panel for each mode: the difference between sharing and a network per task."""
    keys = summary[["case", "rows", "unknown"]].drop_duplicates()
    places: dict[tuple[object, ...], float] = {}
    marks: list[Markup] = []
    y = float(_TOP)
    for case, group in keys.groupby("case", sort=False):
        marks.append(text(8, y + 4, str(case), class_="title"))
        for row in group.sort_values(["unknown", "rows"], key=_in_order).itertuples():
            places[case, row.rows, row.unknown] = y
            blank = ", half unknown" if row.unknown else ""
            marks.append(text(_LEFT - 10, y + 4, f"{row.rows}{blank}", class_="soft end"))
            y += _ROW
        y += _ROW / 2
    for number, (mode, title) in enumerate(TITLES.items()):
        left = _LEFT + number * (_PANEL + _GAP)
        marks += _map_panel(summary[summary["mode"] == mode], left, y, title, places)
    width = _LEFT + 3 * _PANEL + 2 * _GAP + 12
    words = (
        "macro AUC of one network for all tasks minus that of a network per task, 95 % intervals"
    )
    marks.append(text(width / 2, y + 34, words, class_="soft middle"))
    _save(file, width, y + 46, "Where sharing pays", marks)


def _in_order(values: pd.Series) -> pd.Series:
    return values.map(lambda value: 10**9 if value == "all" else float(value))


def _map_panel(
    rows: pd.DataFrame,
    left: float,
    bottom: float,
    title: str,
    places: dict[tuple[object, ...], float],
) -> Iterator[Markup]:
    def at(value: float) -> float:
        return left + _PANEL / 2 + float(np.clip(value, -REACH, REACH)) / REACH * _PANEL / 2

    yield text(left + _PANEL / 2, 20, title, class_="title middle")
    yield text(left, 38, "a network each is better", class_="soft", font_size=10)
    yield text(left + _PANEL, 38, "sharing is better", class_="soft end", font_size=10)
    for mark, anchor in (
        (-0.2, ""),
        (-0.1, "middle"),
        (0, "middle"),
        (0.1, "middle"),
        (0.2, "end"),
    ):
        kind = "rule" if mark else "zero"
        yield _line(at(mark), 46, at(mark), bottom - _ROW / 2, class_=kind)
        yield text(at(mark), bottom + 8, f"{mark:+g}" if mark else "0", class_=f"soft {anchor}")
    for row in rows.itertuples():
        y, color = places[row.case, row.rows, row.unknown], COLORS.get(row.verdict, "c")
        yield _line(at(row.low), y, at(row.high), y, class_=color, stroke_width=2)
        yield element("circle", cx=f"{at(row.difference):.1f}", cy=f"{y:.1f}", r=3.5, class_=color)


def draw_crossing(summary: pd.DataFrame, file: Path) -> None:
    """Draws a panel for each table: the difference of each policy from frozen over the rows."""
    cases = list(dict.fromkeys(summary["case"]))
    side, top, height, gap = 250, 62, 190, 66
    marks: list[Markup] = []
    for column, (score, title, sign) in enumerate(
        (("auc", "macro AUC", 1), ("log_loss", "log loss", -1))
    ):
        for row, case in enumerate(cases):
            left, upper = 62 + column * (side + gap), top + row * (height + 70)
            better = "higher" if sign > 0 else "lower"
            heading = f"{case}: {title}, {better} is better"
            marks.append(text(left, upper - 10, heading, class_="title"))
            marks += _curves(summary[summary["case"] == case], score, (left, upper, side, height))
    x = 62.0
    for policy, color in POLICIES.items():
        marks += [
            _line(x, 20, x + 22, 20, class_=color, stroke_width=2),
            text(x + 28, 24, policy),
        ]
        x += 60 + 7 * len(policy)
    marks.append(
        text(x, 24, "bands: 95 % of the difference from frozen", class_="soft", font_size=11)
    )
    width = 62 + 2 * (side + gap)
    _save(
        file,
        width,
        top + len(cases) * (height + 70) - 20,
        "From how many labels on fine-tuning wins",
        marks,
    )


def _curves(
    rows: pd.DataFrame, score: str, area: tuple[float, float, float, float]
) -> Iterator[Markup]:
    left, top, width, height = area
    sizes = sorted(rows["rows"].unique())
    spread = np.log(sizes[-1] / sizes[0]) or 1.0
    frozen = rows[rows["policy"] == "frozen"].set_index("rows")[score]
    ends = [*rows[score]]
    trained = rows[rows["policy"] != "frozen"]
    base = trained["rows"].map(frozen)
    ends += [*(base + trained[f"{score}_low"]), *(base + trained[f"{score}_high"])]
    low, high = min(ends), max(ends)
    low, high = (
        low - 0.05 * (high - low),
        min(high + 0.05 * (high - low), 1.0 if score == "auc" else 9),
    )

    def x(size: float) -> float:
        return left + width * float(np.log(size / sizes[0]) / spread)

    def y(value: float) -> float:
        return top + height * (high - value) / (high - low)

    for size in sizes:
        yield _line(x(size), top, x(size), top + height, class_="rule")
        yield text(x(size), top + height + 16, f"{size:,}", class_="soft middle")
    for value in np.linspace(low, high, 4):
        yield _line(left, y(value), left + width, y(value), class_="rule")
        yield text(left - 6, y(value) + 4, f"{value:.3f}", class_="soft end", font_size=11)
    yield text(left + width / 2, top + height + 34, "training rows", class_="soft middle")
    for policy, color in POLICIES.items():
        found = list(rows[rows["policy"] == policy].sort_values("rows").itertuples())
        if policy == "all layers":
            edges = [
                [
                    (x(row.rows), y(frozen[row.rows] + getattr(row, f"{score}_{end}")))
                    for row in found
                ]
                for end in ("low", "high")
            ]
            yield path([*edges[0], *reversed(edges[1])], class_=f"band {color}")
        points = [(x(row.rows), y(getattr(row, score))) for row in found]
        dash = "5 4" if policy == "auto" else None
        yield path(points, class_=color, stroke_width=2, stroke_dasharray=dash)
        for a, b in points:
            yield element("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r=3, class_=color)
