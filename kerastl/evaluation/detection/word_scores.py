"""Scores of words in recordings at their thresholds, with intervals."""

import math
from collections.abc import Mapping

import numpy as np
import scipy.stats

from kerastl.evaluation.detection.curve import Word, curve
from kerastl.evaluation.detection.matching import Outcome
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

    Args:
        words: Each word in the recordings.
        thresholds: Threshold of each word.
        replicates: Number of replicates of the bootstrap over recordings; 0 for none.
        seed: Seed of the bootstrap.
    """
    outcomes = {name: word.at(thresholds[name]) for name, word in words.items()}
    hours = next(iter(words.values())).hours
    scores = {
        name: WordScores(
            **vars(_rates(outcomes[name], _events(word), hours, replicates, seed)),
            threshold=thresholds[name],
            curve=_curve(word),
        )
        for name, word in words.items()
    }
    together = Outcome(
        false_accepts=np.sum([one.false_accepts for one in outcomes.values()], axis=0),
        missed=np.sum([one.missed for one in outcomes.values()], axis=0),
        latencies=np.concatenate([one.latencies for one in outcomes.values()]),
    )
    events = np.sum([_events(word) for word in words.values()], axis=0)
    return _rates(together, events, hours, replicates, seed), scores


def poisson_interval(count: int, hours: float) -> tuple[float, float]:
    """Returns the exact 95 % interval of a rate per hour.

    Reference:
        Garwood (1936), "Fiducial Limits for the Poisson Distribution"
    """
    low = scipy.stats.chi2.ppf(_TAIL, 2 * count) / 2 if count else 0.0
    high = scipy.stats.chi2.ppf(1 - _TAIL, 2 * count + 2) / 2
    return float(low / hours), float(high / hours)


def _rates(
    outcome: Outcome, events: np.ndarray, hours: float, replicates: int, seed: int
) -> DetectionRates:
    num_events, num_missed = int(events.sum()), int(outcome.missed.sum())
    num_false = int(outcome.false_accepts.sum())
    missed_interval, how = _missed_interval(outcome.missed, events, replicates, seed)
    return DetectionRates(
        events=num_events,
        missed=num_missed,
        missed_share=num_missed / num_events if num_events else math.nan,
        missed_share_interval=missed_interval,
        false_accepts=num_false,
        false_accepts_per_hour=num_false / hours,
        false_accepts_per_hour_interval=poisson_interval(num_false, hours),
        intervals=RateMethods(missed_share=how, false_accepts_per_hour=POISSON),
        latency_seconds=_latency(outcome.latencies),
    )


def _missed_interval(
    missed: np.ndarray, events: np.ndarray, replicates: int, seed: int
) -> tuple[tuple[float, float] | None, str | None]:
    if not events.sum():
        return None, None
    num_events = float(events.sum())
    share = float(missed.sum()) / num_events
    recordings = np.arange(len(events)).astype(str)
    variation, how = Variation(replicates=np.zeros(0), carriers=num_events), BINOMIAL
    if replicates and np.count_nonzero(events) >= FEWEST_GROUPS:
        draws = Draws(Bootstrap(groups=recordings, replicates=replicates, seed=seed))
        weights = np.concatenate(list(draws.weights(np.arange(len(events)))))
        shares = divided(weights @ missed, weights @ events)
        variation = Variation(replicates=shares, carriers=carriers(recordings, events))
        how = WIDENED
    return share_interval(share, num_events, variation), how


def _latency(latencies: np.ndarray) -> Latency:
    if not len(latencies):
        return Latency(median=math.nan, p90=math.nan)
    median, late = np.quantile(latencies, [0.5, 0.9])
    return Latency(median=float(median), p90=float(late))


def _curve(word: Word) -> DetectionCurve:
    points, num_events = curve(word), word.num_events
    return DetectionCurve(
        thresholds=[point.threshold for point in points],
        false_accepts_per_hour=[point.false_accepts / word.hours for point in points],
        missed_share=[point.missed / num_events if num_events else math.nan for point in points],
    )


def _events(word: Word) -> np.ndarray:
    return np.array([len(track.events) for track in word.tracks])
