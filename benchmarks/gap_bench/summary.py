"""Differences between treatments over the seeds, and their tables in Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from frozen_common import print_table
from scipy import stats

from gap_bench.mechanisms import MECHANISMS, POSITIVES_ONLY
from gap_bench.treatments import BLANKS_AS_NO, IGNORED, MASKED, TREATMENTS

UNCERTAIN = "uncertain"
METRICS = {"auc": "macro AUC", "log_loss": "log loss"}  # higher is better, lower is better
REFERENCES = {POSITIVES_ONLY: BLANKS_AS_NO, UNCERTAIN: IGNORED}  # of the others: masked
NONE = "–"  # no model


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A treatment minus the reference, over the seeds; NaN if a seed has no model.

    Args:
        value: Mean.
        error: Standard error of the mean.
        num_seeds: Number of seeds.
    """

    value: float
    error: float
    num_seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 is outside of the 95 % interval of Student's t."""
        reach = stats.t.ppf(0.975, self.num_seeds - 1) * self.error
        return bool(abs(self.value) > reach)

    def __str__(self) -> str:
        if np.isnan(self.value):
            return NONE
        text = f"{_signed(self.value)} ± {self.error:.3f}"
        return f"**{text}**" if self.excludes_zero else text


def difference(cell: pd.DataFrame, metric: str, treatment: str, reference: str) -> Difference:
    """Returns the paired difference of two treatments of one table, mechanism and share."""
    by_seed = cell.pivot(index="seed", columns="treatment", values=metric)
    differences = by_seed[treatment] - by_seed[reference]
    return Difference(
        value=float(differences.mean(skipna=False)),
        error=float(differences.std(skipna=False) / np.sqrt(len(differences))),
        num_seeds=len(differences),
    )


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A treatment minus masked labels over the tables; NaN if no table has a model.

    Args:
        mean: Mean of the differences.
        worse: Number of tables in which the treatment is worse, and 0 is outside of the interval.
        better: The same for better.
        tables: Number of tables with models.
    """

    mean: float
    worse: int
    better: int
    tables: int

    @classmethod
    def of(
        cls, results: pd.DataFrame, metric: str, mechanism: str, hidden: float, treatment: str
    ) -> "Counted":
        """Counts the tables of the results."""
        found = results[(results["mechanism"] == mechanism) & (results["hidden"] == hidden)]
        cells = [cell for _, cell in found.groupby("table")]
        differences = [difference(cell, metric, treatment, MASKED) for cell in cells]
        usable = [one for one in differences if not np.isnan(one.value)]
        sign = 1 if metric == "log_loss" else -1
        signs = [sign * one.value for one in usable if one.excludes_zero]
        return cls(
            mean=float(np.mean([one.value for one in usable])) if usable else np.nan,
            worse=sum(one > 0 for one in signs),
            better=sum(one < 0 for one in signs),
            tables=len(usable),
        )

    def __str__(self) -> str:
        if not self.tables:
            return "no model"
        better = f"\nbetter {self.better}/{self.tables}" if self.better else ""
        return f"{_signed(self.mean)}\nworse {self.worse}/{self.tables}{better}"


def print_tables(results: pd.DataFrame) -> None:
    """Prints all tables."""
    with_masked = [name for name in MECHANISMS if name != POSITIVES_ONLY]
    treatments = [name for name in TREATMENTS if name != MASKED]
    for table in results["table"].unique():
        found = results[(results["table"] == table) & results["mechanism"].isin(with_masked)]
        for metric, title in METRICS.items():
            print(f"\n### {table}: {title}, {found['seed'].nunique()} seeds\n")
            print_table(("unknown", "hidden", MASKED, *treatments), [*_rows(found, metric)])
    for mechanism in (POSITIVES_ONLY, UNCERTAIN):
        found = results[results["mechanism"] == mechanism]
        for metric, title in METRICS.items():
            print(f"\n### {mechanism}: {title}\n")
            _print_by_table(found, metric, REFERENCES[mechanism])


def _rows(found: pd.DataFrame, metric: str) -> Iterator[tuple[str, ...]]:
    """Yields a row for each mechanism and share."""
    others = [name for name in TREATMENTS if name != MASKED]
    for (mechanism, hidden), cell in found.groupby(["mechanism", "hidden"], sort=False):
        mean = cell.loc[cell["treatment"] == MASKED, metric].mean()
        differences = [str(difference(cell, metric, name, MASKED)) for name in others]
        yield mechanism, percent(hidden), f"{mean:.3f}", *differences


def _print_by_table(found: pd.DataFrame, metric: str, reference: str) -> None:
    """Prints a row for each table and share, without treatments that never give a model."""
    has_model = found.groupby("treatment", sort=False)[metric].apply(lambda one: one.notna().any())
    others = [name for name in has_model[has_model].index if name != reference]
    rows = []
    for (table, hidden), cell in found.groupby(["table", "hidden"], sort=False):
        mean = cell.loc[cell["treatment"] == reference, metric].mean()
        differences = [str(difference(cell, metric, name, reference)) for name in others]
        rows.append((table, percent(hidden), f"{mean:.3f}", *differences))
    print_table(("table", "hidden", reference, *others), rows)


def percent(share: float) -> str:
    """Returns a share as text."""
    return f"{share:.0%}".replace("%", " %")


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
