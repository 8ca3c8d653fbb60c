"""A picture of the differences to masked labels, averaged over the tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gap_bench.mechanisms import MECHANISMS, POSITIVES_ONLY
from gap_bench.summary import METRICS, Counted, percent
from gap_bench.treatments import MASKED, TREATMENTS

LARGEST = {"auc": 0.1, "log_loss": 0.3}  # differences with the deepest color
TITLES = {
    "auc": "change of macro AUC (higher is better)",
    "log_loss": "change of log loss (lower is better)",
}


def draw(results: pd.DataFrame, path: Path) -> None:
    """Draws a panel for each metric: mechanisms and shares by treatments."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 9, "font.family": "sans-serif"})
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gaps"})
    from matplotlib import pyplot

    found = results[results["mechanism"].isin(MECHANISMS)]
    rows = [
        (mechanism, hidden)
        for mechanism in MECHANISMS
        for hidden in sorted(found["hidden"].unique())
        if mechanism != POSITIVES_ONLY
    ]
    figure, panels = pyplot.subplots(1, 2, figsize=(10.5, 6.2), sharey=True, layout="constrained")
    for panel, metric in zip(panels, METRICS, strict=True):
        _draw_panel(panel, results, metric, rows)
    panels[0].set_yticks(
        range(len(rows)), [f"{name}, {percent(hidden)} hidden" for name, hidden in rows]
    )
    figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _draw_panel(
    panel: Any, results: pd.DataFrame, metric: str, rows: list[tuple[str, float]]
) -> None:
    treatments = [name for name in TREATMENTS if name != MASKED]
    sign = -1 if metric == "log_loss" else 1
    values = np.full((len(rows), len(treatments)), np.nan)
    for y, (mechanism, hidden) in enumerate(rows):
        for x, treatment in enumerate(treatments):
            found = Counted.of(results, metric, mechanism, hidden, treatment)
            values[y, x] = sign * found.mean
            is_dark = abs(found.mean) > 0.6 * LARGEST[metric]
            color = "white" if is_dark else "black"
            panel.text(x, y, str(found), ha="center", va="center", fontsize=7, color=color)
    largest = LARGEST[metric]
    panel.imshow(values, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    panel.set_title(TITLES[metric], fontsize=10)
    panel.set_xticks(range(len(treatments)), treatments)
    panel.xaxis.tick_top()
    panel.tick_params(length=0)
    for edge in range(3, len(rows), 3):
        panel.axhline(edge - 0.5, color="white", linewidth=2)
