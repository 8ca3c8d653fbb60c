"""The result of a comparison: everything in `compare.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.compare.conditions import Condition
from kerastl.compare.contrasts import ContrastResult, Multiplicity
from kerastl.compare.summary import VariantResult
from kerastl.files import without_nan
from kerastl.records import from_values, to_values

RESULT = "compare.json"


@dataclass(frozen=True, kw_only=True)
class ScoredPart:
    """The rows on which all variants are scored.

    Args:
        part: The split.
        rows: Number of rows.
        groups: Number of groups.
        unit: `"groups"` or `"examples"`.
        replicates: Number of bootstrap replicates.
    """

    part: str
    rows: int
    groups: int
    unit: str
    replicates: int


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """The result of a comparison.

    Args:
        format: Version of the format of the file.
        axis: What varies.
        tasks: Names of all tasks.
        seeds: Seeds of the trials of each variant.
        backbone: Name of the backbone in the config.
        rows: Number of rows in each split.
        scored: The rows on which the variants are scored.
        findings: What a reader should know first, in sentences.
        answers: Result of each contrast.
        multiplicity: What so many verdicts at once mean.
        conditions: Conditions under which sharing or transfer pays, with evidence.
        sides: The variants with their scores and costs.
        costs: Costs of contrasts between one model and several, in sentences.
        notes: How the variants were made, in sentences.
        config: The config as YAML.
        versions: Versions of the packages.
    """

    format: int
    axis: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    backbone: str
    rows: Mapping[str, int]
    scored: ScoredPart
    findings: tuple[str, ...]
    answers: tuple[ContrastResult, ...]
    multiplicity: Multiplicity
    conditions: tuple[Condition, ...]
    sides: tuple[VariantResult, ...]
    costs: tuple[str, ...]
    notes: tuple[str, ...]
    config: str
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A finished comparison.

    Args:
        path: Its folder.
        result: Its result.
    """

    path: Path
    result: ComparisonResult

    @property
    def values(self) -> dict[str, Any]:
        """The result as plain values, as in `compare.json`."""
        return dict(without_nan(to_values(self.result)))


def read_comparison(path: str | Path) -> Comparison:
    """Returns a finished comparison from its folder."""
    folder = Path(path)
    values = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return Comparison(path=folder, result=from_values(ComparisonResult, values))
