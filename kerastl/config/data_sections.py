"""The schema of `data`: the table, its columns, its splits and what its cells mean.

Convention: a default stands here and nowhere else.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, ValidationInfo, field_validator

from kerastl.errors import suggestion
from kerastl.settings import (
    Cells,
    Count,
    FilePath,
    Files,
    FractionOrAll,
    Problems,
    Section,
    Seed,
    SomeTexts,
    Text,
    choice,
    refuse,
    tag_by_key,
)


class FractionSplit(Section):
    """Rows are drawn into training, validation and test."""

    validation: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Part of the rows for validation, above 0 and below 1."
    )
    test: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Part of the rows for the test, above 0 and below 1."
    )
    method: Literal["stratified", "random", "hash"] = Field(
        default="stratified",
        description="stratified keeps each task's proportions; random doesn't; hash never moves "
        "an old row when rows are added.",
    )
    seed: Seed = Field(default=0, description="Seed of the draw.")

    @field_validator("test")
    @classmethod
    def _leaves_training_rows(cls, test: float, info: ValidationInfo) -> float:
        if test + info.data.get("validation", 0.0) >= 1:
            refuse([((), "validation and test together leave no rows for training")])
        return test


class ColumnSplit(Section):
    """A column of the table says where each row belongs."""

    column: Text = Field(description="Column that holds train, validation or test in each row.")


class Soft(Section):
    """Uncertain labels are probabilities."""

    soft: FractionOrAll = Field(description="Probability that stands for uncertain, 0 to 1.")


class LabelPolicy(Section):
    """What the cells of one task mean; a cell that is listed nowhere is an error, blank unknown."""

    positive: Cells = Field(default=("1",), description="Cells that mean yes.")
    negative: Cells = Field(default=("0",), description="Cells that mean no.")
    uncertain: Cells = Field(default=(), description="Cells that mean that nobody is sure.")
    when_uncertain: Annotated[
        Annotated[Literal["ignore", "positive", "negative"], Tag("<text>")]
        | Annotated[Soft, Tag("<keys>")],
        choice("ignore, positive, negative or {soft: 0.7}"),
    ] = Field(
        default="ignore",
        description="What uncertain cells are in training; in validation and test they are "
        "unknown.",
    )

    @field_validator("negative", "uncertain")
    @classmethod
    def _cells_mean_one_thing(cls, cells: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        refuse(_cells_of_two_meanings(cells, info.data))
        return cells

    @field_validator("when_uncertain")
    @classmethod
    def _has_uncertain_cells(cls, policy: Any, info: ValidationInfo) -> Any:
        if policy != "ignore" and info.data.get("uncertain") == ():
            refuse([((), "has no effect if uncertain lists no cells.")])
        return policy


class DataConfig(Section):
    """The table of examples and what its columns mean."""

    table: Annotated[
        Annotated[FilePath, Tag("<text>")] | Annotated[Files, Tag("<list>")],
        choice("the path of a table, or a list of them"),
    ] = Field(
        description="CSV or Parquet, one row per example; or a list of such tables. Relative to "
        "the config's folder."
    )
    image: Text | None = Field(
        default=None, description="Column with the path of the picture, relative to the table."
    )
    audio: Text | None = Field(
        default=None,
        validate_default=True,  # for the case that neither image nor audio is given
        description="Column with the path of the sound, relative to the table.",
    )
    tasks: SomeTexts = Field(description="Columns with the labels, one per yes/no question.")
    group: Text | None = Field(
        default=None, description="Column whose rows of one value never fall into different splits."
    )
    split: Annotated[
        Annotated[FractionSplit, Tag("<fractions>")] | Annotated[ColumnSplit, Tag("<column>")],
        choice(
            "{validation: 0.15, test: 0.15} or {column: split}",
            by=lambda value: tag_by_key(value, column="<column>", otherwise="<fractions>"),
        ),
    ] = Field(default=FractionSplit(), description="How rows become training, validation, test.")
    labels: dict[str, LabelPolicy] = Field(
        default={}, description="Task to the meaning of its cells, where not 1, 0 and blank."
    )
    resize: Literal["stretch", "pad", "crop"] = Field(
        default="stretch", description="How a picture comes to the size of the backbone's input."
    )
    window: Literal["start", "center", "loudest", "pool"] = Field(
        default="center",
        description="Which part of a longer sound the backbone hears: the start, the center, the "
        "loudest window, or as many windows as cover it, whose features are averaged (pool).",
    )
    sample_rate_hz: Count | None = Field(
        default=None,
        description="Samples per second that the backbone takes; null is what the backbone says, "
        "or 16000 where it can't say.",
    )

    @field_validator("audio")
    @classmethod
    def _is_the_only_file_column(cls, audio: str | None, info: ValidationInfo) -> str | None:
        refuse(_file_columns(audio, info.data))
        return audio

    @field_validator("tasks", "group", "split")
    @classmethod
    def _columns_have_one_use(cls, value: Any, info: ValidationInfo) -> Any:
        refuse(_columns_used_twice(str(info.field_name), value, info.data))
        return value

    @field_validator("labels")
    @classmethod
    def _labels_are_of_tasks(cls, labels: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        refuse(unknown_tasks(labels, info.data.get("tasks")))
        return labels

    @field_validator("resize")
    @classmethod
    def _only_pictures_are_resized(cls, resize: str, info: ValidationInfo) -> str:
        if info.data.get("audio") and resize != cls.model_fields["resize"].default:
            refuse([((), "has no effect on audio. Remove it.")])
        return resize

    @field_validator("window", "sample_rate_hz")
    @classmethod
    def _only_sounds_have_windows(cls, value: Any, info: ValidationInfo) -> Any:
        default = cls.model_fields[str(info.field_name)].default
        if info.data.get("image") and value != default:
            refuse([((), "has no effect on images. Remove it.")])
        return value

    @property
    def tables(self) -> tuple[Path, ...]:
        """The tables, also where there is only one."""
        return self.table if isinstance(self.table, tuple) else (self.table,)

    @property
    def modality(self) -> Literal["image", "audio"]:
        """What the examples are."""
        return "image" if self.image is not None else "audio"

    @property
    def file_column(self) -> str:
        """The column with the path of each example's file."""
        return self.image or self.audio or ""


def unknown_tasks(names: Iterable[str], tasks: tuple[str, ...] | None) -> Problems:
    """Returns a problem for each name that is not a task; none if the tasks are not known."""
    problems: Problems = []
    for name in names:
        if tasks is not None and name not in tasks:
            parts = [f"'{name}' is not in data.tasks.", suggestion(name, tasks)]
            problems.append(((name,), " ".join(filter(None, parts))))
    return problems


def _cells_of_two_meanings(cells: tuple[str, ...], earlier: Mapping[str, Any]) -> Problems:
    return [
        ((place,), f"the cell '{cell}' is listed under {meaning} too.")
        for place, cell in enumerate(cells)
        for meaning in ("positive", "negative")
        if _cell_value(cell) in {_cell_value(other) for other in earlier.get(meaning, ())}
    ]


def _cell_value(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _file_columns(audio: str | None, earlier: Mapping[str, Any]) -> Problems:
    if "image" not in earlier:
        return []
    image = earlier["image"]
    if image is None and audio is None:
        return [(("..", "image"), "missing. Name the column with the files: image or audio.")]
    if image is not None and audio is not None:
        return [((), "given beside image. An example is an image or audio: keep one of them.")]
    return []


def _columns_used_twice(name: str, value: Any, earlier: Mapping[str, Any]) -> Problems:
    used = {earlier[key]: key for key in ("image", "audio") if earlier.get(key) is not None}
    if name == "tasks":
        return [
            ((place,), f"the column '{task}' is data.{used[task]} already.")
            for place, task in enumerate(value)
            if task in used
        ]
    used |= dict.fromkeys(earlier.get("tasks", ()), "tasks")
    column = getattr(value, "column", None) if name == "split" else value
    if column not in used:
        return []
    path = ("column",) if name == "split" else ()
    return [(path, f"the column '{column}' is data.{used[column]} already.")]
