"""Finished runs compared with each other."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_runs import write_run

from kerastl.compare.finished_runs import compare_runs
from kerastl.errors import RunError


def write_pair(folder: Path, *, rows: int = 900) -> tuple[Path, Path]:
    """Writes two runs on the same files: the second one's test probabilities are noise."""
    runs = tuple(write_run(folder / name, rows=rows, gaps=0.1) for name in ("good", "noise"))
    frame = pd.read_parquet(runs[0] / "predictions.parquet")
    random = np.random.default_rng(1)
    for task in ("car", "stop sign"):
        frame[task] = random.permutation(frame[task])
    frame.to_parquet(runs[1] / "predictions.parquet")
    return runs


def test_the_worse_run_is_called_worse_by_both_scores(tmp_path: Path) -> None:
    good, noise = write_pair(tmp_path)
    result = compare_runs([good, noise], tmp_path / "page.html")
    macro = result.answers[0].macro
    assert (macro.auc.verdict, macro.log_loss.verdict) == ("hurts", "hurts")
    assert result.recommendation.startswith("noise is worse than good (macro AUC -0.")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<a href="noise/report.html">' in page
    assert "How the configs differ from that of good." in page


def test_only_labels_that_all_runs_know_count(tmp_path: Path) -> None:
    good, noise = write_pair(tmp_path)
    frame = pd.read_parquet(noise / "predictions.parquet")
    frame["car_label"] = np.nan
    frame.to_parquet(noise / "predictions.parquet")
    result = compare_runs([good, noise], tmp_path / "page.html")
    assert np.isnan(result.answers[0].tasks["car"].auc.difference)


def test_runs_without_common_rows_are_refused(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, rows=60) for name in "ab"]
    with pytest.raises(RunError, match="no held-out rows in common"):
        compare_runs(runs, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
