"""Records: frozen dataclasses to plain values and back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from kerastl.files import without_nan
from kerastl.records import from_values, to_values, unstored


@dataclass(frozen=True, kw_only=True)
class Point:
    x: float
    ends: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Drawing:
    name: str | None
    points: Mapping[str, Point]
    rows: tuple[tuple[int, ...], ...]
    origin: Point
    facts: Mapping[str, Any]
    note: str | None = None
    draft: float = unstored(0.0)


DRAWING = Drawing(
    name=None,
    points={"a": Point(x=math.nan, ends=(0.0, 1.5)), "b": Point(x=2.0, ends=None)},
    rows=((1, 2), ()),
    origin=Point(x=0.5, ends=None),
    facts={"sizes": [1, 2]},
    draft=3.0,
)


def test_values_have_the_names_of_the_fields_and_leave_out_what_is_at_its_default() -> None:
    assert without_nan(to_values(DRAWING)) == {
        "name": None,
        "points": {"a": {"x": None, "ends": [0.0, 1.5]}, "b": {"x": 2.0, "ends": None}},
        "rows": [[1, 2], []],
        "origin": {"x": 0.5, "ends": None},
        "facts": {"sizes": [1, 2]},
    }


def test_what_was_written_is_read_back() -> None:
    values = without_nan(to_values(DRAWING))
    found = from_values(Drawing, values)
    assert math.isnan(found.points["a"].x)
    assert found.points["a"].ends == (0.0, 1.5)
    assert found.rows == ((1, 2), ())
    assert found.draft == 0.0
    assert without_nan(to_values(found)) == values


def test_unknown_keys_are_ignored_and_missing_ones_are_empty() -> None:
    found = from_values(Drawing, {"name": "new", "color": "red"})
    assert (found.name, found.points, found.rows, found.note) == ("new", {}, (), None)
    assert math.isnan(found.origin.x)
    assert found.origin.ends is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 7},
        {"points": {"a": {"x": "1", "ends": None}}},
        {"points": {"a": {"x": True, "ends": None}}},
        {"rows": [[1.5]]},
        {"origin": {"x": [], "ends": None}},
    ],
)
def test_a_value_of_another_type_than_its_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="expected"):
        from_values(Drawing, {**without_nan(to_values(DRAWING)), **wrong})
