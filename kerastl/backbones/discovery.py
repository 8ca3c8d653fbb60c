"""Discovery of plugins, which installed distributions register, and their loading one by one."""

import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from kerastl.backbones.spec import Family
from kerastl.errors import BrokenPluginError, KerastlError, suggestion

GROUP = "kerastl.backbones"
ALLOW_VARIABLE = "KERASTL_PLUGINS"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One entry point of one installed distribution."""

    family: str  # name of the entry point
    distribution: str
    version: str
    target: str  # `module:attribute` behind the entry point
    problem: str | None = None  # why it cannot be used


def plugins() -> tuple[Plugin, ...]:
    """Returns every installed plugin, sorted by family, broken ones with their problem.

    `KERASTL_PLUGINS`, a comma-separated list of families or distributions, allows only those.
    """
    found = allowed()
    return tuple(replace(plugin, problem=problem_of(plugin, found)) for plugin in found)


def distributions() -> dict[str, str]:
    """Returns name and version of every distribution that registers a backbone family."""
    return {plugin.distribution: plugin.version for plugin in allowed()}


def forget_plugins() -> None:
    """Clears the caches, so that newly installed plugins are found."""
    for cached in (_found, _load_problem, load):
        cached.cache_clear()


def allowed() -> list[Plugin]:
    """Returns the plugins that `KERASTL_PLUGINS` allows, sorted by family, without loading them."""
    return [one for one in installed() if is_allowed(one.family, one.distribution)]


def is_allowed(*names: str) -> bool:
    """Whether `KERASTL_PLUGINS` allows a plugin of these names, or everything."""
    wanted = {part.strip() for part in os.environ.get(ALLOW_VARIABLE, "").split(",")} - {""}
    return not wanted or not wanted.isdisjoint(names)


def installed() -> tuple[Plugin, ...]:
    """Returns every plugin of the environment, allowed or not, without loading it."""
    return _found(tuple(sys.path))


@cache
def _found(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    found = [
        Plugin(
            family=point.name,
            distribution=_distribution(point),
            version=point.dist.version if point.dist else "0",
            target=point.value,
        )
        for point in importlib.metadata.entry_points(group=GROUP)
    ]
    return tuple(sorted(found, key=lambda plugin: (plugin.family, plugin.distribution)))


def problem_of(plugin: Plugin, found: Sequence[Plugin]) -> str | None:
    """Returns why `plugin` cannot be used together with the others of `found`, or None."""
    owners = [f"{p.distribution} {p.version}" for p in found if p.family == plugin.family]
    if len(owners) > 1:
        return f"{' and '.join(owners)} both register '{plugin.family}'"
    return _load_problem(plugin.target)


@cache
def _load_problem(target: str) -> str | None:
    try:
        family = load(target)
        if not isinstance(family, Family):
            return f"{target} is not a backbone family: it lacks names() or spec()"
        family.names()
    except (Exception, SystemExit) as error:
        return in_one_line(error, target)
    return None


@cache
def load(target: str) -> Any:
    """Returns the object behind an entry point."""
    return importlib.metadata.EntryPoint(name="", value=target, group=GROUP).load()


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What is behind an entry point of another group than that of backbones."""

    value: Any
    distribution: str
    target: str


def plugin_names(group: str) -> list[str]:
    """Returns the names of a group of entry points that `KERASTL_PLUGINS` allows, sorted."""
    return sorted(_points(group))


def load_plugin(group: str, name: str, *, noun: str, ours: Mapping[str, str]) -> Loaded:
    """Returns what an installed distribution registers in a group under a name.

    Args:
        group: The group of entry points.
        name: The name of the entry point.
        noun: What it is, for messages, such as "importer".
        ours: The names that distributions of kerastl register, and what pip has to install.

    Raises:
        KerastlError: Nothing is registered under the name.
        BrokenPluginError: It cannot be imported, or two distributions register it.
    """
    points = _points(group)
    found = points.get(name, [])
    owners = " and ".join(sorted(map(_distribution, found)))
    if not found:
        raise KerastlError(
            f"There is no {noun} '{name}'.",
            expected=", ".join(sorted(points)) or f"an installed {noun}",
            fix=f"Install it: pip install {ours[name]}"
            if name in ours
            else suggestion(name, [*points, *ours]),
        )
    if len(found) > 1:
        raise BrokenPluginError(
            f"The {noun} '{name}' is registered twice.",
            received=owners,
            fix=f"Uninstall one of the two, or allow only one with {ALLOW_VARIABLE}.",
        )
    try:
        value = found[0].load()
    except Exception as error:
        raise BrokenPluginError(
            f"The {noun} '{name}' of {owners} cannot be imported.",
            received=in_one_line(error, found[0].value),
            fix=f"Repair or uninstall {owners}.",
        ) from error
    return Loaded(value=value, distribution=owners, target=found[0].value)


def _points(group: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """Returns the entry points by name; several if distributions register the same one."""
    found: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=group):
        if is_allowed(point.name, _distribution(point)):
            found.setdefault(point.name, []).append(point)
    return found


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def import_layers(plugin: Plugin) -> None:
    """Imports a plugin and the module `layers` of its package, if there is one."""
    load(plugin.target)
    spec = sys.modules[plugin.target.partition(":")[0].strip()].__spec__
    package = spec.parent if spec is not None else None
    while package:
        # A namespace has no file; others can extend it, by a folder that just has its name.
        is_own = getattr(sys.modules[package], "__file__", None) is not None
        if is_own and importlib.util.find_spec(f"{package}.layers") is not None:
            importlib.import_module(f"{package}.layers")
        package = package.rpartition(".")[0]


def in_one_line(error: BaseException, module: str) -> str:
    """Returns type and first line of an error, and where in the package of `module` it arose."""
    lines = str(error).strip().splitlines()
    text = ": ".join([type(error).__name__, *lines[:1]])
    place = _place_of(error, module.partition(":")[0].partition(".")[0])
    return f"{text} ({place})" if place else text


def definition_of(function: Any) -> str | None:
    """Returns file and line at which a function is defined, if it is written in Python."""
    code = getattr(inspect.unwrap(getattr(function, "func", function)), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else None


def _place_of(error: BaseException, package: str) -> str | None:
    """Returns file and line of the innermost call in a package that led to an error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    places = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    return places[-1] if places else None
