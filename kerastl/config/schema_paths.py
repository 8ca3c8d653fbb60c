"""Where in the schema a location of pydantic lies, and which keys there are."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from kerastl.config.problems import KeyPath
from kerastl.config.schema import Config

Location = tuple[str | int, ...]

_KEY_MARK = "[key]"  # what pydantic appends where a key, not its value, is wrong


def key_path(location: Location) -> KeyPath:
    """Returns pydantic's location without the tags of choices and the marks of keys."""
    kept = [part for part, is_tag, _ in _walk(location) if not is_tag]
    return tuple(kept[:-1] if kept and kept[-1] == _KEY_MARK else kept)


def sections_at(location: Location) -> list[type[BaseModel]]:
    """Returns the models that may stand at a location: the chosen one first, where one is."""
    annotations: list[Any] = [Config]
    for _, is_tag, annotation in _walk(location):
        annotations = [annotation, *annotations[:1]] if is_tag else [annotation]
    return list(dict.fromkeys(m for annotation in annotations for m in _sections(annotation)))


def key_paths(section: type[BaseModel] = Config, before: KeyPath = ()) -> tuple[KeyPath, ...]:
    """Returns the path of every key of the schema; keys below names of the user's are left out."""
    paths: list[KeyPath] = []
    for name, info in section.model_fields.items():
        paths.append((*before, name))
        for inner in _sections(info.annotation):
            paths.extend(key_paths(inner, (*before, name)))
    return tuple(dict.fromkeys(paths))


def _walk(location: Location) -> Iterator[tuple[str | int, bool, Any]]:
    """Yields each part of a location, whether it is a tag, and the type it leads to.

    A tag is one only where the schema has a choice: a user's name may look like it.
    """
    annotation: Any = Config
    for part in location:
        chosen = _tagged(annotation, part)
        annotation = _below(annotation, part) if chosen is None else chosen
        yield part, chosen is not None, annotation


def _below(annotation: Any, part: str | int) -> Any:
    """Returns the type below a key or a place in a list; None where the schema has none."""
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
    """Returns the types that a union is made of, bare of their annotations."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for argument in get_args(annotation) for member in _members(argument)]
    return [annotation]


def _tagged(annotation: Any, tag: str | int) -> Any:
    """Returns the member of a choice that carries the tag; None where there is none."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        is_tagged = any(isinstance(item, Tag) and item.tag == tag for item in metadata)
        return inner if is_tagged else _tagged(inner, tag)
    if get_origin(annotation) in (Union, types.UnionType):
        found = (_tagged(argument, tag) for argument in get_args(annotation))
        return next((member for member in found if member is not None), None)
    return None
