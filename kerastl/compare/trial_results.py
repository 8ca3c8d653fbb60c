"""From finished trials to the result of a comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from kerastl.compare.axes import FROM_SCRATCH
from kerastl.compare.conditions import (
    Condition,
    losses_by_epoch,
    sharing_conditions,
    training_loss,
    transfer_conditions,
)
from kerastl.compare.contrasts import (
    ContrastResult,
    evaluate_contrasts,
    find_findings,
    weigh_multiplicity,
)
from kerastl.compare.cost import bill, median_cost
from kerastl.compare.recommendation import recommend
from kerastl.compare.result import ComparisonResult, SeedScores, VariantResult, VariantScores
from kerastl.compare.solvers import fitting_note
from kerastl.compare.study import GROUPING, Study, TrainingVariant
from kerastl.compare.trials import Trial
from kerastl.compare.verdicts import FEWEST_TRAININGS, SCORES, PairedRows, ScoredPart, TrialScores
from kerastl.data.tables.examples import PARTS
from kerastl.errors import counted
from kerastl.evaluation.differences import paired_difference
from kerastl.evaluation.means import mean_of_defined
from kerastl.run.record import read_record
from kerastl.run.results import RunPlan
from kerastl.versions import versions

_TRAINING_ROWS = (
    "All trainings of a variant have the same training rows (or draws from them): how much the "
    "scores would differ with another sample of training rows is not part of the intervals."
)


def score_trials(
    study: Study, trials: Sequence[Trial], plan: RunPlan, *, config: str, command: str
) -> ComparisonResult:
    """Returns the result of finished trials; config (YAML) and command are for the reader."""
    by_variant = {
        variant.name: [trial for trial in trials if trial.variant is variant]
        for variant in study.variants
    }
    frames = {
        name: [read_record(trial.path).predictions for trial in several]
        for name, several in by_variant.items()
    }
    rows: dict[int, PairedRows] = {}  # by number of the fresh split, -1 for the usual one

    def score(variant: TrainingVariant, number: int, frame: pd.DataFrame) -> TrialScores:
        number = number if variant.training.is_fresh_split else -1
        if number not in rows:
            rows[number] = PairedRows(
                frame,
                part=scored_part(plan) if number < 0 else "test",
                replicates=plan.config.evaluation.bootstrap,
                seed=plan.config.evaluation.seed + number + 1,
            )
        return rows[number].score(frame, variant.tasks)

    scores = {
        variant.name: [score(variant, i, frame) for i, frame in enumerate(frames[variant.name])]
        for variant in study.variants
    }
    answers = evaluate_contrasts(study, scores)
    sides = {
        variant.name: variant_result(
            variant,
            scores[variant.name],
            training=asdict(variant.training),
            training_loss={
                task: float(np.mean([training_loss(frame, task) for frame in frames[variant.name]]))
                for task in variant.tasks
            },
            cost=median_cost([trial.cost() for trial in by_variant[variant.name]]),
            runs=tuple(
                trial.path.relative_to(trial.path.parents[2]).as_posix()
                for trial in by_variant[variant.name]
            ),
        )
        for variant in study.variants
    }
    return comparison_result(
        study,
        rows[-1].scored,
        answers,
        tasks=tuple(plan.examples.tasks),
        seeds=tuple(dict.fromkeys(trial.seed for trial in trials)),
        backbone=plan.spec.id,
        rows={name: len(plan.examples.rows(name)) for name in PARTS},
        conditions=tuple(_conditions(study, answers, plan, by_variant)),
        sides=tuple(sides.values()),
        costs=tuple(
            f"{contrast.text}: {bill([sides[name].cost for name in contrast.first])}; instead: "
            f"{bill([sides[name].cost for name in contrast.second])}."
            for contrast in study.contrasts
            if contrast.kind in ("answer", GROUPING) and len(contrast.first) != len(contrast.second)
        ),
        notes=_notes(study, trials, plan),
        config=config,
        recommendation=recommend(answers, axis=study.axis),
        command=command,
    )


def scored_part(plan: RunPlan) -> str:
    """Returns the split on which the variants are scored."""
    return "test" if len(plan.examples.rows("test")) else "validation"


def comparison_result(
    study: Study, scored: ScoredPart, answers: tuple[ContrastResult, ...], **others: Any
) -> ComparisonResult:
    """Returns a result with what follows from its answers and the given other fields."""
    return ComparisonResult(
        format=1,
        axis=study.axis,
        scored=scored,
        findings=tuple(find_findings(answers)),
        answers=answers,
        multiplicity=weigh_multiplicity(answers),
        versions=versions(),
        **others,
    )


def variant_result(
    variant: TrainingVariant, scores: Sequence[TrialScores], **others: Any
) -> VariantResult:
    """Returns a variant with its scores and the given other fields."""
    return VariantResult(
        name=variant.name,
        mode=variant.mode or None,
        tasks=variant.tasks,
        changes=dict(variant.changes),
        supporting=variant.is_supporting,
        scores={task: _mean_scores(scores, [task]) for task in variant.tasks},
        macro=_mean_scores(scores, variant.tasks),
        **others,
    )


def _notes(study: Study, trials: Sequence[Trial], plan: RunPlan) -> tuple[str, ...]:
    trained = {t.variant.name: t.config for t in trials if not t.variant.is_supporting}
    fitting = fitting_note(plan.config, trained)
    num = len({trial.seed for trial in trials})
    few = (
        f"With {counted(num, 'training')} per variant there are no verdicts on the variants: the "
        "intervals hold for these trained models only. How much trainings differ by chance is "
        f"known from {FEWEST_TRAININGS} trainings on; use --seeds {FEWEST_TRAININGS} or more."
    )
    notes = [*study.notes, fitting, few if num < FEWEST_TRAININGS else None, _TRAINING_ROWS]
    return tuple(filter(None, notes))


def _mean_scores(scores: Sequence[TrialScores], tasks: Sequence[str]) -> VariantScores:
    """Returns the scores of a variant, as means over tasks and trainings."""
    found = {}
    for name in SCORES:
        trainings = [[one[task][name] for task in tasks] for one in scores]
        nothing = [
            [replace(one, value=0.0, replicates=np.zeros_like(one.replicates)) for one in training]
            for training in trainings
        ]
        by_seed = [mean_of_defined([one.value for one in training]) for training in trainings]
        found[name] = SeedScores(
            mean=mean_of_defined(by_seed),
            by_seed=tuple(by_seed),
            # of a mean over tasks and trainings: that of its difference from 0
            interval=paired_difference(trainings, nothing).interval,
        )
    return VariantScores(**found)


def _conditions(
    study: Study,
    results: Sequence[ContrastResult],
    plan: RunPlan,
    by_variant: Mapping[str, Sequence[Trial]],
) -> list[Condition]:
    examples, train = plan.examples, plan.examples.rows("train")
    if study.axis == "sharing":
        known = examples.num_known()
        epochs = {
            name: [losses_by_epoch(read_record(trial.path), known) for trial in several]
            for name, several in by_variant.items()
        }
        return sharing_conditions(study, results, examples.training_labels[train], epochs)
    if study.axis in ("trainable", "backbone"):
        return transfer_conditions(
            results,
            inputs=plan.config.data.media.collective,
            weights=plan.spec.chosen_weights(plan.config.backbone.weights),
            num_rows=len(train),
            scratch=FROM_SCRATCH,
        )
    return []
