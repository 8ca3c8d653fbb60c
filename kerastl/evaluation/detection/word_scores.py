"""Scores of words in recordings at their thresholds, with intervals."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.special

from kerastl.evaluation.detection.curve import Outcome, Word, curve
from kerastl.evaluation.intervals import FEWEST_GROUPS, Bootstrap, Draws
from kerastl.evaluation.means import divided
from kerastl.evaluation.score_intervals import Variation, carriers, share_interval
from kerastl.evaluation.score_types import (
    DetectionCurve,
    DetectionRates,
    Latency,
    RateMethods,
    WordScores,
)

POISSON = "exact 95 % interval of a Poisson rate"
BINOMIAL = "exact 95 % interval of a share, as if events were independent"
WIDENED = "exact 95 % interval of a share, widened by the variation between recordings"
_TAIL = 0.025


def score_words(
    words: Mapping[str, Word], thresholds: Mapping[str, float], *, replicates: int, seed: int
) -> tuple[DetectionRates, dict[str, WordScores]]:
    """Returns the rates of all words together and the scores of each word.

    The bootstrap over recordings has so many replicates, 0 for none.
    """
    outcomes = {name: word.at(thresholds[name]) for name, word in words.items()}

    def rates(*names: str) -> DetectionRates:
        found = [outcomes[name] for name in names]
        return _rates([words[name] for name in names], found, replicates, seed)

    scores = {
        name: WordScores(**vars(rates(name)), threshold=thresholds[name], curve=_curve(word))
        for name, word in words.items()
    }
    return rates(*words), scores


def poisson_interval(count: int, hours: float) -> tuple[float, float]:
    """Returns the exact 95 % interval of a rate per hour.

    Reference:
        Garwood (1936), "Fiducial Limits for the Poisson Distribution"
    """
    low = scipy.special.gammaincinv(count, _TAIL) if count else 0.0
    high = scipy.special.gammaincinv(count + 1, 1 - _TAIL)
    return float(low / hours), float(high / hours)


def _rates(
    words: Sequence[Word], outcomes: Sequence[Outcome], replicates: int, seed: int
) -> DetectionRates:
    hours, num_false = words[0].hours, sum(one.num_false for one in outcomes)
    events = np.sum([[len(track.events) for track in word.tracks] for word in words], axis=0)
    missed = np.sum([one.missed for one in outcomes], axis=0)
    num_events, num_missed = int(events.sum()), int(missed.sum())
    missed_interval, how = _missed_interval(missed, events, replicates, seed)
    latencies = np.concatenate([one.latencies for one in outcomes])
    median, late = np.quantile(latencies, [0.5, 0.9]) if len(latencies) else (math.nan, math.nan)
    return DetectionRates(
        events=num_events,
        missed=num_missed,
        missed_share=num_missed / num_events if num_events else math.nan,
        missed_share_interval=missed_interval,
        false_accepts=num_false,
        false_accepts_per_hour=num_false / hours,
        false_accepts_per_hour_interval=poisson_interval(num_false, hours),
        intervals=RateMethods(missed_share=how, false_accepts_per_hour=POISSON),
        latency_seconds=Latency(median=float(median), p90=float(late)),
    )


def _missed_interval(
    missed: np.ndarray, events: np.ndarray, replicates: int, seed: int
) -> tuple[tuple[float, float] | None, str | None]:
    if not events.sum():
        return None, None
    num_events, share = float(events.sum()), float(missed.sum()) / float(events.sum())
    recordings = np.arange(len(events)).astype(str)
    variation, how = Variation(replicates=np.zeros(0), carriers=num_events), BINOMIAL
    if replicates and np.count_nonzero(events) >= FEWEST_GROUPS:
        draws = Draws(Bootstrap(groups=recordings, replicates=replicates, seed=seed))
        weights = np.concatenate(list(draws.weights(np.arange(len(events)))))
        shares = divided(weights @ missed, weights @ events)
        variation = Variation(replicates=shares, carriers=carriers(recordings, events))
        how = WIDENED
    return share_interval(share, num_events, variation), how


def _curve(word: Word) -> DetectionCurve:
    points, num_events = curve(word), word.num_events or math.nan
    return DetectionCurve(
        thresholds=[point.threshold for point in points],
        false_accepts_per_hour=[point.num_false / word.hours for point in points],
        missed_share=[point.num_missed / num_events for point in points],
    )
