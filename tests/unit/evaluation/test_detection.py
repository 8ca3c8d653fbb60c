"""Detections: smoothing, firing, matching, the curve, and thresholds by rate."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.recordings import Event
from kerastl.evaluation.detection.curve import Word, between, candidates, curve, walk
from kerastl.evaluation.detection.firing import Grid, Smoother, Trigger, fire
from kerastl.evaluation.detection.matching import Track, match
from kerastl.evaluation.detection.rate_threshold import FEWEST_VOICES, choose_for_rate, rate_bound
from kerastl.evaluation.detection.word_scores import poisson_interval, score_words
from kerastl.evaluation.thresholds import ChosenThreshold

GRID = Grid(hop_seconds=0.1, window_seconds=1.0, refractory_frames=10)


def event(start: float, end: float) -> Event:
    return Event(start_seconds=start, end_seconds=end)


def track(num_frames: int, peaks: dict[int, float], *events: Event) -> Track:
    scores = np.full(num_frames, 0.01)
    scores[list(peaks)] = list(peaks.values())
    return Track(scores=scores, events=events)


def word(*tracks: Track, hours: float = 0.5) -> Word:
    return Word(tracks=tracks, hours=hours, grid=GRID, tolerance_seconds=0.1)


# "seven" occurs twice and is detected at 0.9 and 0.7; other audio reaches 0.8 and 0.3.
SEVEN = word(
    track(300, {52: 0.9, 120: 0.3, 200: 0.7}, event(5.5, 6.0), event(20.2, 20.8)),
    track(300, {30: 0.8}),
)


def test_a_smoothed_score_is_the_mean_of_up_to_so_many_last_windows() -> None:
    smoothed = Smoother(3).push(np.array([[3.0], [6.0], [0.0], [9.0]]))
    np.testing.assert_allclose(smoothed[:, 0], [3.0, 4.5, 3.0, 5.0])


def test_one_window_means_no_smoothing() -> None:
    scores = np.random.default_rng(0).random((5, 2))
    np.testing.assert_array_equal(Smoother(1).push(scores), scores)


@pytest.mark.parametrize("cuts", [[1, 2, 3], [10], [3, 3, 40]])
def test_blocks_change_neither_smoothing_nor_firing(cuts: list[int]) -> None:
    scores = np.random.default_rng(0).random((50, 2))
    smoother, trigger = Smoother(4), Trigger([0.6, 0.7], 5)
    parts = [smoother.push(part) for part in np.split(scores, cuts)]
    whole = Smoother(4).push(scores)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    fired = [item for part in parts for item in trigger.push(part)]
    assert fired == Trigger([0.6, 0.7], 5).push(whole)
    assert len(fired) > 4


def test_the_refractory_period_of_a_word_does_not_affect_others() -> None:
    scores = np.array([[0.5, 0.0], [0.9, 0.8], [0.9, 0.1], [0.9, 0.9], [0.4, 0.9]])
    assert Trigger([0.5, 0.8], 3).push(scores) == [(0, 0), (1, 1), (3, 0), (4, 1)]


def test_the_refractory_period_is_exact() -> None:
    assert fire(np.ones(8), 0.5, 3) == [0, 3, 6]
    assert fire(np.ones(8), 0.5, 3, free=2) == [2, 5]
    assert fire(np.zeros(8), 0.5, 3) == []


@pytest.mark.parametrize(
    ("start", "is_found"),
    [(1.15, False), (1.3, True), (2.0, True), (2.55, True), (2.7, False)],
    ids=["ends too early", "within tolerance", "holds it", "within tolerance after", "too late"],
)
def test_a_detection_matches_an_event_whose_middle_is_in_its_window(
    start: float, is_found: bool
) -> None:
    pairs = match(np.array([start]), [event(2.2, 2.7)], 1.0, 0.2)
    assert pairs == ([(0, 0)] if is_found else [])


def test_detections_and_events_match_one_to_one() -> None:
    events = [event(2.0, 2.4), event(2.5, 2.9)]
    close = [event(2.0, 2.2), event(2.2, 2.4)]  # one window holds the middles of both
    assert match(np.array([1.5]), close, 1.0, 0.0) == [(0, 0)]
    assert match(np.array([1.5, 1.75, 1.8]), events, 1.0, 0.0) == [(0, 0), (1, 1)]


def test_unmatched_and_second_detections_are_false_accepts() -> None:
    found = SEVEN.at(0.5)
    assert found.false_accepts.tolist() == [0, 1]
    assert found.missed.tolist() == [0, 0]
    twice = word(track(90, {50: 0.9, 61: 0.9}, event(5.5, 6.9))).at(0.5)
    assert (twice.false_accepts.tolist(), twice.missed.tolist()) == ([1], [0])


def test_latency_is_from_the_end_of_the_event_to_the_end_of_the_window() -> None:
    found = SEVEN.at(0.5)
    np.testing.assert_allclose(found.latencies, [5.2 + 1 - 6.0, 20.0 + 1 - 20.8])


def test_thresholds_are_between_peaks_and_one_is_above_all() -> None:
    np.testing.assert_allclose(candidates(SEVEN)[:5], [0.95, 0.85, 0.75, 0.5, 0.155])


def test_the_curve_has_the_outcome_of_every_threshold() -> None:
    points = [(p.num_false, p.num_missed) for p in curve(SEVEN)][:5]
    assert points == [(0, 2), (0, 1), (1, 1), (1, 0), (2, 0)]


def test_a_curve_ends_at_the_highest_rate() -> None:
    assert [p.num_false for p in walk(SEVEN, candidates(SEVEN), highest_rate=2.5)] == [0, 0, 1, 1]


def test_a_long_curve_has_few_points() -> None:
    scores = np.random.default_rng(0).random(20_000)
    assert len(curve(word(Track(scores=scores, events=()), hours=20.0))) <= 200


def test_the_middle_of_two_thresholds_is_by_log_odds() -> None:
    assert between(0.9, 0.1) == pytest.approx(0.5)
    assert 0.99 < between(1.0000001, 0.9) <= 1.0000001
    assert between(0.4, 0.4) == pytest.approx(0.4)


def chosen(found: Word, policy: str, negatives: Word | None = None) -> ChosenThreshold:
    return choose_for_rate(found, ThresholdPolicy.parse(policy), negatives)


def spoken(peaks: list[dict[int, float]], *, hours: float = 1.0) -> Word:
    """Returns a word said at 0.95 by each of several voices, with peaks of other audio."""
    tracks = [
        replace(track(300, {50: 0.95, **more}, event(5.2, 5.8)), hours=hours, speaker=f"voice {i}")
        for i, more in enumerate(peaks)
    ]
    return word(*tracks, hours=hours * len(tracks))


def test_the_rate_is_kept_with_the_fewest_misses() -> None:
    strict, loose = (chosen(SEVEN, f"false_accepts_per_hour~{x}") for x in (1, 2))
    assert 0.8 < strict.threshold < 0.9
    assert 0.3 < loose.threshold < 0.7
    assert SEVEN.at(strict.threshold).missed.sum() == 1
    assert SEVEN.at(loose.threshold).missed.sum() == 0


def test_the_middle_of_equal_thresholds_is_chosen() -> None:
    easy = word(track(300, {52: 0.99, 120: 0.01}, event(5.5, 6.0)))
    assert chosen(easy, "false_accepts_per_hour~1").threshold == pytest.approx(
        between(0.5, 0.5), abs=0.45
    )
    points = list(walk(easy, candidates(easy), highest_rate=1.0))
    assert easy.at(chosen(easy, "false_accepts_per_hour~1").threshold).missed.sum() == 0
    assert (
        points[-1].threshold
        <= chosen(easy, "false_accepts_per_hour~1").threshold
        <= points[1].threshold
    )


def test_a_promise_keeps_the_limit_for_the_worst_of_nine_voices() -> None:
    peaks = [{100: 0.3}] * 8 + [{100: 0.8, 200: 0.75}]
    promise, point = (chosen(spoken(peaks), f"false_accepts_per_hour{x}1") for x in ("<=", "~"))
    assert promise.promise.is_promised
    assert promise.note is None
    assert point.threshold < 0.75 < promise.threshold
    assert (promise.promise.value, promise.promise.count) == (0, 9)
    assert promise.promise.price.quantity == "missed_share"
    assert promise.promise.price.value == promise.promise.price.at_point_choice == 0


def test_the_worst_of_nineteen_voices_may_exceed_the_limit() -> None:
    peaks = [{100: 0.3}] * 18 + [{100: 0.8, 200: 0.75}]
    assert chosen(spoken(peaks), "false_accepts_per_hour<=1").threshold < 0.75


def test_few_voices_promise_nothing_however_long_they_speak() -> None:
    few = chosen(spoken([{}] * 8, hours=9.0), "false_accepts_per_hour<=1")
    assert few.promise.is_promised is False
    assert few.promise.bound is None
    assert few.promise.needed == FEWEST_VOICES == 9
    assert few.note == (
        "false_accepts_per_hour<=1 is not promised: 8 voices cannot show how others differ; at "
        "least 9 voices and 2.3 hours without false accepts are needed; the threshold is that of "
        "false_accepts_per_hour~1"
    )


def test_a_recording_without_a_speaker_counts_by_time_and_for_no_voice() -> None:
    named = spoken([{}] * 9, hours=0.2)
    noise = track(300, {100: 0.8}, event(0.1, 0.2))
    both = word(*named.tracks, replace(noise, hours=1.0), hours=2.8)
    (found,) = walk(both, [0.5], highest_rate=9.0)
    np.testing.assert_array_equal(both.rates_by_voice(found.false_accepts), np.zeros(9))
    assert chosen(named, "false_accepts_per_hour<=1").promise.is_promised is False
    promise = chosen(both, "false_accepts_per_hour<=1").promise
    assert (promise.is_promised, promise.count, promise.value) == (True, 9, 0)


def test_voices_that_are_not_named_promise_nothing() -> None:
    note = str(chosen(word(*SEVEN.tracks, hours=30.0), "false_accepts_per_hour<=1").note)
    assert "the recordings do not name their voices in a column speaker; at least 9" in note
    assert chosen(word(*SEVEN.tracks, hours=30.0), "false_accepts_per_hour~1").note is None


def test_recordings_too_short_for_a_promise_give_a_note_with_the_bound() -> None:
    assert "0 false accepts in 0.9 hours of 9 voices give an upper bound of 2.6; at least" in str(
        chosen(spoken([{}] * 9, hours=0.1), "false_accepts_per_hour<=1").note
    )


def test_negatives_can_raise_a_threshold_and_never_lower_it() -> None:
    found = spoken([{100: 0.3}] * 9)
    without = chosen(found, "false_accepts_per_hour<=1").threshold
    quiet = word(track(300, {10: 0.1}), hours=3.0)
    loud = word(track(300, {10: 0.94, 50: 0.93, 90: 0.92, 130: 0.91}), hours=3.0)
    assert chosen(found, "false_accepts_per_hour<=1", quiet).threshold == without
    raised = chosen(found, "false_accepts_per_hour<=1", loud)
    assert 0.91 < raised.threshold < 0.92
    assert raised.note == f"the negatives raised the threshold from {without:.3f}"
    assert chosen(found, "false_accepts_per_hour~1", loud).threshold > 0.91


def test_a_rate_that_misses_every_event_gives_a_note() -> None:
    hopeless = word(track(300, {52: 0.3, 200: 0.9}, event(5.5, 6.0)), hours=100.0)
    assert chosen(hopeless, "false_accepts_per_hour~0.001").note == (
        "the rate is only reached by missing every event"
    )


def test_a_word_without_events_gets_the_lowest_threshold_that_keeps_the_rate() -> None:
    silent = word(track(300, {52: 0.3, 200: 0.9}), hours=100.0)
    choice = chosen(silent, "false_accepts_per_hour~0.1")
    assert choice.threshold < 0.3
    assert choice.note == ("the recordings contain no event of it, so its misses are unknown")


def test_the_bound_by_time_is_exact() -> None:
    (nothing,) = walk(spoken([{}] * 9), [0.9], highest_rate=1.0)
    assert rate_bound(spoken([{}] * 9), nothing) == pytest.approx(-np.log(0.1) / 9)
    found = rate_bound(spoken([{}] * 9), replace(nothing, false_accepts=np.ones(9, int)))
    assert scipy.stats.poisson.cdf(9, 9 * found) == pytest.approx(0.1)


def test_the_interval_of_a_rate_is_exact() -> None:
    low, high = poisson_interval(7, 2.0)
    assert scipy.stats.poisson.sf(6, low * 2) == pytest.approx(0.025)
    assert scipy.stats.poisson.cdf(7, high * 2) == pytest.approx(0.025)
    assert poisson_interval(0, 1.0)[0] == 0.0


def test_words_are_scored_each_and_together() -> None:
    other = word(track(300, {100: 0.9}), track(300, {}))
    both, scores = score_words(
        {"seven": SEVEN, "two": other}, {"seven": 0.75, "two": 0.5}, replicates=0, seed=0
    )
    seven, two = scores.values()
    assert (seven.missed, seven.events, seven.false_accepts_per_hour) == (1, 2, 2.0)
    assert np.isnan(two.missed_share)
    assert two.missed_share_interval is None
    assert (both.missed, both.events, both.false_accepts) == (1, 2, 2)
    assert both.false_accepts_per_hour_interval == poisson_interval(2, 0.5)
    assert seven.latency_seconds.median == pytest.approx(0.2)
    assert seven.curve.missed_share[:4] == [1.0, 0.5, 0.5, 0.0]


def test_an_interval_of_missed_events_counts_the_variation_between_many_recordings() -> None:
    tracks = [track(100, {52: 0.9} if i % 4 else {}, event(5.5, 6.0)) for i in range(24)]
    many = score_words({"seven": word(*tracks)}, {"seven": 0.5}, replicates=500, seed=0)[0]
    few = score_words({"seven": word(*tracks[:8])}, {"seven": 0.5}, replicates=500, seed=0)[0]
    assert many.intervals.missed_share == (
        "exact 95 % interval of a share, widened by the variation between recordings"
    )
    low, high = many.missed_share_interval
    assert 0.05 < low < 0.25 < high < 0.5
    assert few.intervals.missed_share == (
        "exact 95 % interval of a share, as if events were independent"
    )
    exact = scipy.stats.binomtest(2, 8).proportion_ci(0.95)
    assert few.missed_share_interval == pytest.approx((exact.low, exact.high))
