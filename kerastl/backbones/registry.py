"""Backbones by identifier, found through the entry points of installed distributions.

Convention: a broken plugin is a fact in listings, and an error only if one of its backbones is
used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kerastl.backbones.discovery import (
    ALLOW_VARIABLE,
    Plugin,
    allowed,
    definition_of,
    in_one_line,
    installed,
    load,
    plugins,
    problem_of,
)
from kerastl.backbones.spec import BackboneSpec, Family, Modality
from kerastl.errors import (
    BackboneError,
    BrokenPluginError,
    KerastlError,
    UnknownBackboneError,
    did_you_mean,
    suggestion,
)

OFFICIAL_FAMILIES: Mapping[str, str] = {
    "applications": "kerastl-applications",
    "keras_hub": "kerastl-hub",
    "onnx": "kerastl-onnx",
    "tfhub": "kerastl-tfhub",
    "tiny": "kerastl-tiny",
    "run": "kerastl",
}

_LIST_HINT = "`kerastl backbones list` shows what is installed."


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Everything that the installed plugins list."""

    specs: tuple[BackboneSpec, ...]  # sorted by identifier
    problems: tuple[Plugin, ...]  # those that cannot be used, or fail for some of their names


def read_catalog() -> Catalog:
    """Returns the facts of every listed backbone, and the plugins that fail."""
    specs: list[BackboneSpec] = []
    problems = []
    for plugin in plugins():
        problem = plugin.problem
        for name in () if problem else load(plugin.target).names():
            try:
                specs.append(_read_spec(plugin, name))
            except Exception as error:
                problem = f"'{plugin.family}:{name}': {in_one_line(error, plugin.target)}"
        if problem:
            problems.append(replace(plugin, problem=problem))
    return Catalog(specs=tuple(sorted(specs, key=lambda spec: spec.id)), problems=tuple(problems))


def list_backbones(
    *, modality: Modality | None = None, family: str | None = None
) -> tuple[str, ...]:
    """Returns the identifiers of all listed backbones, sorted, from every working plugin.

    Args:
        modality: Keep only those for this media type, such as `"image"`; None keeps all.
        family: Keep only this family.

    Raises:
        BackboneError: There is no such media type or family.

    Example:

    ```python
    kerastl.list_backbones(modality="image")
    ```
    """
    if modality is not None:
        from kerastl.media.media_types import MEDIA_TYPES

        if modality not in MEDIA_TYPES:
            raise BackboneError(
                f"No backbone takes {modality!r}.",
                where="modality",
                expected=f"one of {', '.join(MEDIA_TYPES)}",
                fix=suggestion(str(modality), MEDIA_TYPES),
            )
    if family is not None and family not in {plugin.family for plugin in allowed()}:
        raise _unknown_family(str(family), str(family), None)
    return tuple(
        spec.id
        for spec in read_catalog().specs
        if family in (None, spec.family)
        if modality is None or spec.modality in (None, modality)
    )


def find_backbone(
    identifier: str, *, options: Mapping[str, Any] | None = None, distribution: str | None = None
) -> BackboneSpec:
    """Returns the facts of the backbone `family:name`, without loading any framework.

    Args:
        identifier: `family:name`, split at the first colon.
        options: Options of the backbone that change its facts, such as `alpha`.
        distribution: The distribution that provides it according to a run; the error names it if
            it is not installed.

    Raises:
        UnknownBackboneError: No installed plugin provides it.
        BrokenPluginError: Its plugin fails; the error names the file and the line.
    """
    family, colon, name = identifier.partition(":")
    if not colon or not name:
        raise UnknownBackboneError(
            f"'{identifier}' is not the name of a backbone.",
            expected="family:name, such as applications:mobilenet_v2",
            fix=_nearest(identifier) or _LIST_HINT,
        )
    plugin = _find_plugin(family, asked_for=identifier, distribution=distribution)
    try:
        return _read_spec(plugin, name, options=dict(options or {}))
    except KerastlError:
        raise
    except Exception as error:
        raise _broken(plugin, identifier, in_one_line(error, plugin.target)) from error


def load_family(name: str) -> Family:
    """Returns the family that an installed distribution registers under `name`.

    Raises:
        UnknownBackboneError: No installed distribution does.
        BrokenPluginError: Its module cannot be imported, is not a family, or two distributions
            register the same name.
    """
    return load(_find_plugin(name, asked_for=name, distribution=None).target)


def _find_plugin(name: str, *, asked_for: str, distribution: str | None) -> Plugin:
    found = allowed()
    plugin = next((plugin for plugin in found if plugin.family == name), None)
    if plugin is None:
        raise _unknown_family(name, asked_for, distribution)
    problem = problem_of(plugin, found)
    if problem:
        raise _broken(plugin, name, problem)
    return plugin


def _read_spec(plugin: Plugin, name: str, **options: Any) -> BackboneSpec:
    read = load(plugin.target).spec
    spec = read(name, **options)
    if not isinstance(spec, BackboneSpec):
        raise TypeError(f"spec() returns a {type(spec).__name__} ({definition_of(read)})")
    return spec


def _broken(plugin: Plugin, name: str, problem: str) -> BrokenPluginError:
    return BrokenPluginError(
        f"The backbone{'' if ':' in name else ' family'} '{name}' cannot be loaded.",
        where=f"{plugin.distribution} {plugin.version}: {plugin.target}",
        received=problem,
        fix=f"Update or uninstall {plugin.distribution}, or set {ALLOW_VARIABLE} to the "
        "distributions you need.",
    )


def unknown_backbone(family: str, name: str, names: Sequence[str]) -> UnknownBackboneError:
    """Returns the error for a name that `family` does not have; for plugins to raise.

    Args:
        family: The family's name.
        name: The requested name.
        names: The names that the family lists.
    """
    nearest = suggestion(f"{family}:{name}", [f"{family}:{known}" for known in names])
    return UnknownBackboneError(
        f"No installed plugin provides the backbone '{family}:{name}'.",
        expected=f"one of {len(names)} names of '{family}'; `kerastl backbones list` shows them",
        fix=nearest or _nearest(name),
    )


def check_options(
    identifier: str, options: Mapping[str, Any], *, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `defaults` overridden by `options`, in the order of `defaults`; for plugins.

    Args:
        identifier: The backbone that takes the options.
        options: The requested options.
        defaults: All options with their defaults.

    Raises:
        BackboneError: The backbone does not have one of the options.
    """
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise BackboneError(
            f"The backbone '{identifier}' has no option '{unknown[0]}'.",
            expected=f"one of {', '.join(sorted(defaults))}" if defaults else "no options",
            fix=suggestion(unknown[0], defaults) or f"Remove '{unknown[0]}' from backbone.options.",
        )
    return {**defaults, **options}


def _unknown_family(name: str, identifier: str, distribution: str | None) -> UnknownBackboneError:
    families = sorted({plugin.family for plugin in allowed()})
    if any(plugin.family == name for plugin in installed()):
        fix = f"Add '{name}' to {ALLOW_VARIABLE}, which allows only some plugins."
    elif name in OFFICIAL_FAMILIES:
        fix = f"pip install {OFFICIAL_FAMILIES[name]}"
    elif distribution:
        fix = f"The run used the plugin {distribution!r}; install it if you trust its author."
    else:
        fix = _nearest(identifier) or suggestion(name, families) or _LIST_HINT
    return UnknownBackboneError(
        f"No installed plugin provides the backbone family '{name}'.",
        expected=f"one of {', '.join(families)}" if families else "an installed plugin",
        fix=fix,
    )


def _nearest(text: str) -> str | None:
    """Suggests the backbone whose name, in any family, is nearest."""
    by_name = {known.partition(":")[2]: known for known in list_backbones()}
    nearest = did_you_mean(text.rpartition(":")[2], by_name)
    return f"Did you mean '{by_name[nearest]}'?" if nearest else None
