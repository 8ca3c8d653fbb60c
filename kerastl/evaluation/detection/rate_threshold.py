"""The policy `false_accepts_per_hour<=x`: a threshold chosen on recordings.

Convention: the threshold is chosen on validation recordings, never on test recordings; a note says
if they are too short to guarantee x.
"""

import math

import scipy.stats

from kerastl.errors import counted
from kerastl.evaluation.detection.curve import Point, Word, between, candidates, walk
from kerastl.evaluation.thresholds import ChosenThreshold

_LEVEL = 0.95


def choose_for_rate(word: Word, rate: float) -> ChosenThreshold:
    """Returns the threshold with the fewest misses and at most `rate` false accepts per hour.

    Among several such thresholds it is the middle one by log-odds: as far from the next miss as
    from the next false accept. A word without events in the recordings gets the lowest threshold
    that keeps the rate. Thresholds below one that exceeds the rate are not considered.
    """
    points = list(walk(word, candidates(word), highest_rate=rate))
    chosen = _middle(word, points, rate) if word.num_events else points[-1]
    return ChosenThreshold(threshold=chosen.threshold, note=_note(word, chosen, rate))


def upper_limit(num_false: int, hours: float) -> float:
    """Returns the upper 95 % confidence limit of a rate per hour.

    Exact for independent events; without any it is the rule of three.

    Reference:
        Garwood (1936), "Fiducial Limits for the Poisson Distribution"
    """
    return float(scipy.stats.chi2.ppf(_LEVEL, 2 * num_false + 2) / 2 / hours)


def _middle(word: Word, points: list[Point], rate: float) -> Point:
    fewest = min(point.missed for point in points)
    best = [point for point in points if point.missed == fewest]
    threshold = between(best[0].threshold, best[-1].threshold)
    inside = list(walk(word, [threshold], highest_rate=rate))
    return next((point for point in inside if point.missed == fewest), best[0])


def _note(word: Word, chosen: Point, rate: float) -> str | None:
    about_events = None
    if not word.num_events:
        about_events = "the recordings contain no event of it, so its misses are unknown"
    elif chosen.missed == word.num_events:
        about_events = "the rate is only reached by missing every event"
    notes = (about_events, _about_time(word, chosen, rate))
    return "; ".join(note for note in notes if note) or None


def _about_time(word: Word, chosen: Point, rate: float) -> str | None:
    limit = upper_limit(chosen.false_accepts, word.hours)
    if limit <= rate:
        return None
    enough = -math.log(1 - _LEVEL) / rate
    return (
        f"{counted(chosen.false_accepts, 'false accept')} in {_short(word.hours)} hours cannot "
        f"guarantee {rate:g} per hour: the 95 % upper limit is {_short(limit)}; "
        f"{_short(enough)} hours without any would"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"
