"""How each variant is fitted: by the solver that suits it, with the keys of `fit` that it knows.

Convention: a variant that trains something else than the config has a solver of its own. Frozen
linear heads are solved to their optimum, because heads that are fitted for a few epochs would make
every other variant look better.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerastl.config import Config, ExactFit, KerasFit, parse_config
from kerastl.config.consistency import SOLVERS, default_solver
from kerastl.config.loader import read_config
from kerastl.errors import ConfigError

_SECTIONS: dict[str, type[ExactFit | KerasFit]] = {"exact": ExactFit, "keras": KerasFit}


def load_compared(path: Path | str, overrides: Sequence[str]) -> tuple[Config, dict[str, Any]]:
    """Returns a config and the keys of its `fit`, with those that only another solver knows."""
    read = read_config(path, overrides)
    others = _keys_of_others(read["values"])
    if others:
        own = {key: value for key, value in read["values"]["fit"].items() if key not in others}
        read["values"] = {**read["values"], "fit": own}
    config = Config.parse(**read)
    return config, {**dict(config.fit), **others}


def fit_values(
    base: Config, values: dict[str, Any], changes: Mapping[str, Any], fit: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `fit` of a variant.

    The solver is the default for what the variant trains. If the config that is compared names
    another one, all variants keep it unless they differ in `trainable`. The values are those of the
    variant without its `fit`; `fit` has the keys of all solvers.
    """
    is_named = base.fit.solver != default_solver({}, dict(base))
    solver = changes.get("fit.solver")
    if solver is None and is_named and "trainable" not in changes:
        solver = base.fit.solver
    solver = solver or default_solver({}, dict(parse_config({**values, "fit": {}})))
    known = _SECTIONS.get(solver, KerasFit).model_fields
    return {key: value for key, value in fit.items() if key in known} | {"solver": solver}


def fitting_note(config: Config, by_variant: Mapping[str, Config]) -> str | None:
    """Returns which variants are fitted by which solver, or None if all are by the config's."""
    solvers = {name: found.fit.solver for name, found in by_variant.items()}
    if set(solvers.values()) == {config.fit.solver}:
        return None
    by_solver = [
        f"{solver} ({', '.join(name for name, used in solvers.items() if used == solver)})"
        for solver in dict.fromkeys(solvers.values())
    ]
    return (
        f"Each variant is fitted by the solver that suits it: {', '.join(by_solver)}. A key of fit "
        "acts on the variants whose solver knows it."
    )


def _keys_of_others(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of `fit` that the config's own solver does not know but another does."""
    fit = values.get("fit")
    if not isinstance(fit, dict):
        return {}
    try:
        solver = fit.get("solver") or parse_config({**values, "fit": {}}).fit.solver
    except ConfigError:  # is raised again for the whole config
        return {}
    if solver not in SOLVERS:
        return {}
    known = {key for section in _SECTIONS.values() for key in section.model_fields}
    others = known - set(_SECTIONS[solver].model_fields)
    return {key: value for key, value in fit.items() if key in others}
