"""The policy `false_accepts_per_hour<=x`: a threshold chosen on recordings.

Convention: it is chosen on recordings for validation, never on those for the test, and whether they
are long enough to promise x is said beside it.
"""

import math

import scipy.stats

from kerastl.evaluation.detection.curve import Point, Word, between, candidates, walk
from kerastl.evaluation.thresholds import ChosenThreshold

_LEVEL = 0.95


def choose_for_rate(word: Word, rate: float) -> ChosenThreshold:
    """Returns the threshold that misses least with at most `rate` false accepts per hour.

    Where several thresholds miss equally little it is the middle of them by log-odds: as far from
    the next miss as from the next false accept. A word that is never said in the recordings gets
    the lowest threshold that keeps the rate. Thresholds below one that breaks the rate aren't
    looked at.

    Args:
        word: The word in recordings that nothing was fitted on.
        rate: False accepts per hour.
    """
    points = list(walk(word, candidates(word), highest_rate=rate))
    chosen = _middle(word, points, rate) if word.num_events else points[-1]
    return ChosenThreshold(threshold=chosen.threshold, note=_note(word, chosen, rate))


def upper_limit(num_false: int, hours: float) -> float:
    """Returns the rate per hour that is exceeded with a probability of at most 5 %.

    Exact for events that come independently of each other; with none it is the rule of three.

    Args:
        num_false: False accepts that were counted.
        hours: In how much sound.

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
    said = [text for text in (_about_events(word, chosen), _about_time(word, chosen, rate)) if text]
    return "; ".join(said) or None


def _about_events(word: Word, chosen: Point) -> str | None:
    if not word.num_events:
        return "it is never said in the recordings, so that nobody knows what it misses"
    if chosen.missed == word.num_events:
        return "the rate is only kept by missing every event"
    return None


def _about_time(word: Word, chosen: Point, rate: float) -> str | None:
    limit = upper_limit(chosen.false_accepts, word.hours)
    if limit <= rate:
        return None
    enough = -math.log(1 - _LEVEL) / rate
    return (
        f"{chosen.false_accepts} false accepts in {_short(word.hours)} hours can't promise "
        f"{rate:g} per hour: the 95 % upper limit is {_short(limit)}; {_short(enough)} hours "
        "without any would do"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"
