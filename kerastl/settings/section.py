"""The base class of every section of settings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from kerastl.errors import ConfigError, counted
from kerastl.settings.explain import explain
from kerastl.settings.problems import MAX_PROBLEMS, Problem, first_per_path, in_file_order

_Section = TypeVar("_Section", bound="Section")


class Section(BaseModel):
    """A part of the config: frozen, complete, and strict about types and keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __init__(self, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            _refuse(explain(error, values, type(self)), values)

    # So pydantic does not call it for inner sections, just as it does not call its own.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> None:
        raise ConfigError(
            "Settings cannot be changed in place.",
            where=f"{type(self).__name__}.{name}",
            fix=f"`changed({name}=...)` returns changed settings; `load_config` takes overrides.",
        )

    @classmethod
    def parse(
        cls, values: Any, *, where: str | None = None, problems: Sequence[Problem] = ()
    ) -> Self:
        """Completes and checks plain values or sections by key.

        `where` names their source in the `ConfigError`, which also lists earlier `problems`.
        """
        found = list(problems)
        section = None
        try:
            section = cls.model_validate(values)
        except ValidationError as error:
            found.extend(explain(error, values, cls))
        if section is None or found:
            _refuse(found, values, where)
        return section

    def changed(self, **values: Any) -> Self:
        """Returns a copy with other values, validated like a new section."""
        return self.parse({**dict(self), **values})

    @classmethod
    def explain_misplaced(cls, key: str, given: Mapping[str, Any]) -> str:
        """Returns the message for a key of an alternative section, given together with others."""
        (distinctive, *_) = cls.model_fields
        return f"has no effect beside {distinctive}. Remove one of them."


def _refuse(found: Sequence[Problem], values: Any, where: str | None = None) -> NoReturn:
    distinct = first_per_path(found)
    ordered = in_file_order(distinct[:MAX_PROBLEMS], values)
    more = "more than " if len(distinct) > MAX_PROBLEMS else ""
    raise ConfigError(
        f"Config has {more}{counted(len(ordered), 'problem')}.",
        problems=[str(problem) for problem in ordered],
        where=where,
    ) from None


def with_fields(
    fields: Mapping[str, Any], **validators: Any
) -> Callable[[type[_Section]], type[_Section]]:
    """Returns a class decorator that adds fields, as `pydantic.create_model` takes them."""

    def add(section: type[_Section]) -> type[_Section]:
        names: Any = {"__doc__": section.__doc__, "__module__": section.__module__}
        return create_model(
            section.__name__, __base__=section, __validators__=validators, **names, **fields
        )

    return add
