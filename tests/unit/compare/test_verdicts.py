"""From scores to verdicts: paired intervals, directions, many verdicts at once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from kerastl.compare.contrasts import evaluate_contrasts, weigh_multiplicity
from kerastl.compare.study import Contrast, Study, TrainingVariant
from kerastl.compare.verdicts import PairedRows, differences, holds_after_correction

TASKS = ("car", "bus")


def predictions(strength: float, seed: int, *, labels_seed: int = 0, num_groups: int = 100):
    """Predictions of 300 rows; the higher the strength, the better."""
    random = np.random.default_rng(labels_seed)
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(300)], "split": "test"})
    frame["group"] = [f"g{i % num_groups}" for i in range(300)]
    noise = np.random.default_rng(seed + 100)
    for task in TASKS:
        labels = random.integers(0, 2, 300).astype(float)
        labels[random.random(300) < 0.2] = np.nan
        logits = strength * (2 * np.nan_to_num(labels) - 1) + noise.normal(size=300)
        frame[f"{task}_label"] = labels
        frame[f"{task}_logit"] = logits
        frame[task] = 1 / (1 + np.exp(-logits))
    return frame


def rows_of(frame: pd.DataFrame) -> PairedRows:
    return PairedRows(frame, part="test", replicates=300, seed=0)


def scores(strength: float, seeds: int = 3, **more):
    frames = [predictions(strength, seed, **more) for seed in range(seeds)]
    rows = rows_of(frames[0])
    return [rows.score(frame, TASKS) for frame in frames], rows


def compare(first: float, second: float, **more):
    return differences(scores(first, **more)[0], scores(second, **more)[0], TASKS)


def test_scores_are_those_of_scikit_learn_on_the_known_labels() -> None:
    frame = predictions(1.0, 0)
    found = rows_of(frame).score(frame, TASKS)["car"]
    known = ~np.isnan(frame["car_label"])
    y, p = frame["car_label"][known], frame["car"][known]
    assert found["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert found["log_loss"].value == pytest.approx(log_loss(y, p))


def test_a_better_variant_helps_by_both_scores_and_a_worse_one_hurts() -> None:
    better, worse = compare(1.5, 0.5), compare(0.5, 1.5)
    assert (better.auc.verdict, better.log_loss.verdict) == ("helps", "helps")
    assert better.auc.difference > 0 > better.log_loss.difference
    assert (worse.auc.verdict, worse.log_loss.verdict) == ("hurts", "hurts")


def test_equal_variants_show_no_difference() -> None:
    assert compare(1.0, 1.0).auc.verdict == "no difference seen"
    assert compare(1.0, 1.0).auc.difference == 0


def test_with_fewer_than_20_groups_there_is_no_verdict() -> None:
    found = compare(1.5, 0.5, num_groups=19).auc
    assert (found.interval, found.verdict) == (None, "no verdict")


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_trainings_there_is_an_interval_and_no_verdict(seeds: int) -> None:
    found = compare(1.5, 0.5, seeds=seeds)
    assert found.auc.interval is not None
    assert (found.auc.verdict, found.log_loss.verdict) == ("no verdict", "no verdict")


def test_a_variant_may_rank_equally_and_be_worse_by_log_loss() -> None:
    first, rows = scores(1.0)
    frames = [predictions(1.0, seed) for seed in range(3)]
    for frame in frames:
        frame["car"] = frame["car"] ** 4
    found = differences([rows.score(frame, TASKS) for frame in frames], first, ["car"])
    assert (found.auc.verdict, found.log_loss.verdict) == ("no difference seen", "hurts")


def test_pairing_makes_the_interval_narrower_than_the_test_is_noisy() -> None:
    first, rows = scores(1.0, seeds=1)
    nearly = predictions(1.0, 0)
    nearly["car"] = nearly["car"] + np.random.default_rng(5).normal(size=300) * 1e-3
    second = [rows.score(nearly, TASKS)]
    paired = differences(first, second, ["car"]).auc.interval
    alone = np.quantile(first[0]["car"]["auc"].replicates, [0.025, 0.975])
    assert paired[1] - paired[0] < 0.2 * (alone[1] - alone[0])


def test_trainings_that_differ_make_the_interval_wider() -> None:
    a, rows = scores(1.0)
    b = [scores(strength)[0][0] for strength in (0.4, 1.0, 1.6)]
    same = differences(a, a, ["car"]).auc.interval
    mixed = differences(a, b, ["car"]).auc.interval
    assert mixed[1] - mixed[0] > same[1] - same[0]
    assert rows.scored.groups == 100


def test_a_task_without_both_classes_is_undefined_and_leaves_the_mean_alone() -> None:
    frames = []
    for strength in (1.5, 0.5):
        frame = predictions(strength, 0)
        frame["bus_label"] = np.where(np.isnan(frame["bus_label"]), np.nan, 1.0)
        frames.append(frame)
    rows = rows_of(frames[0])
    a, b = ([rows.score(frame, TASKS)] for frame in frames)
    both = differences(a, b, TASKS).auc
    car = differences(a, b, ["car"]).auc
    assert both.difference == pytest.approx(car.difference)
    assert differences(a, b, ["bus"]).auc.verdict == "no verdict"


def study() -> Study:
    variants = tuple(
        TrainingVariant(name=name, tasks=TASKS) for name in ("weak", "strong", "weak too")
    )
    contrasts = tuple(
        Contrast(first=(name,), second=("weak",), tasks=TASKS, text=f"{name} instead of weak")
        for name in ("strong", "weak too")
    )
    return Study(axis="key", variants=variants, contrasts=contrasts)


def test_answers_say_what_helps_and_how_many_verdicts_chance_would_give() -> None:
    weak, strong = scores(0.5)[0], scores(1.5)[0]
    answers = evaluate_contrasts(study(), {"weak": weak, "strong": strong, "weak too": weak})
    assert answers[0].answer.startswith("strong instead of weak: helps on all tasks (macro AUC +")
    assert "no difference seen on all tasks" in answers[1].answer
    many = weigh_multiplicity(answers)
    assert "By log loss: helps on all tasks (macro log loss -" in answers[0].answer
    assert (many.verdicts, many.seen, many.remaining) == (8, 4, 4)
    assert many.by_chance == pytest.approx(0.4)
    assert "8 verdicts at 95 % each" in many.text


def test_variants_of_one_task_each_answer_together() -> None:
    both = scores(1.5)[0]
    alone = {task: [{task: one[task]} for one in scores(0.5)[0]] for task in TASKS}
    contrast = Contrast(first=("both",), second=TASKS, tasks=TASKS, text="one for all")
    variants = (
        TrainingVariant(name="both", tasks=TASKS),
        *(TrainingVariant(name=task, tasks=(task,)) for task in TASKS),
    )
    found = evaluate_contrasts(
        Study(axis="sharing", variants=variants, contrasts=(contrast,)),
        {"both": both, **alone},
    )
    assert found[0].verdicts() == {"car": "helps", "bus": "helps"}


def test_a_task_with_too_few_labels_for_a_verdict_has_no_part_in_that_on_the_mean() -> None:
    def trained(sign: float) -> list[dict[str, object]]:
        frames = [predictions(1.0, seed) for seed in range(3)]
        for frame in frames:
            frame.loc[5:, "bus_label"] = np.nan
            frame["bus"] = 0.5 + sign * 0.499 * (2 * frame["bus_label"].fillna(0.5) - 1)
        return [rows_of(frames[0]).score(frame, TASKS) for frame in frames]

    contrast = Contrast(first=("good",), second=("bad",), tasks=TASKS, text="good or bad")
    variants = tuple(TrainingVariant(name=name, tasks=TASKS) for name in ("good", "bad"))
    study = Study(axis="runs", variants=variants, contrasts=(contrast,))
    (found,) = evaluate_contrasts(study, {"good": trained(1), "bad": trained(-1)})
    assert found.tasks["bus"].auc.verdict == "no verdict"
    assert found.macro.log_loss == found.tasks["car"].log_loss
    assert found.mean_of == "1 of 2"
    assert "(macro AUC over 1 of 2 tasks +0.000" in found.answer


def test_a_single_small_p_value_among_many_does_not_remain() -> None:
    assert holds_after_correction([0.04] + [0.6] * 19) == [False] * 20
    assert holds_after_correction([0.0001] + [0.6] * 19)[0]
    assert holds_after_correction([float("nan"), 0.01]) == [False, True]


def test_without_a_bootstrap_there_are_differences_and_no_verdicts() -> None:
    frame = predictions(1.0, 0)
    rows = PairedRows(frame, part="test", replicates=0, seed=0)
    found = [rows.score(one, TASKS) for one in (frame, predictions(0.5, 1))]
    difference = differences([found[0]], [found[1]], TASKS).auc
    assert difference.difference > 0
    assert difference.verdict == "no verdict"
