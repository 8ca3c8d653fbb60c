"""The grouping of tasks that harm each other: proposed by its figures, tested on fresh splits."""

from dataclasses import replace

import numpy as np
import pytest

from kerastl.compare.axes import plan_study
from kerastl.compare.contrasts import ContrastResult
from kerastl.compare.grouping import propose_grouping, with_groupings
from kerastl.compare.recommendation import recommend
from kerastl.compare.training_tables import fresh_splits
from kerastl.compare.verdicts import HELPS, HURTS, NO_DIFFERENCE, ScoreDifference, ScoreDifferences


def difference(value: float, verdict: str | None = None) -> ScoreDifferences:
    sign = HURTS if value < -0.01 else HELPS if value > 0.01 else NO_DIFFERENCE
    one = ScoreDifference(
        difference=value,
        interval=(value - 0.01, value + 0.01),
        by_seed=(value,) * 3,
        verdict=verdict or sign,
    )
    unclear = replace(one, verdict=NO_DIFFERENCE)
    return ScoreDifferences(auc=one, log_loss=unclear)


def left_out(about: str, effects: dict[str, float], verdict: str | None = None) -> ContrastResult:
    return ContrastResult(
        question=f"scratch: learning {about} too",
        kind="left out",
        mode="scratch",
        about=about,
        first=("all tasks, scratch",),
        second=(f"all but {about}, scratch",),
        answer="",
        tasks={task: difference(value, verdict) for task, value in effects.items()},
        macro=difference(float(np.mean(list(effects.values()))), verdict),
    )


HARM = [
    left_out("car", {"bus": 0.02, "van": -0.03}),
    left_out("bus", {"car": 0.02, "van": -0.02}),
    left_out("van", {"car": -0.05, "bus": 0.0}),
]


def grouping_result(first: str, value: float) -> ContrastResult:
    return replace(left_out("", {"car": value}), kind="grouping", question=first, about=None)


def test_tasks_that_harm_each_other_are_put_into_different_groups() -> None:
    found = propose_grouping(HARM)
    assert found is not None
    assert found.groups == (("car", "bus"), ("van",))
    assert found.expected == pytest.approx((0.03 + 0.02 + 0.05) / 3)


def test_without_a_verdict_of_harm_no_grouping_is_proposed() -> None:
    unclear = [
        left_out(r.about, {t: d.auc.difference for t, d in r.tasks.items()}, NO_DIFFERENCE)
        for r in HARM
    ]
    assert propose_grouping(unclear) is None


def test_no_grouping_is_proposed_if_the_tasks_help_each_other_more_than_one_harms() -> None:
    helping = [
        left_out("car", {"bus": 0.05, "van": 0.05}),
        left_out("bus", {"car": 0.05, "van": -0.02}),
        left_out("van", {"car": 0.05, "bus": 0.05}),
    ]
    assert propose_grouping(helping) is None


def test_two_tasks_have_no_grouping_but_a_network_each() -> None:
    assert propose_grouping([left_out("car", {"bus": -1}), left_out("bus", {"car": -1})]) is None


@pytest.mark.parametrize(("mode", "num_contrasts"), [("frozen", 2), ("scratch", 3)])
def test_a_grouping_is_tested_against_one_network_and_a_network_each(
    make_config, table, mode, num_contrasts
) -> None:
    config = make_config()
    study = plan_study(f"sharing={mode}", config, table, fit={})
    tested = with_groupings(study, [replace(r, mode=mode) for r in HARM], config, {})
    assert tested.variants[: len(study.variants)] == study.variants
    fresh = [variant for variant in tested.variants if variant.training.is_fresh_split]
    assert {variant.tasks for variant in fresh} >= {("car", "bus", "van"), ("car", "bus"), ("van",)}
    found = [contrast for contrast in tested.contrasts if contrast.kind == "grouping"]
    assert len(found) == num_contrasts
    assert [variant for variant in fresh if variant.tasks == ("van",)] == [
        tested.variant(found[0].first[1])
    ]
    assert "+0.033" in tested.notes[-1]


def test_heads_by_group_share_the_trained_backbone(make_config, table) -> None:
    config = make_config()
    study = plan_study("sharing=scratch", config, table, fit={})
    tested = with_groupings(study, HARM, config, {})
    heads = tested.variant("heads by group, scratch, fresh splits").changes["heads"]
    assert [head["tasks"] for head in heads.values()] == [["car", "bus"], ["van"]]


def test_another_axis_than_sharing_has_no_grouping(make_config, table) -> None:
    config = make_config()
    study = plan_study("trainable=false,true", config, table, fit={})
    assert with_groupings(study, HARM, config, {}) is study


def test_fresh_splits_test_each_row_once_but_those_that_were_test_rows(table) -> None:
    splits = fresh_splits(table, 3, part="test", seed=0)
    tested = np.array([split == "test" for split in splits])
    assert (tested.sum(axis=0) == (table.splits != "test")).all()
    for split in splits:
        assert (split == "validation").sum() == pytest.approx(18, abs=6)
        for group in np.unique(table.groups):
            assert len(set(split[table.groups == group])) == 1


def test_a_grouping_that_hurts_compared_with_anything_is_not_recommended() -> None:
    better = grouping_result("groups instead of one", 0.03)
    assert "groups instead of one" in recommend([better], axis="sharing")
    worse = grouping_result("groups instead of each", -0.02)
    assert "groups instead of one" not in recommend([better, worse], axis="sharing")
