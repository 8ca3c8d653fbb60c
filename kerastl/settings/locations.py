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


def key_paths(section: type[BaseModel], before: KeyPath = ()) -> tuple[KeyPath, ...]:
    """Returns the path of every key of a section, without keys below names that users choose."""
    paths: list[KeyPath] = []
    for name, info in section.model_fields.items():
        paths.append((*before, name))
        for inner in _sections(info.annotation):
            paths.extend(key_paths(inner, (*before, name)))
    return tuple(dict.fromkeys(paths))


def _walk(root: type[BaseModel], location: Location) -> Iterator[tuple[str | int, bool, Any]]:
    """Yields each part of a location, whether it is a tag, and the type it leads to.

    A part is a tag only if the type is a choice: a name that a user chose may look like a tag.
    """
    annotation: Any = root
    for part in location:
        chosen = _tagged(annotation, part)
        annotation = _below(annotation, part) if chosen is None else chosen
        yield part, chosen is not None, annotation


def _below(annotation: Any, part: str | int) -> Any:
    """Returns the type below a key or a place in a list; None if there is none."""
    for member in _members(annotation):
        if _is_section(member):
            info = member.model_fields.get(str(part))
            return info.annotation if info else None
        if get_origin(member) in (dict, tuple):
            return get_args(member)[1 if get_origin(member) is dict else 0]
    return None


def _sections(annotation: Any) -> list[type[BaseModel]]:
    return [member for member in _members(annotation) if _is_section(member)]


def _is_section(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseModel)


def _members(annotation: Any) -> list[Any]:
    """Returns the members of a union without their annotations."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]


def _tagged(annotation: Any, tag: str | int) -> Any:
    """Returns the member of a choice that carries the tag; None if there is none."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        is_tagged = any(isinstance(item, Tag) and item.tag == tag for item in metadata)
        return inner if is_tagged else _tagged(inner, tag)
    if get_origin(annotation) in (Union, types.UnionType):
        found = (_tagged(argument, tag) for argument in get_args(annotation))
        return next((member for member in found if member is not None), None)
    return None
