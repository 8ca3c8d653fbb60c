"""A run in short, for consoles and notebooks."""

from kerastl.evaluation.score_types import Scores
from kerastl.notebook import figure, html_table, interval, listed
from kerastl.run.record import RunRecord

_SCORES = ("auc", "average_precision", "sensitivity", "specificity")


def describe(record: RunRecord) -> str:
    """Returns the path, the backbone and the tasks of a run in one line."""
    tasks, backbone = listed(record.tasks), record.bundle.backbone.id
    return f"<Run {str(record.path)!r}: {backbone}, tasks {tasks}>"


def scores_html(record: RunRecord) -> str:
    """Returns a table of the test scores of a run, or of another split if it has no test."""
    part = "test" if "test" in record.metrics else next(iter(record.metrics))
    scores = record.metrics[part]
    rows = [(name, score.known, *_figures(score)) for name, score in scores.tasks.items()]
    rows.append(("macro", scores.macro.known, *_figures(scores.macro)))
    names = [name.replace("_", " ").replace("auc", "AUC") for name in _SCORES]
    title = f"{record.path.name} ({record.bundle.backbone.id}): scores on {part}"
    return html_table(title, ("task", "known", *names, "AUC, 95 %"), rows)


def _figures(scores: Scores) -> list[str]:
    found = [figure(scores.value(name)) for name in _SCORES]
    return [*found, interval(scores.auc_interval)]
