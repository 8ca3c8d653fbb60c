"""COCO and LVIS files, checked before anything is done with them.

Convention: an id is a whole number or text and is compared as written, so 7 and "7" differ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.errors import TableError
from kerastl.files import read_json
from kerastl.settings.explain import received

MAX_BYTES = 2**31  # twice the largest file of LVIS

Id = int | float | str

_REQUIRED = {
    "images": ("id",),
    "annotations": ("image_id", "category_id"),
    "categories": ("id", "name"),
}  # fields of the entries of each list


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """The content of a file of instances.

    Args:
        categories: Name of each category.
        images: File name of each image.
        absent: Categories that were searched for in vain, of each image of an LVIS file; None if
            the file is not one of LVIS.
        annotations: Image and category of each annotation.
    """

    categories: Mapping[Id, str]
    images: Mapping[Id, str]
    absent: Mapping[Id, Sequence[Id]] | None
    annotations: Sequence[tuple[Id, Id]]


def read_coco(source: Path) -> CocoFile:
    """Reads a COCO or LVIS file of instances.

    Raises:
        TableError: The file cannot be read, is not one of instances, or repeats an id.
    """
    content = _read(source)
    images = content["images"]
    is_lvis = any("neg_category_ids" in image for image in images)
    absent = [image.get("neg_category_ids", []) for image in images]
    _check(absent, _are_ids, source, "images[{}].neg_category_ids", "a list of ids")
    ids = _distinct(images, "images", source)
    return CocoFile(
        categories=dict(
            zip(
                _distinct(content["categories"], "categories", source),
                _names(content["categories"], source),
                strict=True,
            )
        ),
        images=dict(zip(ids, _file_names(images, source), strict=True)),
        absent=dict(zip(ids, absent, strict=True)) if is_lvis else None,
        annotations=list(
            zip(
                _ids(content["annotations"], "annotations", "image_id", source),
                _ids(content["annotations"], "annotations", "category_id", source),
                strict=True,
            )
        ),
    )


def _read(source: Path) -> dict[str, list[Mapping[str, Any]]]:
    try:
        content = read_json(source, max_bytes=MAX_BYTES, max_depth=None)
    except (OSError, ValueError) as error:
        raise TableError(
            "The annotations cannot be read.",
            where=str(source),
            expected="a JSON file of COCO instances",
            received=getattr(error, "strerror", None) or str(error),
        ) from error
    for key, fields in _REQUIRED.items():
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and entry.keys() >= {*fields} for entry in entries
        ):
            raise TableError(
                f"The annotations have no usable '{key}'.",
                where=str(source),
                expected=f"a list '{key}' of objects with {' and '.join(fields)}",
                fix="Use the file of instances, such as instances_val2017.json.",
            )
    return content


def _ids(entries: Sequence[Mapping[str, Any]], key: str, field: str, source: Path) -> list[Id]:
    values = [entry[field] for entry in entries]
    _check(values, _is_id, source, f"{key}[{{}}].{field}", "a whole number or text")
    return values


def _distinct(entries: Sequence[Mapping[str, Any]], key: str, source: Path) -> list[Id]:
    """Returns the ids of entries, which must differ."""
    values = _ids(entries, key, "id", source)
    first: dict[Id, int] = {}
    for place, value in enumerate(values):
        if first.setdefault(value, place) != place:
            raise _unusable(source, f"{key}[{place}].id", "an id of its own", value)
    return values


def _names(categories: Sequence[Mapping[str, Any]], source: Path) -> list[str]:
    names = [category["name"] for category in categories]
    _check(names, lambda name: _is_id(name) and name != "", source, "categories[{}].name", "text")
    return [str(name) for name in names]


def _file_names(images: Sequence[Mapping[str, Any]], source: Path) -> list[str]:
    """Returns the name of each image; LVIS has no `file_name`, but the address ends with it."""
    names = [image.get("file_name") or _last_part(image) for image in images]
    _check(names, _is_text, source, "images[{}].file_name", "text")
    return names


def _last_part(image: Mapping[str, Any]) -> Any:
    address = image.get("coco_url")
    if isinstance(address, str) and "/" in address:
        return address.rpartition("/")[2]
    return f"{int(image['id']):012d}.jpg" if isinstance(image["id"], int) else None


def _check(
    values: Sequence[Any], is_valid: Callable[[Any], bool], source: Path, key: str, expected: str
) -> None:
    for place, value in enumerate(values):
        if not is_valid(value):
            raise _unusable(source, key.format(place), expected, value)


def _unusable(source: Path, key: str, expected: str, value: Any) -> TableError:
    return TableError(
        "The annotations are not as COCO and LVIS write them.",
        where=f"{source}: {key}",
        expected=expected,
        received=received(value),
    )


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_id, value))


def _is_id(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return _is_text(value) or (isinstance(value, int) and not isinstance(value, bool))


def _is_text(value: Any) -> bool:
    """Whether a value is text that can be written in UTF-8."""
    return isinstance(value, str) and not any("\ud800" <= mark <= "\udfff" for mark in value)
