"""The report of a comparison: one page in the style of a run's report, without scripts."""

import importlib.resources
import math
from functools import partial

from markupsafe import Markup

from kerastl.compare.result import ComparisonResult, SeedScores
from kerastl.compare.verdicts import ScoreDifference
from kerastl.report.charts import (
    Line,
    difference_reach,
    difference_row,
    difference_scale,
    learning_chart,
)
from kerastl.report.render import render_page

FILE_NAME = "report.html"
_SMALLEST_SCALE = 0.01


def render_report(result: ComparisonResult, *, name: str) -> str:
    """Returns the whole page of a comparison."""
    reach = _reach(result)
    return render_page(
        "compare.html",
        folder=importlib.resources.files(__package__) / "templates",
        style="compare.css",
        values=result,
        name=name,
        drawing=partial(_drawing, reach=reach),
        scale=difference_scale(reach),
        curves=_curves(result),
        signed=_signed,
        thousands=_thousands,
    )


def _reach(result: ComparisonResult) -> float:
    """Returns a round number that no difference of AUC and hardly an interval exceeds."""
    answers = [one.auc for a in result.answers for one in (*a.tasks.values(), a.macro)]
    ends = [end for one in answers for end in (one.difference, *(one.interval or ()))]
    largest = max((abs(end) for end in ends if not math.isnan(end)), default=0.0)
    return difference_reach(max(largest, _SMALLEST_SCALE))


def _drawing(found: ScoreDifference, *, reach: float) -> str:
    if math.isnan(found.difference):
        return "undefined"
    return difference_row(found.difference, found.interval, reach=reach)


def _curves(result: ComparisonResult) -> list[tuple[str, Markup]]:
    """Draws macro AUC and log loss over the number of examples, if that is the axis."""
    names = [side.name for side in result.sides]
    curves = []
    for title, score in (("Macro AUC", "auc"), ("Log loss", "log_loss")):
        scores: list[SeedScores] = [getattr(side.macro, score) for side in result.sides]
        means, intervals = [one.mean for one in scores], [one.interval for one in scores]
        if result.axis != "examples" or any(math.isnan(mean) for mean in means):
            continue
        listed = ", ".join(f"{name}: {mean:.3f}" for name, mean in zip(names, means, strict=True))
        chart = learning_chart(
            [Line(name=title, kind="validation", values=means, intervals=intervals)],
            epochs=names,
            boundaries=(),
            label=f"{title} over the number of examples: {listed}",
        )
        curves.append((title, chart))
    return curves


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.3f}".replace("-", "−")


def _thousands(value: float, digits: int = 0) -> str:
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"
