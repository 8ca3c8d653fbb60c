"""Solving of a training's heads by several machines: by shards, or by the workers of an executor.

Convention: shards divide the tasks, in the blocks that one process solves together, and workers the
examples. So the heads of shards are those of one process bit by bit, and those of workers up to
rounding.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import Config, dump_config
from kerastl.config.loader import config_values
from kerastl.data.inputs.streams import Decoded, FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.errors import RunError
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.pipeline import resume_and_score, train_and_score
from kerastl.planning import (
    make_models,
    make_plan,
    refuse_undecided_features,
    refuse_unsolved_heads,
)
from kerastl.progress import Progress
from kerastl.run.layout import RunLayout
from kerastl.run.results import input_contract
from kerastl.run.shards import Job, Part, hash_of, merged
from kerastl.run.work import Executor, Work
from kerastl.runs import Run
from kerastl.training.exact_head import solver
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.plan import SolveHeads
from kerastl.training.solving import Solve, Solving, folds_of, solve_heads

_ROWS = 4096  # whose features are hashed together


@dataclass(frozen=True, kw_only=True)
class HeadWork(Work):
    """The work of solving the heads of a training; a row of its table is a task."""

    phase: SolveHeads
    features: np.ndarray
    examples: Examples

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the heads of the tasks at these indices."""
        tasks = rows.tolist()
        head = solve_heads(self.phase, self.features, self.examples, progress, tasks=tasks)
        return _table(head), ""


def head_work(config: Config, *, cache: bool, progress: Progress) -> HeadWork:
    """Returns the work of solving the heads of a training, whose features are computed.

    Raises:
        ConfigError: The training solves no heads, or chooses its features itself.
    """
    refuse_unsolved_heads(config)
    refuse_undecided_features(config)
    plan = make_plan(config, progress=progress)
    (phase,) = plan.training.phases
    assert isinstance(phase, SolveHeads)
    folder, examples = cache_folder() if cache else None, plan.examples
    model, _ = make_models(plan, folder, progress=progress)
    contract = input_contract(model.facts.input_shape, config.data, plan.spec)
    found = FeatureSource(cache=folder, engine=plan.training.engine).features_of(
        model.backbone,
        FileInputs(examples.files, contract, cuts=examples.cuts),
        is_scored=examples.splits != "train",
        progress=progress,
    )
    text = json.dumps(config_values(plan.config))
    job = _job(phase, found.values, examples, text)
    return HeadWork(job=job, phase=phase, features=found.values, examples=examples)


def config_of(parts: Sequence[Part]) -> Config:
    """Returns the config of the training whose heads the shards have solved."""
    return Config.parse(json.loads(parts[0].job.config), where=str(parts[0].path))


def merge_heads(
    parts: Sequence[Part], *, output: Path | None, progress: Progress
) -> tuple[Run, bool]:
    """Returns the run of solved heads, and whether it was made now; an interrupted one goes on."""
    config, solving = config_of(parts), solved_by(parts)
    if output is not None and _is_interrupted(RunLayout(output), config):
        run, is_trained = resume_and_score(output, solving=solving, progress=progress)
    else:
        run = train_and_score(config, output=output, solving=solving, progress=progress)
        is_trained = True
    assert run is not None  # there are no other workers
    return run, is_trained


def _is_interrupted(layout: RunLayout, config: Config) -> bool:
    is_left = layout.is_started and not layout.is_complete
    return is_left and layout.config.read_text(encoding="utf-8") == dump_config(config)


def solved_by(parts: Sequence[Part]) -> Solving:
    """Returns what takes the heads that shards have solved, if they are of the same examples.

    On features that are computed again, because engines differ too much, heads are solved here.
    """

    @contextmanager
    def solving(
        phase: SolveHeads, features: np.ndarray, examples: Examples, progress: Progress
    ) -> Iterator[Solve]:
        job = parts[0].job
        if difference := job.difference(
            replace(_job(phase, features, examples, job.config), num_shards=job.num_shards)
        ):
            raise RunError(
                f"The training has changed since the shards solved its heads: they are "
                f"{difference}.",
                where=str(parts[0].path.parent),
                fix="Restore the files and features, or run all shards again with another "
                "--output.",
            )
        head = _head(merged(parts), folds_of(phase, examples))

        def solve(
            phase: SolveHeads, given: np.ndarray, examples: Examples, progress: Progress
        ) -> ExactHead:
            return head if given is features else solve_heads(phase, given, examples, progress)

        yield solve

    return solving


def solved_on(executor: Executor) -> Solving:
    """Returns what solves heads on the workers of an executor, which hold the features."""

    @contextmanager
    def solving(
        phase: SolveHeads, features: np.ndarray, examples: Examples, progress: Progress
    ) -> Iterator[Solve]:
        with executor.holding(progress=progress) as divide:

            def solve(
                phase: SolveHeads, given: np.ndarray, examples: Examples, progress: Progress
            ) -> ExactHead:
                held = divide(given, examples.rows(*phase.parts))
                return solve_heads(phase, held, examples, progress)

            yield solve

    return solving


def _job(phase: SolveHeads, features: np.ndarray, examples: Examples, config: str) -> Job:
    groups = [] if examples.groups is None else examples.groups.tolist()
    known = (list(map(str, examples.files)), examples.splits.tolist(), list(examples.tasks), groups)
    rows = examples.rows(*phase.parts)
    chunks = [rows[begin : begin + _ROWS] for begin in range(0, len(rows), _ROWS)]
    return Job(
        command="train",
        counts=(len(examples.tasks),),
        block=solver.TASKS_TOGETHER,
        noun="task",
        inputs=hash_of(*known, examples.training_labels),
        features=hash_of(*(hash_of(features[chunk]) for chunk in chunks)),
        model=hash_of(config),
        config=config,
    )


def _table(head: ExactHead) -> pd.DataFrame:
    """Returns a row for each task."""
    matrices = {"kernel": head.kernel, "out_of_fold": head.out_of_fold_logits, "path": head.path}
    lists = {
        name: list(np.ascontiguousarray(values.T))
        for name, values in matrices.items()
        if values is not None
    }
    return pd.DataFrame({"bias": head.bias, "strength": head.strengths, **lists})


def _head(table: pd.DataFrame, folds: np.ndarray | None) -> ExactHead:
    def matrix(name: str, dtype: Any) -> np.ndarray:
        return np.stack(table[name].to_list(), axis=1).astype(dtype)

    return ExactHead(
        kernel=matrix("kernel", np.float32),
        bias=table["bias"].to_numpy(np.float32),
        strengths=table["strength"].to_numpy(np.float64),
        out_of_fold_logits=matrix("out_of_fold", np.float32),
        folds=folds,
        path=None if folds is None else matrix("path", np.float64),
    )
