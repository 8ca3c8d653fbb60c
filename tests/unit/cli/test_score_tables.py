"""What the terminal shows of scores."""

from dataclasses import replace

import numpy as np
import pytest

from kerastl.cli.score_tables import show_scores
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.promises import Price, Promise, ThresholdFacts
from kerastl.evaluation.score_types import SplitScores
from kerastl.evaluation.scores import score_split

TASKS = ("car", "bus")


def scores(num_rows: int = 200, *, labels: np.ndarray | None = None, **more: object) -> SplitScores:
    random = np.random.default_rng(0)
    found = (random.random((num_rows, 2)) < 0.4).astype(float) if labels is None else labels
    probabilities = np.clip(found * 0.3 + random.random(found.shape) * 0.7, 0, 1)
    names = np.arange(len(found)).astype(str)
    bootstrap = Bootstrap(groups=names, unit="examples", replicates=100)
    split = score_split(
        found, np.nan_to_num(probabilities), TASKS, dict.fromkeys(TASKS, 0.5), bootstrap=bootstrap
    )
    return replace(split, **more)


def shown(found: SplitScores, capsys: pytest.CaptureFixture[str]) -> str:
    show_scores(found, title="Scores on test")
    return capsys.readouterr().out


def test_a_score_is_shown_with_its_interval_and_its_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = scores()
    car = found.tasks["car"]
    low, high = car.auc_interval
    (line,) = [line for line in shown(found, capsys).splitlines() if line.split()[:1] == ["car"]]
    assert line.split()[:5] == [
        "car",
        "200",
        str(car.positives),
        f"{car.auc:.3f}",
        f"{low:.3f}-{high:.3f}",
    ]


def test_the_macro_row_counts_the_tasks_of_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert "macro (2 of 2)" in shown(scores(), capsys)


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(scores(), capsys).splitlines()
    assert max(len(line.rstrip()) for line in lines if "0." in line) <= 80


PROMISE = Promise(
    quantity="sensitivity",
    limit=0.9,
    is_promised=True,
    value=0.96,
    bound=0.9051,
    count=50,
    unit="positives",
    effective=50.0,
    price=Price(quantity="specificity", value=0.22, at_point_choice=0.38),
)


def test_a_promise_is_shown_with_its_bound_and_its_price(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = replace(PROMISE, is_promised=False, bound=0.8, price=None)
    facts = {
        "car": ThresholdFacts(policy="sensitivity>=0.9", promise=PROMISE),
        "bus": ThresholdFacts(policy="sensitivity>=0.9", promise=broken, note="it is not promised"),
    }
    text = shown(scores(thresholds=facts), capsys)
    rows = [" ".join(line.split()) for line in text.splitlines() if "sensitivity>=" in line]
    assert rows == [
        "car: sensitivity>=0.9 0.500 ≥ 0.905 yes specificity 0.22, not 0.38",
        "bus: sensitivity>=0.9 0.500 ≥ 0.8 NO -",
    ]
    assert "bus: it is not promised." in text
    assert max(len(line.rstrip()) for line in text.splitlines() if "0." in line) <= 80


def test_policies_without_a_promise_need_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    youden = ThresholdFacts(policy="youden", bounds={"sensitivity": 0.8})
    assert "youden" not in shown(scores(thresholds={"car": youden}), capsys)


def test_what_is_undefined_is_a_dash_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.tile([[1.0, 0.0], [0.0, 0.0]], (50, 1))
    text = shown(scores(labels=labels), capsys)
    (line,) = [line for line in text.splitlines() if line.split()[:1] == ["bus"]]
    assert line.split()[3] == "-"
    assert "bus: AUC undefined, because no known label is positive." in text
    assert "macro (1 of 2)" in text


def test_the_method_of_intervals_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    expected = (
        "Intervals: 95 % score intervals with the variation over examples (200 of them, "
        "100 replicates)."
    )
    assert expected in shown(scores(), capsys)


def test_the_reason_for_no_intervals_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(scores(10), capsys)
    assert "No intervals: 10 examples with known labels, 20 are needed." in text


def test_replicates_that_were_left_out_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((60, 2))
    labels[::2, 0] = 1
    labels[0, 1] = 1
    text = shown(scores(labels=labels), capsys)
    assert "bus: all known positives are from 1 example, so average precision, log loss and" in text
    assert "of 100 replicates lacked positives or negatives and were left out." in text


def test_what_thresholds_were_tuned_on_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(scores(tuned_on="validation", note="Chosen on these."), capsys)
    assert "Thresholds and calibration come from: the validation examples." in text
    assert "Chosen on these." in text
