"""Parity: whether an exported model answers as the run does, and what quantization costs.

Convention: the run's answers are those of its model on the files of examples, as `kerastl predict`
gives them; the exported model gets what the same files hold, in a process of its own runtime.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.data.inputs.batches import ArrayInputs, Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.errors import ExportError
from kerastl.evaluation.differences import ReplicatedScore, paired_difference, replicated_auc
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.means import mean_of_defined
from kerastl.export import runtime_check
from kerastl.export.formats import Form
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.media.cuts import cut_of
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.scoring import calibrate
from kerastl.run.trained_model import TrainedModel

_WARM_UP = 3  # calls, whose times do not count
_LAST_LINES = 3  # of what a runtime reported


@dataclass(frozen=True, kw_only=True)
class TaskParity:
    """How one task of the exported model differs from the run."""

    largest_difference: float  # of a probability
    decisions_changed: int  # at the threshold
    run_auc: float  # NaN if undefined
    export_auc: float


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How an exported model differs from the run on the same examples."""

    split: str
    examples: int
    limit: float | None  # of the largest difference; None for quantized models
    largest_difference: float  # of a probability, over tasks, and between batches of one and two
    tasks: Mapping[str, TaskParity]
    auc_cost: float  # mean over tasks of the run's AUC minus that of the export; NaN if undefined
    auc_cost_interval: tuple[float, float] | None  # 95 %, paired; None with fewer than 20 groups
    milliseconds: float  # median of one example on this machine

    @property
    def export_auc(self) -> float:
        """Mean AUC of the exported model over the tasks."""
        return mean_of_defined([one.export_auc for one in self.tasks.values()])


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The run's answers on examples.

    Args:
        bundle: The bundle of the run.
        split: Name of the examples.
        labels: `(examples, tasks)`, NaN where unknown.
        probabilities: Calibrated, `(examples, tasks)`.
        bootstrap: The groups of the examples.
        files: The files of the examples.
        joins_windows: Whether the exported model gets all windows of an example.
    """

    bundle: Bundle
    split: str
    labels: np.ndarray
    probabilities: np.ndarray
    bootstrap: Bootstrap
    files: FileInputs
    joins_windows: bool

    def write_inputs(self, folder: Path, *, takes_any_extent: bool) -> list[Path]:
        """Writes what the files hold, once: one array each, of its own extent or the contract's."""
        folder = folder / ("unfitted" if takes_any_extent else "fitted")
        paths = [folder / f"{row}.npy" for row in range(len(self.files))]
        if not folder.exists():
            folder.mkdir()
            decoder = self.bundle.media.decoder(self.bundle.input)
            for row, path in enumerate(paths):
                cut = cut_of(self.files.cuts, row)
                file = self.files.files[row]
                if takes_any_extent:
                    values = decoder.load_unfitted(file, cut)
                elif self.joins_windows:
                    values = decoder.load(file, cut).values
                else:
                    values = self.files.take(np.array([row]))[0]
                np.save(path, values)
        return paths

    def compare(self, found: Mapping[str, np.ndarray], *, limit: float | None) -> Parity:
        """Compares what the check of an exported model found."""
        bundle, tasks = self.bundle, self.bundle.task_names
        export = _columns(found, bundle, "head")
        pair = np.abs(_columns(found, bundle, "batch") - export[:1]).max()
        difference = np.abs(export - self.probabilities)
        is_finite = bool(np.isfinite(export).all())
        draws = Draws(self.bootstrap)
        scores = [
            [replicated_auc(self.labels[:, j], values[:, j], draws) for j in range(len(tasks))]
            for values in (self.probabilities, export)
        ]
        cost, interval = _cost(*scores) if is_finite else (float("nan"), None)
        thresholds = np.array(list(bundle.thresholds.values()))
        changed = ((export >= thresholds) != (self.probabilities >= thresholds)).sum(axis=0)
        return Parity(
            split=self.split,
            examples=len(export),
            limit=limit,
            largest_difference=float(max(difference.max(), pair)),
            tasks={
                task: TaskParity(
                    largest_difference=float(difference[:, j].max()),
                    decisions_changed=int(changed[j]),
                    run_auc=scores[0][j].value,
                    export_auc=scores[1][j].value,
                )
                for j, task in enumerate(tasks)
            },
            auc_cost=cost,
            auc_cost_interval=interval,
            milliseconds=1000 * float(np.median(found["seconds"][_WARM_UP:])),
        )


def make_reference(
    model: TrainedModel,
    bundle: Bundle,
    examples: Examples,
    *,
    split: str,
    bootstrap: Bootstrap,
    progress: Progress,
) -> Reference:
    """Returns the run's answers on examples.

    Raises:
        MediaError: A file cannot be read.
    """
    files = FileInputs(examples.files, bundle.input, cuts=examples.cuts)
    joins = files.has_windows and model.extractor is None
    is_split = files.has_windows and not joins  # of several windows, the exported model gets one
    inputs: Inputs = ArrayInputs(files.take(np.arange(len(files)))) if is_split else files
    stored = bundle.engines.get("scores")
    source = FeatureSource(
        cache=cache_folder(),
        engine="auto" if stored is None or stored.name == "xla" else stored.name,
    )
    features = source.features_of(model.backbone, inputs, progress=progress).values
    return Reference(
        bundle=bundle,
        split=split,
        labels=examples.labels,
        probabilities=calibrate(bundle, model.head_logits(bundle.task_names)(features)),
        bootstrap=bootstrap,
        files=files,
        joins_windows=joins,
    )


def run_exported(
    form: Form,
    path: Path,
    arrays: Sequence[Path],
    *,
    input_name: str,
    joins_windows: bool,
    folder: Path,
) -> dict[str, np.ndarray]:
    """Runs an exported model in a process of its runtime; see `runtime_check` for the result.

    Raises:
        ExportError: The runtime cannot load or run the model.
    """
    job, output = folder / "job.json", folder / "found.npz"
    output.unlink(missing_ok=True)
    values: dict[str, Any] = {
        "format": form.format.name,
        "model": str(path),
        "settings": dict(form.format.settings),
        "input": input_name,
        "batch": form.batch,
        "joins_windows": joins_windows,
        "arrays": [str(array) for array in arrays],
        "output": str(output),
    }
    job.write_text(json.dumps(values), encoding="utf-8")
    # -P: the folder of the script is no place to import from.
    command = [sys.executable, "-P", runtime_check.__file__, str(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not output.is_file():
        lines = done.stderr.strip().splitlines()[-_LAST_LINES:]
        raise ExportError(
            f"The runtime of {form.label} cannot run the exported model.",
            received="\n".join(lines) or f"exit code {done.returncode}",
            fix="Choose another format.",
        )
    with np.load(output) as stored:
        return dict(stored)


def _columns(found: Mapping[str, np.ndarray], bundle: Bundle, kind: str) -> np.ndarray:
    """Returns the probabilities of all heads in the order of the tasks."""
    columns = {
        task: found[f"{kind}/{head}"][:, place]
        for head, tasks in bundle.heads.items()
        for place, task in enumerate(tasks)
    }
    return np.stack([columns[task] for task in bundle.task_names], axis=1).astype(np.float64)


def _cost(
    run: Sequence[ReplicatedScore], export: Sequence[ReplicatedScore]
) -> tuple[float, tuple[float, float] | None]:
    """Returns how much higher the run's mean AUC is, with its paired interval."""
    if np.isnan(mean_of_defined([score.value for score in run])):
        return float("nan"), None
    difference = paired_difference([run], [export])
    return difference.value, difference.interval
