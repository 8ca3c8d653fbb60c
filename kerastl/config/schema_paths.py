"""Where in the schema a location of pydantic lies, and which keys there are."""

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from kerastl.config.problems import KeyPath
from kerastl.config.schema import Config

Location = tuple[str | int, ...]

_KEY_MARK = "[key]"  # what pydantic appends where a key, not its value, is wrong


def key_path(location: Location) -> KeyPath:
    """Returns pydantic's location without the tags of choices and the marks of keys."""
    return tuple(part for part in location if part not in (*_TAGS, _KEY_MARK))


def sections_at(location: Location) -> list[type[BaseModel]]:
    """Returns the models that may stand at a location: the chosen one first, where one is."""
    *outer, last = location or (None,)
    if last in _TAGS:
        return list(dict.fromkeys([*_sections(_at(location)), *_sections(_at(tuple(outer)))]))
    return _sections(_at(location))


def key_paths(section: type[BaseModel] = Config, before: KeyPath = ()) -> tuple[KeyPath, ...]:
    """Returns the path of every key of the schema; keys below names of the user's are left out."""
    paths: list[KeyPath] = []
    for name, info in section.model_fields.items():
        paths.append((*before, name))
        for inner in _sections(info.annotation):
            paths.extend(key_paths(inner, (*before, name)))
    return tuple(dict.fromkeys(paths))


def _at(location: Location) -> Any:
    annotation: Any = Config
    for part in location:
        annotation = _tagged(annotation, str(part)) if part in _TAGS else _below(annotation, part)
    return annotation


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


def _tagged(annotation: Any, tag: str) -> Any:
    """Returns the member of a union that carries the tag."""
    if tag in _own_tags(annotation):
        return annotation
    if get_origin(annotation) is Annotated:
        return _tagged(get_args(annotation)[0], tag)
    if get_origin(annotation) in (Union, types.UnionType):
        found = [_tagged(argument, tag) for argument in get_args(annotation)]
        return next((member for member in found if member is not None), None)
    return None


def _own_tags(annotation: Any) -> list[str]:
    metadata = getattr(annotation, "__metadata__", ())
    return [item.tag for item in metadata if isinstance(item, Tag)]


def _all_tags(annotation: Any) -> set[str]:
    """Returns every tag that is used in a type and in the models below it."""
    tags = set(_own_tags(annotation))
    for argument in get_args(annotation):
        tags |= _all_tags(argument)
    if _is_section(annotation):
        for info in annotation.model_fields.values():
            tags |= _all_tags(info.annotation)
    return tags


_TAGS = frozenset(_all_tags(Config))
