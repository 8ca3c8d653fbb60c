"""COCO and LVIS files, checked before anything is done with them.

Convention: an id is a whole number or text and is compared as written, so 7 and "7" differ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.errors import TableError
from kerastl.settings.explain import received
from kerastl_runtime.files import read_json

MAX_BYTES = 2**31  # twice the largest file of LVIS

Id = int | float | str

_REQUIRED = {
    "images": ("id",),
    "annotations": ("image_id", "category_id"),
    "categories": ("id", "name"),
}  # fields of the entries of each list


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """The content of a file of instances."""

    categories: Mapping[Id, str]  # names
    images: Mapping[Id, str]  # file names
    # Categories that were searched for in each image and not found; None if it is not a LVIS file.
    absent: Mapping[Id, Sequence[Id]] | None
    annotations: Sequence[tuple[Id, Id]]  # image and category
    is_of_label_studio: bool


def read_coco(source: Path) -> CocoFile:
    """Reads a COCO or LVIS file of instances, or raises a `TableError`."""
    content = _read(source)
    images, categories = content["images"], content["categories"]
    absent = [image.get("neg_category_ids", []) for image in images]
    _check(absent, _are_ids, source, "images[{}].neg_category_ids", "a list of ids")
    is_lvis = any("neg_category_ids" in image for image in images)
    image_ids = _distinct(images, "images", source)
    category_ids = _distinct(categories, "categories", source)
    names = [category["name"] for category in categories]
    _check(names, lambda name: _is_id(name) and name != "", source, "categories[{}].name", "text")
    # LVIS has no `file_name`, but the address ends with it.
    files = [image.get("file_name") or _last_part(image) for image in images]
    _check(files, _is_text, source, "images[{}].file_name", "text")
    annotations = [
        _ids(content["annotations"], "annotations", field, source)
        for field in ("image_id", "category_id")
    ]
    return CocoFile(
        categories=dict(zip(category_ids, map(str, names), strict=True)),
        images=dict(zip(image_ids, files, strict=True)),
        absent=dict(zip(image_ids, absent, strict=True)) if is_lvis else None,
        annotations=list(zip(*annotations, strict=True)),
        is_of_label_studio=_contributor(content) == "Label Studio",
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


def _contributor(content: Mapping[str, Any]) -> Any:
    info = content.get("info")
    return info.get("contributor") if isinstance(info, dict) else None


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
