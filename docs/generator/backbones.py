"""The reference of backbones: those that the plugins of this repository list."""

from collections.abc import Sequence

from kerastl.backbones import AudioInput, BackboneSpec, ImageInput, Plugin, list_backbones, plugins
from kerastl.backbones import find_backbone as find
from kerastl.backbones.registry import OFFICIAL_FAMILIES

_OPEN = {
    "keras_hub": "any preset: `keras_hub:hf://...`, `keras_hub:kaggle://...`, `keras_hub:./folder`",
    "onnx": "any file: `onnx:./model.onnx`",
    "run": "any finished run: `run:runs/driving`",
    "tfhub": "any module: `tfhub:https://...`, `tfhub:./folder`",
}
_UNLISTED = {"onnx": ("no", "the file's own"), "run": ("yes", "that of the run's backbone")}
_HEAD = """\
# Backbones

A backbone is named `family:name`. Each family is provided by a package; `kerastl backbones
list` shows the installed ones, `kerastl backbones show ID` all facts about one of them.
Backbones include the scaling they need: pass images as RGB in [0, 255] and audio in [-1, 1].

"""


def page() -> str:
    """Returns the page."""
    return _HEAD + table() + "".join(_family(plugin) for plugin in official())


def table() -> str:
    """Returns the table of families."""
    rows = [_row(plugin) for plugin in official()]
    head = "| family | package | backbones | trainable | licenses | login |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows]) + "\n"


def official() -> list[Plugin]:
    """Returns the plugins of this repository that are installed, sorted by family."""
    return [plugin for plugin in plugins() if plugin.family in OFFICIAL_FAMILIES]


def _row(plugin: Plugin) -> str:
    names = list_backbones(family=plugin.family)
    specs = [find(name) for name in names]
    shown = [f"`{name}`" for name in names[:3]]
    listed = f"{len(names)}: {', '.join(shown)}{', ...' if len(names) > 3 else ''}" if names else ""
    parts = [part for part in (listed, _OPEN.get(plugin.family)) if part]
    trainable, licenses = _UNLISTED.get(plugin.family) or (
        _count([spec.trainable for spec in specs]),
        ", ".join(sorted({spec.license for spec in specs})),
    )
    login = _count([spec.needs_login for spec in specs])
    cells = (f"`{plugin.family}`", f"`{plugin.distribution}`", "; ".join(parts))
    return f"| {' | '.join([*cells, trainable, licenses, login])} |"


def _count(answers: Sequence[bool]) -> str:
    if all(answers) or not any(answers):
        return "yes" if any(answers) else "no"
    return f"{sum(answers)} of {len(answers)}"


def _family(plugin: Plugin) -> str:
    specs = [find(name) for name in list_backbones(family=plugin.family)]
    if not specs:
        return ""
    head = f"\n## {plugin.family}\n\nFrom `{plugin.distribution}`.\n\n"
    columns = "| name | input | features | parameters | published weights | trainable | license |\n"
    return head + columns + "|---|---|---|---|---|---|---|\n" + "".join(map(_facts, specs))


def _facts(spec: BackboneSpec) -> str:
    cells = (
        f"`{spec.id}`",
        _input(spec),
        _number(spec.feature_dim),
        _number(spec.num_params),
        _listed(spec.weights),
        "yes" if spec.trainable else f"no: {spec.frozen_reason}",
        f"{spec.license}, login needed" if spec.needs_login else spec.license,
    )
    return f"| {' | '.join(cells)} |\n"


def _input(spec: BackboneSpec) -> str:
    if isinstance(spec.input, ImageInput):
        return f"{spec.input.height} × {spec.input.width} px, at least {spec.input.min_size}"
    if isinstance(spec.input, AudioInput):
        seconds = spec.input.num_samples / spec.input.sample_rate_hz
        return f"{spec.input.sample_rate_hz:,} Hz, {seconds:g} s"
    return "set by the config"


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _listed(weights: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in weights) or "none"
