"""The report on detections in long recordings: scores, and misses over false accepts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from kerastl.evaluation.score_types import Mistake, RecordingScores, WordScores
from kerastl.files import write_text
from kerastl.media.media_types import media_type
from kerastl.media.preview import Preview
from kerastl.report.gallery import PreviewStore
from kerastl.report.render import render_page
from kerastl.report.svg import Axes, element, frame, path, svg_chart, text
from kerastl.run.origin import ReadableFiles

_AXES = Axes(left=46, top=10, width=420, height=220)
_SIZE = (480, 272)
_AROUND = 0.3  # seconds that are played before and after
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, kw_only=True)
class WordPanel:
    """The scores of one word, and its curve if it occurs."""

    name: str
    score: WordScores
    chart: Markup | None
    chosen: str  # what the threshold was chosen on, and what it promises
    mistakes: tuple[tuple[Mistake, Preview], ...]  # with players


def write_recordings_report(
    scores: RecordingScores, output: Path, *, run: Path, recordings: str
) -> None:
    """Writes the report on the scores of a run folder on a table of recordings."""
    store = PreviewStore(media_type("audio"), ReadableFiles())  # the user's own recordings
    words = [
        WordPanel(
            name=name,
            score=score,
            chart=_chart(name, score, scores.hours) if score.events else None,
            chosen="; ".join([scores.tuned_on[name], *_about_new_data(scores, name)]),
            mistakes=tuple((one, _preview(one, store)) for one in score.mistakes),
        )
        for name, score in scores.words.items()
    ]
    page = render_page(
        "recordings.html",
        scores=scores,
        words=words,
        run=run.resolve().name,
        recordings=recordings,
    )
    write_text(output, page)


def _preview(mistake: Mistake, store: PreviewStore) -> Preview:
    bounds = max(0.0, mistake.start_seconds - _AROUND), mistake.end_seconds + _AROUND
    return store.preview((mistake.recording, bounds))[1]


def _about_new_data(scores: RecordingScores, word: str) -> Iterator[str]:
    if word in scores.thresholds:
        yield from scores.thresholds[word].about_new_data()


def _chart(name: str, score: WordScores, hours: float) -> Markup:
    """Draws the share of missed events over false accepts per hour, on a logarithmic scale.

    Rates below one false accept in all recordings are drawn at half a false accept.
    """
    curve = score.curve
    least = 0.5 / hours
    here = score.false_accepts_per_hour
    highest = max([*curve.false_accepts_per_hour, here, least * 20])
    axes = replace(_AXES, x=(math.log10(least), math.log10(highest * 1.1)))

    def at(rate: float, share: float) -> tuple[float, float]:
        return axes.at((math.log10(max(rate, least)), share))

    points = [
        at(rate, share)
        for rate, share in zip(curve.false_accepts_per_hour, curve.missed_share, strict=True)
    ]
    x, y = at(here, score.missed_share)
    return svg_chart(
        *_SIZE,
        *_frame(axes),
        path(_stairs(points), class_="curve"),
        element("circle", cx=x, cy=y, r=4.5, class_="mark"),
        label=f"{name}: {score.missed_share:.0%} missed at {here:.3g} false accepts per hour; "
        "the curve shows other thresholds",
    )


def _frame(axes: Axes) -> list[Markup]:
    powers = range(math.ceil(axes.x[0] + 0.15), math.floor(axes.x[1]) + 1)
    rates = [(power, f"{10.0**power:g}") for power in powers]
    center, middle = axes.left + axes.width / 2, axes.top + axes.height / 2
    turned = f"translate(11 {middle:g}) rotate(-90)"
    return [
        *frame(axes, rates, [(share, f"{share:g}") for share in _SHARES]),
        text(axes.left, axes.bottom + 15, "0", class_="tick middle"),
        text(center, _SIZE[1] - 4, "false accepts per hour", class_="name"),
        text(0, 0, "share missed", class_="name", transform=turned),
    ]


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns steps: between two thresholds, the share is that of the worse one."""
    corners = list(points[:1])
    for x, y in points[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    return corners
