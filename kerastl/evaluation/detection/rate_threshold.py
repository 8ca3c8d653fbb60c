"""The policies `false_accepts_per_hour<=x` and `~x`: a threshold chosen on recordings.

Convention: the threshold is chosen on validation recordings, never on test recordings. A promise is
bounded twice: by the time, and by the voices, because a few voices say little about others.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import scipy.special

from kerastl.config.policies import ThresholdPolicy
from kerastl.errors import counted
from kerastl.evaluation.bounds import LEVEL
from kerastl.evaluation.detection.curve import Outcome, Word, between, candidates, walk
from kerastl.evaluation.promises import Price, Promise
from kerastl.evaluation.thresholds import ChosenThreshold

FEWEST_VOICES = math.ceil(LEVEL / (1 - LEVEL) - 1e-9)


def choose_for_rate(
    word: Word, policy: ThresholdPolicy, negatives: Word | None = None
) -> ChosenThreshold:
    """Returns the threshold with the fewest misses whose false accepts per hour keep the limit.

    Among several such thresholds it is the middle one by log-odds: as far from the next miss as
    from the next false accept. A word without events in the recordings gets the lowest threshold
    that keeps the limit. Thresholds below one that exceeds the limit are not considered. `<=`
    bounds the rate in new audio; if no threshold can, the threshold is that of `~`, which keeps the
    limit in the recordings, and a note says so. Negatives, other audio without events, may only
    raise the threshold.
    """
    limit = policy.value or 0.0

    def is_kept(found: Outcome) -> bool:
        return rate_bound(word, found) <= limit

    outcomes = list(walk(word, candidates(word), highest_rate=limit))
    point = _best(word, outcomes, lambda found: found.num_false <= limit * word.hours)
    promised = list(itertools.takewhile(is_kept, outcomes)) if policy.is_promise else []
    chosen = _best(word, promised, is_kept) if promised else point
    raised = chosen
    if negatives is not None:
        *_, lowest = walk(negatives, candidates(negatives), highest_rate=limit)
        raised = word.at(max(chosen.threshold, lowest.threshold))
    promise = _promise(word, policy, raised, is_promised=bool(promised))
    if promised and word.num_events:
        value, usual = (one.num_missed / word.num_events for one in (raised, point))
        price = Price(quantity="missed_share", value=value, at_point_choice=usual)
        promise = replace(promise, price=price)
    notes = [_not_promised(word, policy, raised)] if promise.is_promised is False else []
    if not word.num_events:
        notes.append("the recordings contain no event of it, so its misses are unknown")
    elif raised.num_missed == word.num_events:
        notes.append("the rate is only reached by missing every event")
    if raised.threshold != chosen.threshold:
        notes.append(f"the negatives raised the threshold from {chosen.threshold:.3f}")
    note = "; ".join(notes) or None
    return ChosenThreshold(threshold=raised.threshold, note=note, promise=promise)


def rate_bound(word: Word, found: Outcome) -> float:
    """Returns the upper bound of the false accepts per hour in new audio, with 90 % confidence.

    It is the higher of two, infinite if too few voices are known. By time, for audio with the same
    voices, it is exact for independent events. By voices it rests on leaving one voice out: among
    n + 1 voices that are alike, each is equally likely to be the worst. With at least nine voices
    the rate of a new one is in nine of ten cases at most the ninth of nine, the tenth of ten, ...,
    the 18th of 19.

    Reference:
        Garwood (1936), "Fiducial Limits for the Poisson Distribution"; Vovk, Gammerman, Shafer
        (2005), "Algorithmic Learning in a Random World"
    """
    by_time = scipy.special.gammaincinv(found.num_false + 1, LEVEL) / word.hours
    rates = np.sort(word.rates_by_voice(found.false_accepts))
    rank = math.ceil(LEVEL * (len(rates) + 1) - 1e-9)
    by_voices = float(rates[rank - 1]) if rank <= len(rates) else math.inf
    return max(float(by_time), by_voices)


def _best(word: Word, outcomes: Sequence[Outcome], is_kept: Callable[[Outcome], bool]) -> Outcome:
    """Returns the outcome with the fewest misses, in the middle of several."""
    if not word.num_events:
        return outcomes[-1]
    fewest = min(one.num_missed for one in outcomes)
    best = [one for one in outcomes if one.num_missed == fewest]
    inside = word.at(between(best[0].threshold, best[-1].threshold))
    return inside if inside.num_missed == fewest and is_kept(inside) else best[0]


def _promise(word: Word, policy: ThresholdPolicy, found: Outcome, *, is_promised: bool) -> Promise:
    bound = rate_bound(word, found)
    return Promise(
        quantity=policy.goal,
        limit=policy.value or 0.0,
        is_promised=is_promised if policy.is_promise else None,
        value=found.num_false / word.hours,
        bound=bound if math.isfinite(bound) else None,
        count=len(word.voices),
        unit="voices",
        effective=float(len(word.voices)),
        needed=FEWEST_VOICES if len(word.voices) < FEWEST_VOICES else None,
    )


def _not_promised(word: Word, policy: ThresholdPolicy, found: Outcome) -> str:
    limit = policy.value or 0.0
    enough = f"{_short(-math.log(1 - LEVEL) / limit)} hours without false accepts"
    count = len(word.voices)
    if not count:
        why = "the recordings do not name their voices in a column speaker"
    elif count < FEWEST_VOICES:
        why = f"{counted(count, 'voice')} cannot show how others differ"
    else:
        why = (
            f"{counted(found.num_false, 'false accept')} in {_short(word.hours)} hours of "
            f"{count} voices give an upper bound of {_short(rate_bound(word, found))}"
        )
    return (
        f"{policy} is not promised: {why}; at least {FEWEST_VOICES} voices and {enough} are "
        f"needed; the threshold is that of {policy.point_choice}"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"
