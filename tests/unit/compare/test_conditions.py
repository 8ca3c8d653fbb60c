"""The conditions under which sharing and transfer pay."""

from io import StringIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kerastl.compare.conditions import (
    losses_by_epoch,
    sharing_conditions,
    training_loss,
    transfer_conditions,
)
from kerastl.compare.contrasts import ContrastResult
from kerastl.compare.study import Contrast, Study, TrainingVariant
from kerastl.compare.verdicts import ScoreDifference, ScoreDifferences, verdict

TASKS = ("car", "bus")


def difference(value: float, reach: float = 0.01) -> ScoreDifference:
    ends = (value - reach, value + reach)
    found = verdict(ends, sign=1)
    return ScoreDifference(difference=value, interval=ends, by_seed=(value,) * 3, verdict=found)


def answer(
    kind: str, tasks: tuple[str, ...], value: float, about: str | None = None
) -> ContrastResult:
    found = ScoreDifferences(auc=difference(value), log_loss=difference(-value))
    return ContrastResult(
        question="all",
        kind=kind,
        mode="frozen",
        about=about,
        first=("all",),
        second=("car", "bus"),
        answer="",
        tasks=dict.fromkeys(tasks, found),
        macro=found,
    )


def conditions(value: float, *, labels: np.ndarray | None = None, worse: float = 0.0):
    answers = [
        answer("answer", TASKS, value),
        answer("left out", ("bus",), value, about="car"),
        answer("left out", ("car",), value, about="bus"),
    ]
    study = Study(
        axis="sharing",
        variants=(
            TrainingVariant(name="all", tasks=TASKS),
            TrainingVariant(name="car", tasks=("car",)),
            TrainingVariant(name="bus", tasks=("bus",)),
        ),
        contrasts=tuple(
            Contrast(
                first=one.first,
                second=one.second,
                tasks=tuple(one.tasks),
                text=one.question,
                kind=one.kind,
                mode="frozen",
                about=one.about,
            )
            for one in answers
        ),
    )
    known = np.tile([0.0, 1.0], (40, 1)) if labels is None else labels
    known = np.concatenate([known, 1 - known])
    losses = {
        "all": [np.array([0.6, 0.5 + worse])],
        "car": [np.array([0.6, 0.5, 0.1])],  # it stopped later
        "bus": [np.array([0.6, 0.5])],
    }
    return sharing_conditions(study, answers, known, losses)


@pytest.mark.parametrize(("value", "holds"), [(0.05, True), (-0.05, False), (0.0, None)])
def test_tasks_share_features_if_the_others_help_one(value: float, holds) -> None:
    found = conditions(value)
    (shares,) = [one for one in found if "share features" in one.condition]
    assert shares.holds is holds
    assert any("Learning car too changes the others" in text for text in shares.evidence)


def test_amounts_are_similar_up_to_three_times_in_known_labels_and_in_the_rarer_class() -> None:
    few = np.tile([0.0, 1.0], (40, 1))
    few[:30, 1] = np.nan
    for labels, holds in ((None, True), (few, False)):
        found = conditions(0.0, labels=labels)
        (amounts,) = [one for one in found if "similar amounts" in one.condition]
        assert amounts.holds is holds
    assert "bus 20 (10 of its rarer class)" in amounts.evidence[0]


def test_a_network_is_too_small_if_sharing_worsens_its_training_loss() -> None:
    for worse, holds in ((0.0, True), (0.05, False)):
        found = conditions(0.0, worse=worse)
        (enough,) = [one for one in found if "large enough" in one.condition]
        assert enough.holds is holds
    assert "After 2 epochs" in enough.evidence[0]
    assert "0.550 with one network for all tasks and 0.500 with one for each" in enough.evidence[0]


def test_the_training_loss_is_of_known_labels_before_calibration() -> None:
    frame = pd.DataFrame(
        {
            "split": ["train", "train", "test"],
            "car_label": [1.0, np.nan, 0.0],
            "car_logit": [0.0, 9.0, 9.0],
            "car": [0.9, 0.9, 0.9],
        }
    )
    assert training_loss(frame, "car") == pytest.approx(np.log(2))


def test_transfer_needs_a_larger_pretraining_set_and_a_gain_over_scratch() -> None:
    lost = answer("answer", TASKS, -0.05)
    settings = {"inputs": "images", "num_rows": 1000, "scratch": "all"}
    found = transfer_conditions([lost], weights="imagenet", **settings)
    assert [one.holds for one in found] == [True, True, True]
    unknown = transfer_conditions([lost], weights="my.weights.h5", **settings)
    assert unknown[1].holds is None
    won = transfer_conditions([answer("answer", TASKS, 0.05)], weights=None, **settings)
    assert won[2].holds is False


@pytest.mark.parametrize("several", [False, True])
def test_the_training_loss_by_epoch_is_the_same_in_any_layout_of_heads(several) -> None:
    columns = ("phase,epoch,car_log_loss,bus_log_loss", "phase,epoch,log_loss")
    rows = ("heads,1,9,9\ntune,0,,\ntune,1,1,4\ntune,2,0.5,2", "tune,0,\ntune,1,2\ntune,2,1")
    history = pd.read_csv(StringIO(f"{columns[not several]}\n{rows[not several]}\n"))
    heads = {"car": ["car"], "bus": ["bus"]} if several else {"tasks": ["car", "bus"]}
    record = SimpleNamespace(history=history, bundle=SimpleNamespace(heads=heads))
    losses = losses_by_epoch(record, {"car": 20, "bus": 10})
    np.testing.assert_allclose(losses, [2.0, 1.0])


def test_a_solved_head_has_no_epochs() -> None:
    record = SimpleNamespace(history=pd.DataFrame(), bundle=SimpleNamespace(heads={}))
    assert not len(losses_by_epoch(record, {}))
