"""The result of a comparison: everything in `compare.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.compare.conditions import Condition
from kerastl.compare.contrasts import ContrastResult, Multiplicity
from kerastl.compare.cost import VariantCost
from kerastl.compare.verdicts import ScoredPart
from kerastl.errors import RunError, counted
from kerastl.files import without_nan
from kerastl.notebook import figure, html_table, interval, listed
from kerastl.records import from_values, to_values
from kerastl_runtime.files import read_json

RESULT = "compare.json"


@dataclass(frozen=True, kw_only=True)
class SeedScores:
    """One score over seeds."""

    mean: float  # over the seeds with a defined score
    by_seed: tuple[float, ...]
    interval: tuple[float, float] | None = None  # 95 %, of the mean


@dataclass(frozen=True, kw_only=True)
class VariantScores:
    """The scores of a variant on one task, or their means over tasks."""

    auc: SeedScores
    log_loss: SeedScores


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """A variant with its scores and its cost."""

    name: str
    mode: str | None  # part of the study
    tasks: tuple[str, ...]
    changes: Mapping[str, Any]  # dotted keys of the config to values
    training: Mapping[str, Any]  # its training rows
    supporting: bool  # whether it only serves a condition
    scores: Mapping[str, VariantScores]  # by task
    macro: VariantScores
    training_loss: Mapping[str, float]  # by task, in nats
    cost: VariantCost
    runs: tuple[str, ...] = ()  # paths of its trainings in the comparison


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """The result of a comparison."""

    format: int  # version of the format of the file
    axis: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    backbone: str  # in the config
    rows: Mapping[str, int]  # number in each split
    scored: ScoredPart
    findings: tuple[str, ...]  # what a reader should know first, in sentences
    answers: tuple[ContrastResult, ...]
    multiplicity: Multiplicity
    conditions: tuple[Condition, ...]  # under which sharing or transfer pays
    sides: tuple[VariantResult, ...]
    costs: tuple[str, ...]  # of one model and of several, in sentences
    notes: tuple[str, ...]  # how the variants were made, in sentences
    config: str  # as YAML
    versions: Mapping[str, str]
    recommendation: str = ""  # in one sentence
    command: str = ""  # that repeats the comparison

    def __repr__(self) -> str:
        return f"<ComparisonResult: {self._in_short}>"

    @property
    def _in_short(self) -> str:
        variants, seeds = counted(len(self.sides), "variant"), counted(len(self.seeds), "seed")
        return f"{self.axis}, {variants}, {seeds}, tasks {listed(self.tasks)}"

    def _repr_html_(self) -> str:
        answers = [
            (
                a.question,
                figure(one.difference, "+.3f"),
                interval(one.interval, "+.3f"),
                one.verdict,
            )
            for a in self.answers
            for one in [a.macro.auc]
        ]
        sides = [
            (side.name, figure(side.macro.auc.mean), figure(side.macro.log_loss.mean))
            for side in self.sides
        ]
        headers = ("question", "AUC difference", "95 %", "verdict")
        title = f"{self.axis}: differences of the mean over tasks on {self.scored.part}"
        scores = html_table("Variants", ("variant", "AUC", "log loss"), sides)
        return html_table(title, headers, answers) + scores


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A finished comparison.

    Args:
        path: Its folder.
        result: Its result.
    """

    path: Path
    result: ComparisonResult

    def __repr__(self) -> str:
        return f"<Comparison {str(self.path)!r}: {self.result._in_short}>"

    def _repr_html_(self) -> str:
        return self.result._repr_html_()

    @property
    def values(self) -> dict[str, Any]:
        """The result as plain values, as in `compare.json`."""
        return dict(without_nan(to_values(self.result)))


def read_comparison(path: str | Path) -> Comparison:
    """Returns a finished comparison from its folder.

    Raises:
        RunError: The folder does not contain a finished comparison, or its result is damaged.
    """
    folder = Path(path)
    try:
        found = from_values(ComparisonResult, read_json(folder / RESULT))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RunError(
            f"The comparison '{folder.name}' cannot be read.",
            where=str(folder / RESULT),
            received=getattr(error, "strerror", None) or str(error),
            fix="Compare again, or restore the file.",
        ) from error
    return Comparison(path=folder, result=found)
