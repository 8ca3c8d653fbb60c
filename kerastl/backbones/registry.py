"""Backbones by identifier, found through the entry points of installed distributions.

Convention: a broken plugin is a fact in the listing, an error only for whoever asks for it.
"""

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kerastl.backbones.spec import BackboneSpec, Family, Modality
from kerastl.errors import (
    BackboneError,
    BrokenPluginError,
    UnknownBackboneError,
    suggestion,
)

GROUP = "kerastl.backbones"
ALLOW_VARIABLE = "KERASTL_PLUGINS"

OFFICIAL_FAMILIES: Mapping[str, str] = {
    "applications": "kerastl-applications",
    "tfhub": "kerastl-tfhub",
    "tiny": "kerastl-tiny",
    "run": "kerastl",
}


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point of one installed distribution.

    Args:
        family: Name of the entry point.
        distribution: Name of the distribution that registers it.
        version: Version of that distribution.
        target: `module:attribute` behind the entry point.
        problem: Why it can't be used, or None.
    """

    family: str
    distribution: str
    version: str
    target: str
    problem: str | None = None


def plugins() -> tuple[Plugin, ...]:
    """Returns every installed plugin, sorted by family, broken ones with their problem.

    `KERASTL_PLUGINS`, a comma-separated list of families or distributions, allows only those.
    """
    found = [_plugin(entry_point) for entry_point in _allowed_entry_points()]
    return tuple(_with_problems(sorted(found, key=lambda p: (p.family, p.distribution))))


def list_backbones(
    *, modality: Modality | None = None, family: str | None = None
) -> tuple[str, ...]:
    """Returns the identifiers of all listed backbones, sorted, from every working plugin.

    Args:
        modality: Keep only those for `"image"` or `"audio"`; None keeps all.
        family: Keep only this family.

    Example:

    ```python
    kerastl.list_backbones(modality="image")
    ```
    """
    identifiers = [
        f"{plugin.family}:{name}"
        for plugin in plugins()
        if plugin.problem is None and family in (None, plugin.family)
        for name in load_family(plugin.family).names()
    ]
    if modality is None:
        return tuple(sorted(identifiers))
    return tuple(i for i in sorted(identifiers) if find_backbone(i).modality in (None, modality))


def find_backbone(identifier: str, *, options: Mapping[str, Any] | None = None) -> BackboneSpec:
    """Returns the facts of the backbone `family:name`, without loading any framework.

    Args:
        identifier: `family:name`, split at the first colon.
        options: Options of the backbone that change its facts, such as `alpha`.

    Raises:
        UnknownBackboneError: No installed plugin provides it.
        BrokenPluginError: Its plugin fails to load.
    """
    family, colon, name = identifier.partition(":")
    if not colon or not name:
        raise UnknownBackboneError(
            f"'{identifier}' is not the name of a backbone.",
            expected="family:name, such as applications:mobilenet_v2",
            fix=_identifier_suggestion(identifier) or "`kerastl backbones list` shows the names.",
        )
    return load_family(family).spec(name, options=dict(options or {}))


def load_family(name: str) -> Family:
    """Returns the family that an installed distribution registers under `name`.

    Raises:
        UnknownBackboneError: No installed distribution does.
        BrokenPluginError: Its module can't be imported, isn't a family, or two distributions
            register the same name.
    """
    candidates = [plugin for plugin in plugins() if plugin.family == name]
    if not candidates:
        raise _unknown_family(name)
    broken = next((plugin for plugin in candidates if plugin.problem), None)
    if broken:
        raise BrokenPluginError(
            f"The backbone family '{name}' can't be loaded.",
            where=f"{broken.distribution} {broken.version}: {broken.target}",
            received=broken.problem,
            fix=f"Update or uninstall {broken.distribution}, or set {ALLOW_VARIABLE} to the "
            "families you need.",
        )
    return _load(candidates[0].target)


def unknown_backbone(family: str, name: str, names: Sequence[str]) -> UnknownBackboneError:
    """Returns the error for a name that `family` doesn't have; for plugins to raise.

    Args:
        family: The family's name.
        name: What was asked for.
        names: What the family lists.
    """
    nearest = suggestion(f"{family}:{name}", [f"{family}:{known}" for known in names])
    return UnknownBackboneError(
        f"No installed plugin provides the backbone '{family}:{name}'.",
        expected=f"one of {len(names)} names of '{family}'; `kerastl backbones list` shows them",
        fix=nearest,
    )


def check_options(
    identifier: str, options: Mapping[str, Any], *, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `defaults` overridden by `options`, in the order of `defaults`; for plugins.

    Args:
        identifier: The backbone that takes the options.
        options: What was asked for.
        defaults: Every option that there is, with its default.

    Raises:
        BackboneError: An option that the backbone doesn't have.
    """
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise BackboneError(
            f"The backbone '{identifier}' has no option '{unknown[0]}'.",
            expected=f"one of {', '.join(sorted(defaults))}" if defaults else "no options",
            fix=suggestion(unknown[0], defaults) or f"Remove '{unknown[0]}' from backbone.options.",
        )
    return {**defaults, **options}


def distributions() -> dict[str, str]:
    """Returns name and version of every distribution that registers a backbone family."""
    return {plugin.distribution: plugin.version for plugin in plugins()}


def _unknown_family(name: str) -> UnknownBackboneError:
    installed = sorted({plugin.family for plugin in plugins()})
    if name in OFFICIAL_FAMILIES and name not in _allow_list():
        blocked = _allow_list() and any(e.name == name for e in _entry_points())
        fix = (
            f"Add '{name}' to {ALLOW_VARIABLE}."
            if blocked
            else f"pip install {OFFICIAL_FAMILIES[name]}"
        )
    else:
        fix = suggestion(name, installed) or "`kerastl backbones list` shows what is installed."
    return UnknownBackboneError(
        f"No installed plugin provides the backbone family '{name}'.",
        expected=f"one of {', '.join(installed)}",
        fix=fix,
    )


def _identifier_suggestion(identifier: str) -> str | None:
    return suggestion(identifier, [name.partition(":")[2] for name in list_backbones()])


def _allow_list() -> tuple[str, ...]:
    allowed = os.environ.get(ALLOW_VARIABLE, "")
    return tuple(part.strip() for part in allowed.split(",") if part.strip())


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    return list(importlib.metadata.entry_points(group=GROUP))


def _allowed_entry_points() -> list[importlib.metadata.EntryPoint]:
    allowed = _allow_list()
    if not allowed:
        return _entry_points()
    return [
        entry_point
        for entry_point in _entry_points()
        if entry_point.name in allowed or _distribution(entry_point)[0] in allowed
    ]


def _plugin(entry_point: importlib.metadata.EntryPoint) -> Plugin:
    distribution, version = _distribution(entry_point)
    return Plugin(
        family=entry_point.name,
        distribution=distribution,
        version=version,
        target=entry_point.value,
    )


def _distribution(entry_point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    distribution = entry_point.dist
    return (distribution.name, distribution.version) if distribution else ("unknown", "0")


def _with_problems(found: Sequence[Plugin]) -> list[Plugin]:
    owners: dict[str, list[str]] = {}
    for plugin in found:
        owners.setdefault(plugin.family, []).append(f"{plugin.distribution} {plugin.version}")
    checked = []
    for plugin in found:
        clash = owners[plugin.family]
        problem = (
            f"{' and '.join(clash)} both register '{plugin.family}'"
            if len(clash) > 1
            else _load_problem(plugin.target)
        )
        checked.append(Plugin(**{**plugin.__dict__, "problem": problem}))
    return checked


def _load_problem(target: str) -> str | None:
    try:
        family = _load(target)
        if not isinstance(family, Family):
            return f"{target} is no backbone family: it lacks names() or spec()"
        family.names()
    except Exception as error:  # whatever a plugin raises is that plugin's problem
        return f"{type(error).__name__}: {error}"
    return None


@cache
def _load(target: str) -> Any:
    return importlib.metadata.EntryPoint(name="", value=target, group=GROUP).load()
