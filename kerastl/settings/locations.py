"""Keys of a tree of sections, and where in the tree a location of pydantic is."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from kerastl.settings.problems import KeyPath

Location = tuple[str | int, ...]

_KEY_MARK = "[key]"  # pydantic appends it if a key, not its value, is wrong


def key_path(root: type[BaseModel], location: Location) -> KeyPath:
    """Returns pydantic's location without the tags of choices and the marks of keys."""
    kept = [part for part, is_tag, _ in _walk(root, location) if not is_tag]
    return tuple(kept[:-1] if kept and kept[-1] == _KEY_MARK else kept)


def sections_at(root: type[BaseModel], location: Location) -> list[Any]:
    """Returns the sections that a location accepts, the chosen one first."""
    annotations: list[Any] = [root]
    for _, is_tag, annotation in _walk(root, location):
        annotations = [annotation, *annotations[:1]] if is_tag else [annotation]
    return list(dict.fromkeys(m for annotation in annotations for m in _sections(annotation)))


def key_types(section: type[BaseModel], before: KeyPath = ()) -> dict[KeyPath, Any]:
    """Returns the path and the type of every key, without keys below names that users choose."""
    found: dict[KeyPath, Any] = {}
    for name, info in section.model_fields.items():
        found[(*before, name)] = info.annotation
        for inner in _sections(info.annotation):
            found |= key_types(inner, (*before, name))
    return found


def _walk(root: type[BaseModel], location: Location) -> Iterator[tuple[str | int, bool, Any]]:
    """Yields each part of a location, whether it is a tag, and the type it leads to.

    A part is a tag only if the type is a choice: a name that a user chose may look like a tag.
    """
    annotation: Any = root
    for part in location:
        tagged = [member for tag, member in _members(annotation) if tag == part]
        annotation = tagged[0] if tagged else _below(annotation, part)
        yield part, bool(tagged), annotation


def _below(annotation: Any, part: str | int) -> Any:
    """Returns the type below a key or a place in a list; None if there is none."""
    for _, member in _members(annotation):
        if _is_section(member):
            info = member.model_fields.get(str(part))
            return info.annotation if info else None
        if get_origin(member) in (dict, tuple):
            return get_args(member)[1 if get_origin(member) is dict else 0]
    return None


def _sections(annotation: Any) -> list[type[BaseModel]]:
    return [member for _, member in _members(annotation) if _is_section(member)]


def _is_section(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseModel)


def _members(annotation: Any, tag: str | None = None) -> list[tuple[str | None, Any]]:
    """Returns the members of a union without their annotations, each with its tag."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return _members(inner, next((m.tag for m in metadata if isinstance(m, Tag)), tag))
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for one in get_args(annotation) for member in _members(one, tag)]
    return [(tag, annotation)]
