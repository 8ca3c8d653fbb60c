"""The bundle: what prediction needs besides the model, stored as `bundle.json`."""

import importlib.metadata
import json
import platform
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

from kerastl.config import LabelPolicy, ListeningConfig
from kerastl.errors import RunError
from kerastl.media.base import InputContract, MediaType
from kerastl.media.media_types import media_type, read_contract
from kerastl.run.layout import RunLayout, no_finished_run

_VERSIONED = ("kerastl", "keras", "tensorflow", "numpy", "pillow", "soundfile", "soxr")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def changed(self, **values: Any) -> Self:
        """Returns a validated copy with other values of some fields."""
        return type(self).model_validate({**dict(self), **values})


class Calibration(_Part):
    """Platt calibration: calibrated logit = scale * logit + offset."""

    scale: float = 1.0
    offset: float = 0.0
    reason: str | None = None


class TaskBundle(_Part):
    """Threshold, calibration and label policy of one task."""

    threshold: float = 0.5
    threshold_policy: str = "fixed"
    threshold_note: str | None = None
    tuned_on: str = "nothing"
    calibration: Calibration = Calibration()
    labels: LabelPolicy = LabelPolicy()


class BackboneFacts(_Part):
    """The backbone, and whether it was trained."""

    id: str
    weights: str | None
    options: dict[str, Any]
    license: str
    sha256: str
    trained: bool


class Origin(_Part):
    """The place where a run was trained."""

    host: str
    folder: str  # absolute, without links


class Bundle(_Part):
    """All of `bundle.json`."""

    format: int = 1
    tasks: dict[str, TaskBundle]
    heads: dict[str, list[str]]
    input: Annotated[SerializeAsAny[InputContract], BeforeValidator(read_contract)]
    backbone: BackboneFacts
    data: dict[str, Any]
    evidence: dict[str, Any] = {}
    listening: ListeningConfig | None = None
    versions: dict[str, str]
    plugins: dict[str, str]
    created: str
    origin: Origin | None = None

    @property
    def media(self) -> MediaType:
        """The media type of the inputs."""
        return media_type(self.input.modality)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks in the order of the probabilities."""
        return tuple(self.tasks)

    @property
    def listening_config(self) -> ListeningConfig:
        """The listening settings, or the defaults if the bundle has none."""
        return self.listening or ListeningConfig()

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of each task, on the calibrated scale."""
        return {name: task.threshold for name, task in self.tasks.items()}


def read_bundle(layout: RunLayout) -> Bundle:
    """Reads the bundle of a finished run.

    Raises:
        RunError: The folder does not contain a finished run, or its bundle cannot be read.
    """
    if not layout.is_finished:
        raise no_finished_run(layout.folder)
    try:
        return Bundle.model_validate(json.loads(layout.bundle.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RunError(
            f"The bundle of the run '{layout.folder.name}' cannot be read.",
            where=str(layout.bundle),
            expected="a bundle.json of this version of kerastl",
            received=str(error).splitlines()[0],
            fix="Train the run again, or restore the file.",
        ) from error


def versions() -> dict[str, str]:
    """Returns the versions of the packages that the model's outputs depend on."""
    found = {name: importlib.metadata.version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), **found}
