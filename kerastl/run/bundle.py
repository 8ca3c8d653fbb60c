"""What a deployed model needs to know besides its weights: `bundle.json`."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kerastl.config import LabelPolicy, ListeningConfig
from kerastl.errors import RunError

FILE_NAME = "bundle.json"
_VERSIONED = ("kerastl", "keras", "tensorflow", "numpy", "pillow", "soundfile", "soxr")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Calibration(_Part):
    """Platt's two numbers: calibrated logit = scale * logit + offset."""

    scale: float = 1.0
    offset: float = 0.0
    reason: str | None = None


class TaskBundle(_Part):
    """What the decision on one task needs."""

    threshold: float = 0.5
    threshold_policy: str = "fixed"
    threshold_note: str | None = None
    tuned_on: str = "nothing"
    calibration: Calibration = Calibration()
    labels: LabelPolicy = LabelPolicy()


class InputContract(_Part):
    """What goes into the model and how a file becomes it."""

    modality: str
    shape: tuple[int, ...]
    resize: str = "stretch"
    rule_version: int = 1
    sample_rate_hz: int | None = None
    window: str = "center"


class BackboneFacts(_Part):
    """Which backbone it was, and whether it learned."""

    id: str
    weights: str | None
    options: dict[str, Any]
    license: str
    sha256: str
    trained: bool


class Bundle(_Part):
    """All of `bundle.json`."""

    format: int = 1
    tasks: dict[str, TaskBundle]
    heads: dict[str, list[str]]
    input: InputContract
    backbone: BackboneFacts
    data: dict[str, Any]
    evidence: dict[str, Any] = {}
    listening: ListeningConfig | None = None
    versions: dict[str, str]
    plugins: dict[str, str]
    created: str

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks in the order of the probabilities."""
        return tuple(self.tasks)

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of each task, on the calibrated scale."""
        return {name: task.threshold for name, task in self.tasks.items()}


def read_bundle(run: Path) -> Bundle:
    """Reads the bundle of a run.

    Raises:
        RunError: There is no finished run, or its bundle can't be read.
    """
    path = run / FILE_NAME
    if not path.is_file():
        raise _no_run(run)
    try:
        return Bundle.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise RunError(
            f"The run '{run.name}' has a bundle that can't be read.",
            where=str(path),
            expected="a bundle.json of this version of kerastl",
            received=str(error).splitlines()[0],
            fix="Train the run again, or restore the file.",
        ) from error


def versions() -> dict[str, str]:
    """Returns the versions that the values of a model depend on."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), **found}


def weights_sha256(arrays: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of named arrays, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}:{array.dtype}:{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _no_run(run: Path) -> RunError:
    if not run.is_dir():
        return RunError(
            f"There is no run '{run}'.",
            expected="a folder that `kerastl train` wrote",
            fix="Check the path; `kerastl train CONFIG --output RUN` makes a run.",
        )
    if (run / "config.yaml").is_file():
        return RunError(
            f"The run '{run}' isn't finished.",
            where=str(run),
            fix=f"Run `kerastl train --resume {run}`.",
        )
    return RunError(
        f"The folder '{run}' holds no run.",
        where=str(run),
        expected="bundle.json and model.keras, as `kerastl train` writes them",
    )
