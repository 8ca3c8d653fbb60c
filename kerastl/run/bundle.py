"""The bundle: what prediction needs besides the model, stored as `bundle.json`."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from kerastl.backbones.views import Views
from kerastl.config import LabelPolicy, ListeningConfig
from kerastl.config.head import SINGLE_HEAD
from kerastl.config.training_sections import Part
from kerastl.errors import RunError, counted
from kerastl.evaluation.promises import Promise, ThresholdFacts
from kerastl.media.base import InputContract, MediaType
from kerastl.media.media_types import media_type, read_contract
from kerastl.records import from_values, to_values
from kerastl.run.layout import RunLayout, no_finished_run
from kerastl.settings import Listed, Problems, Text, refuse
from kerastl.settings.explain import explain
from kerastl.settings.problems import first_per_path
from kerastl.training.evidence import TrainingEvidence
from kerastl_runtime.checksums import refuse_changed
from kerastl_runtime.files import read_json

MAX_TASKS = 10_000

Tasks = Annotated[tuple[Text, ...], Listed, Field(min_length=1, max_length=MAX_TASKS)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def changed(self, **values: Any) -> Self:
        """Returns a validated copy with other values of some fields."""
        return type(self).model_validate({**dict(self), **values})


def _threshold(value: float) -> float:
    if not 0 <= value <= math.nextafter(1, 2):  # the last means that no probability is enough
        raise ValueError(f"expected a number from 0 to 1, received {value}")
    return value


def _reader(kind: type) -> BeforeValidator:
    """Returns a validator that reads a frozen dataclass from the keys of `to_values`."""

    def read(value: Any) -> Any:
        try:
            return from_values(kind, value) if isinstance(value, Mapping) else value
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read)


_AS_VALUES = PlainSerializer(to_values, when_used="unless-none")


class Calibration(_Part):
    """Platt calibration: calibrated logit = scale * logit + offset."""

    scale: float = 1.0
    offset: float = 0.0
    reason: str | None = None


class TaskBundle(_Part):
    """Threshold, calibration and label policy of one task.

    `bounds` are lower bounds of sensitivity, specificity and precision in new data.
    """

    threshold: Annotated[float, AfterValidator(_threshold)] = 0.5
    threshold_policy: str = "fixed"
    threshold_note: str | None = None
    tuned_on: str = "nothing"
    bounds: dict[str, float] = {}
    promise: Annotated[Promise | None, _reader(Promise)] = None
    calibration: Calibration = Calibration()
    labels: LabelPolicy = LabelPolicy()

    @property
    def facts(self) -> ThresholdFacts:
        """The policy, the bounds and the promise of the threshold."""
        return ThresholdFacts(
            policy=self.threshold_policy,
            bounds=self.bounds,
            promise=self.promise,
            note=self.threshold_note,
        )


class ExtractorFacts(_Part):
    """What is computed by a backbone that is no Keras model and is in a file of its own."""

    views: Annotated[Views | None, _reader(Views), _AS_VALUES] = None


class BackboneFacts(_Part):
    """The backbone, and whether it was trained; older runs lack the last three."""

    id: str
    weights: str | None
    options: dict[str, Any]
    license: str
    sha256: str
    trained: bool
    extractor: ExtractorFacts | None = None
    reference: str | None = None
    frozen_reason: str | None = None
    members: Annotated[tuple[dict[str, Any], ...], Listed] = ()  # if it is several


class Origin(_Part):
    """The place where a run was trained."""

    host: str
    folder: str  # absolute, without links


class TableFile(_Part):
    """A table that the run was trained on."""

    path: str
    sha256: str


class DataFacts(_Part):
    """The data that the run was trained on."""

    tables: Annotated[tuple[TableFile, ...], Listed]
    rows: Annotated[int, Field(ge=0)]
    column: str  # of the files
    group: str | None


class StrengthPath(_Part):
    """Out-of-fold loss of each task over the strengths of L2; null if it is undefined."""

    strengths: Annotated[tuple[float, ...], Listed]
    losses: dict[str, Annotated[tuple[float | None, ...], Listed]]


class RecordingsFacts(_Part):
    """The recordings that thresholds were chosen on."""

    table: str
    sha256: str
    recordings: int
    hours: float
    events: int
    voices: int = 0  # that the table names
    negatives: str | None = None  # table of the audio that may only raise thresholds


class Evidence(_Part):
    """How the model was found."""

    regularization: dict[str, float] | None = None  # chosen L2 strength of each task
    regularization_path: StrengthPath | None = None
    features: Annotated[TrainingEvidence | None, _reader(TrainingEvidence), _AS_VALUES] = None
    recordings: RecordingsFacts | None = None
    warnings: Annotated[tuple[str, ...], Listed] = ()  # about the backbone and the table


class EngineFacts(_Part):
    """The engine that computed features."""

    name: Literal["keras", "onnxruntime", "openvino", "xla"]
    precision: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}, {self.precision}"


class Bundle(_Part):
    """All of `bundle.json`."""

    format: Literal[1] = 1
    tasks: Annotated[dict[Text, TaskBundle], Field(min_length=1, max_length=MAX_TASKS)]
    heads: Annotated[dict[Text, Tasks], Field(min_length=1, max_length=MAX_TASKS)]
    heads_sha256: str | None = None  # of tasks and heads in their order; older runs have none
    input: Annotated[SerializeAsAny[InputContract], BeforeValidator(read_contract)]
    backbone: BackboneFacts
    data: DataFacts
    fitted_on: Annotated[tuple[Part, ...], Listed] = ("train",)
    evidence: Evidence = Evidence()
    engines: dict[str, EngineFacts] = {}  # by purpose: "training", "scores"
    listening: ListeningConfig | None = None
    versions: dict[str, str]
    plugins: dict[str, str]
    created: str
    origin: Origin | None = None

    @field_validator("heads")
    @classmethod
    def _heads_answer_the_tasks(cls, heads: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "tasks" in info.data:
            refuse(_wrong_heads(heads, list(info.data["tasks"])))
        return heads

    @field_validator("heads_sha256")
    @classmethod
    def _order_is_unchanged(cls, stored: str | None, info: ValidationInfo) -> str | None:
        found = info.data
        if stored is not None and found.keys() >= {"tasks", "heads"}:
            is_unchanged = stored == heads_hash(list(found["tasks"]), found["heads"])
            text = "tasks and heads, or their order, are not those of the training."
            refuse([] if is_unchanged else [((), text)])
        return stored

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
        RunError: The folder does not contain a finished run, or its bundle cannot be used; all
            problems are listed, each with the path of its key.
    """
    if not layout.is_finished:
        raise no_finished_run(layout.folder)
    refuse_changed(layout.folder, [layout.bundle])
    values = None
    try:
        values = read_json(layout.bundle)
        return Bundle.model_validate(values)
    except ValidationError as error:
        found = first_per_path(explain(error, values, Bundle))
        raise _unusable(layout, problems=[str(problem) for problem in found]) from None
    except (OSError, ValueError) as error:
        raise _unusable(layout, received=str(error).splitlines()[0]) from error


def heads_hash(tasks: Sequence[str], heads: Mapping[str, Sequence[str]]) -> str:
    """Returns the SHA-256 of the tasks and of the tasks of each head, both in their order."""
    ordered = [list(tasks), [[name, list(heads[name])] for name in sorted(heads)]]
    return hashlib.sha256(json.dumps(ordered).encode()).hexdigest()


def _wrong_heads(heads: Mapping[str, Sequence[str]], tasks: Sequence[str]) -> Problems:
    """Returns a problem for each task that not exactly one head answers."""
    answers, known = Counter(task for head in heads.values() for task in head), set(tasks)
    problems: Problems = [
        ((name, place), f"there is no task '{task}' under tasks.")
        for name, head in heads.items()
        for place, task in enumerate(head)
        if task not in known
    ]
    for task in tasks:
        if answers[task] != 1:
            problems.append((("..", "tasks", task), f"{counted(answers[task], 'head')} answer it."))
    if [*heads] == [SINGLE_HEAD] and not problems and list(heads[SINGLE_HEAD]) != list(tasks):
        problems.append((("..", "tasks"), f"the order is not that of heads.{SINGLE_HEAD}."))
    return problems


def _unusable(layout: RunLayout, **parts: Any) -> RunError:
    return RunError(
        f"The bundle of the run '{layout.folder.name}' cannot be used.",
        where=str(layout.bundle),
        expected="a bundle.json of this version of kerastl, as training wrote it",
        fix="Train the run again, or restore the file.",
        **parts,
    )
