"""Field types with bounds, and unions that are chosen by shape.

Convention: if a key takes values of several shapes, the shape alone decides which member of the
union validates the value, so that a mistake is reported once and against the shape that was meant.
Tags of unions are in angle brackets, because no key is.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

from kerastl.settings.problems import MAX_PROBLEMS, PROBLEMS_ERROR, SHAPE_ERROR, KeyPath

Problems = list[tuple[KeyPath, str]]  # path below the checked field, and text

Text = Annotated[str, StringConstraints(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
FractionOrAll = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

Listed = Strict(False)  # a YAML list becomes a tuple; its items stay strict
Sides = Annotated[tuple[Count, Count], Listed]


def choice(expected: str, *, by: Callable[[Any], str | None] | None = None) -> Any:
    """Returns a discriminator of tagged unions that goes by the shape of the value.

    `expected` describes the accepted shapes; `by` returns the tag of a value, or None.
    """
    return Discriminator(
        by or shape, custom_error_type=SHAPE_ERROR, custom_error_message=f"expected {expected}"
    )


FLAG_WORDS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}


def is_flag_word(value: Any) -> bool:
    """Whether a value is text that YAML 1.1 reads as true or false."""
    return isinstance(value, str) and value.lower() in FLAG_WORDS


def shape(value: Any) -> str | None:
    """Returns the tag for the shape of a value, or None if no key takes such a value."""
    return next((tag for kind, tag in _SHAPES if isinstance(value, kind)), None)


_SHAPES: tuple[tuple[Any, str], ...] = (
    (type(None), "<null>"),
    (bool, "<flag>"),
    (int | float, "<number>"),
    (str | Path, "<text>"),
    (list | tuple, "<list>"),
    (Mapping | BaseModel, "<keys>"),
)


def tag_by_key(value: Any, *, otherwise: str, **tags: str) -> str | None:
    """Returns the tag of the first key that a mapping has, or the shape of anything else."""
    if shape(value) != "<keys>":
        return shape(value)
    keys = type(value).model_fields if isinstance(value, BaseModel) else value
    return next((tag for key, tag in tags.items() if key in keys), otherwise)


def refuse(found: Iterable[tuple[KeyPath, str]]) -> None:
    """Raises an error that makes pydantic report problems; without problems, does nothing.

    No more are looked for than show that there are more than `MAX_PROBLEMS`.
    """
    if problems := list(itertools.islice(found, MAX_PROBLEMS + 1)):
        text = "; ".join(text for _, text in problems)
        raise PydanticCustomError(PROBLEMS_ERROR, "{text}", {"text": text, "problems": problems})


def _refuse_repeated(values: tuple[str, ...]) -> tuple[str, ...]:
    first: dict[str, int] = {}
    refuse(
        ((place,), f"'{value}' is listed twice.")
        for place, value in enumerate(values)
        if first.setdefault(value, place) != place
    )
    return values


def _refuse_empty_path(path: Path) -> Path:
    if path == Path():
        raise ValueError("expected the path of a file, received none.")
    return path


FilePath = Annotated[Path, Strict(False), AfterValidator(_refuse_empty_path)]
Files = Annotated[tuple[FilePath, ...], Listed, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Listed, AfterValidator(_refuse_repeated)]
SomeTexts = Annotated[Texts, Field(min_length=1)]
Cells = Annotated[tuple[str, ...], Listed, AfterValidator(_refuse_repeated)]
