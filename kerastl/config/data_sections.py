"""The schema of `data`: the table, its columns, its splits and what its cells mean."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, ValidationInfo, field_validator

from kerastl.errors import suggestion
from kerastl.media.base import MediaType
from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import (
    Cells,
    FilePath,
    Files,
    FractionOrAll,
    KeyPath,
    Problems,
    Section,
    Seed,
    SomeTexts,
    Text,
    choice,
    refuse,
    tag_by_key,
    with_fields,
)


class FractionSplit(Section):
    """Fractions of the rows for validation and test; the other rows are for training."""

    validation: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Fraction of the rows for validation, above 0 and below 1."
    )
    test: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Fraction of the rows for the test, above 0 and below 1."
    )
    method: Literal["stratified", "random", "hash"] = Field(
        default="stratified",
        description="stratified keeps each task's proportions; random does not; hash keeps rows in "
        "their splits when rows are added.",
    )
    seed: Seed = Field(default=0, description="Seed of the random assignment.")

    @field_validator("test")
    @classmethod
    def _leaves_training_rows(cls, test: float, info: ValidationInfo) -> float:
        if test + info.data.get("validation", 0.0) >= 1:
            raise ValueError("validation and test together leave no rows for training")
        return test


class ColumnSplit(Section):
    """A column of the table names the split of each row."""

    column: Text = Field(description="Column with train, validation or test in each row.")


class Soft(Section):
    """Uncertain labels are probabilities."""

    soft: FractionOrAll = Field(description="Probability that replaces uncertain cells, 0 to 1.")


class WeakNegative(Section):
    """Unknown labels count as "no" with a weight."""

    weak_negative: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        description='Weight of an unknown label as "no", above 0 and at most 1.'
    )


class LabelPolicy(Section):
    """What the cells of one task mean; blank is unknown, other cells are errors if not listed."""

    positive: Cells = Field(default=("1",), description="Cells that mean yes.")
    negative: Cells = Field(default=("0",), description="Cells that mean no.")
    uncertain: Cells = Field(default=(), description="Cells that mean uncertain.")
    when_uncertain: Annotated[
        Annotated[Literal["ignore", "positive", "negative"], Tag("<text>")]
        | Annotated[Soft, Tag("<keys>")],
        choice("ignore, positive, negative or {soft: 0.7}"),
    ] = Field(
        default="ignore",
        description="How uncertain cells are used in training; in validation and test they are "
        "unknown.",
    )
    when_unknown: Annotated[
        Annotated[Literal["ignore", "negative"], Tag("<text>")]
        | Annotated[WeakNegative, Tag("<keys>")],
        choice("ignore, negative or {weak_negative: 0.05}"),
    ] = Field(
        default="ignore",
        description='What an unknown label is in training: ignore, negative ("no") or "no" with a '
        "weight, for tasks of which only positives were recorded; in validation and test it is "
        "unknown.",
    )

    @property
    def unknown_weight(self) -> float:
        """Weight with which an unknown label counts as "no" in training."""
        if isinstance(self.when_unknown, WeakNegative):
            return self.when_unknown.weak_negative
        return 1.0 if self.when_unknown == "negative" else 0.0

    @field_validator("negative", "uncertain")
    @classmethod
    def _cells_mean_one_thing(cls, cells: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        refuse(_cells_of_two_meanings(cells, info.data))
        return cells

    @field_validator("when_uncertain")
    @classmethod
    def _has_uncertain_cells(cls, policy: Any, info: ValidationInfo) -> Any:
        if policy != "ignore" and info.data.get("uncertain") == ():
            raise ValueError("has no effect if uncertain lists no cells.")
        return policy

    @field_validator("when_unknown")
    @classmethod
    def _uncertain_is_not_unknown(cls, policy: Any, info: ValidationInfo) -> Any:
        ignored = info.data.get("uncertain") and info.data.get("when_uncertain") == "ignore"
        if policy != "ignore" and ignored:
            raise ValueError(
                'would make uncertain cells "no", too. Set when_uncertain: positive, negative or '
                "{soft: 0.5}."
            )
        return policy


def _file_columns() -> dict[str, Any]:
    """Returns a column of files per media type."""
    fields: dict[str, Any] = {}
    for name, media in MEDIA_TYPES.items():
        text = (
            f"Column with each {media.noun}: a path relative to the table, an address such as "
            "https://..., or in a Parquet file the bytes."
        )
        # The last one finds that none is given, so its default is validated, too.
        more: Any = {"validate_default": name == list(MEDIA_TYPES)[-1]}
        fields[name] = (Text | None, Field(default=None, description=text, **more))
    return fields


def _is_the_only_file_column(column: str | None, info: ValidationInfo) -> str | None:
    names = list(MEDIA_TYPES)
    before = names[: names.index(str(info.field_name))]
    if any(other not in info.data for other in before):
        return column
    given = next((other for other in before if info.data[other] is not None), None)
    if column is None and given is None and info.field_name == names[-1]:
        text = f"missing. Name the column with the files: {' or '.join(names)}."
        refuse([(("..", names[0]), text)])
    if column is not None and given is not None:
        raise ValueError(f"given beside {given}. Examples are of one media type: keep one of them.")
    return column


@with_fields(_file_columns(), one=field_validator(*MEDIA_TYPES)(_is_the_only_file_column))
class _Columns(Section):
    table: Annotated[
        Annotated[FilePath, Tag("<text>")] | Annotated[Files, Tag("<list>")],
        choice("the path of a table, or a list of them"),
    ] = Field(
        description="CSV or Parquet, one row per example; or a list of such tables. Relative to "
        "the config's folder."
    )


_MEDIA_KEYS = merged_fields(media.data_settings for media in MEDIA_TYPES.values())


def _has_an_effect(value: Any, info: ValidationInfo) -> Any:
    given = [media for media in MEDIA_TYPES.values() if info.data.get(media.name)]
    default = DataConfig.model_fields[str(info.field_name)].default
    if value != default and given and info.field_name not in given[0].data_settings.model_fields:
        raise ValueError(f"has no effect on {given[0].collective}. Remove it.")
    return value


@with_fields(_MEDIA_KEYS, effect=field_validator(*_MEDIA_KEYS)(_has_an_effect))
class DataConfig(_Columns):
    """The table of examples and what its columns mean."""

    tasks: SomeTexts = Field(description="Columns with the labels, one per yes/no question.")
    group: Text | None = Field(
        default=None, description="Column of groups; rows of one group are always in one split."
    )
    split: Annotated[
        Annotated[FractionSplit, Tag("<fractions>")] | Annotated[ColumnSplit, Tag("<column>")],
        choice(
            "{validation: 0.15, test: 0.15} or {column: split}",
            by=lambda value: tag_by_key(value, column="<column>", otherwise="<fractions>"),
        ),
    ] = Field(default=FractionSplit(), description="How rows become training, validation, test.")
    labels: dict[str, LabelPolicy] = Field(
        default={}, description="Task to the meaning of its cells, if not 1, 0 and blank."
    )

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

    @property
    def tables(self) -> tuple[Path, ...]:
        """The tables, as a tuple even if there is only one."""
        return self.table if isinstance(self.table, tuple) else (self.table,)

    @property
    def media(self) -> MediaType:
        """The media type of the examples."""
        return next(one for one in MEDIA_TYPES.values() if getattr(self, one.name) is not None)

    @property
    def modality(self) -> str:
        """Name of the media type of the examples."""
        return self.media.name

    @property
    def media_settings(self) -> Section:
        """The keys that exist for the media type of the examples alone."""
        section = self.media.data_settings
        return section(**{key: getattr(self, key) for key in section.model_fields})

    @property
    def file_column(self) -> str:
        """The column with the path of each example's file."""
        return str(getattr(self, self.modality))

    @property
    def example_columns(self) -> tuple[str, ...]:
        """The columns with the file and, if there are groups, the group of each example."""
        return (self.file_column, *(() if self.group is None else (self.group,)))


def unknown_tasks(
    names: Iterable[str], tasks: tuple[str, ...] | None
) -> Iterator[tuple[KeyPath, str]]:
    """Yields a problem for each name that is not a task; none if the tasks are not known."""
    known = set(tasks or ())
    for name in names:
        if tasks is not None and name not in known:
            parts = [f"'{name}' is not in data.tasks.", suggestion(name, tasks)]
            yield (name,), " ".join(filter(None, parts))


def _cells_of_two_meanings(cells: tuple[str, ...], earlier: Mapping[str, Any]) -> Problems:
    others = {
        meaning: {_cell_value(other) for other in earlier.get(meaning, ())}
        for meaning in ("positive", "negative")
    }
    return [
        ((place,), f"the cell '{cell}' is listed under {meaning} too.")
        for place, cell in enumerate(cells)
        for meaning, values in others.items()
        if _cell_value(cell) in values
    ]


def _cell_value(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _columns_used_twice(name: str, value: Any, earlier: Mapping[str, Any]) -> Problems:
    used = {earlier[key]: key for key in MEDIA_TYPES if earlier.get(key) is not None}
    columns: dict[KeyPath, Any] = {(): value}
    if name == "tasks":
        columns = {(place,): task for place, task in enumerate(value)}
    else:
        used |= dict.fromkeys(earlier.get("tasks", ()), "tasks")
    if name == "split":
        columns = {("column",): getattr(value, "column", None)}
    return [
        (path, f"the column '{column}' is data.{used[column]} already.")
        for path, column in columns.items()
        if column in used
    ]
