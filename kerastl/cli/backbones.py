"""`kerastl backbones`: list, show and check the backbones of installed plugins.

Convention: a broken plugin is reported on standard error and does not stop the others.
"""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kerastl.backbones import BackboneSpec, Catalog, find_backbone, read_catalog
from kerastl.backbones.discovery import ALLOW_VARIABLE
from kerastl.cli import completion
from kerastl.cli.columns import aligned, show_columns
from kerastl.errors import BackboneError, suggestion

if TYPE_CHECKING:
    from kerastl.backbones.testing import Outcome

_NO_FACT = "-"
_PACKAGES = {
    "kerastl-tiny": "small networks for demos, weights included",
    "kerastl-applications": "the image models of Keras, which loads their weights",
    "kerastl-hub": "the encoders of KerasHub, such as DINOv2, SigLIP and Whisper",
    "kerastl-tfhub": "TF Hub modules, downloaded or in a folder",
    "kerastl-onnx": "any ONNX file, frozen",
}


@click.group()
def command() -> None:
    """List, show or check backbones."""


@command.command("list")
@click.option(
    "--modality",
    metavar="NAME",
    help="List only backbones for this kind of input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(modality: str | None, as_json: bool) -> None:
    """List the backbones of all installed plugins."""
    catalog = read_catalog()
    specs = [spec for spec in catalog.specs if modality in (None, spec.modality)]
    if not specs and modality is not None:
        raise _no_backbone_for(modality, catalog)
    if as_json:
        broken = [
            {key: getattr(plugin, key) for key in ("family", "distribution", "version", "problem")}
            for plugin in catalog.problems
        ]
        facts = {"backbones": [_facts(spec) for spec in specs], "problems": broken}
        click.echo(json.dumps(facts, indent=2))
        return
    if specs:
        show_columns(_HEADINGS, [_row(spec) for spec in specs], texts=range(len(_HEADINGS)))
    else:
        click.echo(_how_to_get_some(), err=True)
    for plugin in catalog.problems:
        source = f"'{plugin.family}' of {plugin.distribution} {plugin.version}"
        click.echo(f"Warning: the plugin {source} fails: {plugin.problem}", err=True)


@command.command()
@click.argument("identifier", metavar="ID", shell_complete=completion.backbones)
@click.option(
    "--option", "settings", metavar="KEY=VALUE", multiple=True, help="Option of the backbone."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(identifier: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Show the facts of the backbone ID, such as applications:mobilenet_v2."""
    facts = _facts(find_backbone(identifier, options=_options(settings)))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for line in aligned([(f"{name}:", _text(value)) for name, value in facts.items()]):
        click.echo(line)


@command.command()
@click.argument("identifier", metavar="ID", shell_complete=completion.backbones)
@click.option(
    "--option", "settings", metavar="KEY=VALUE", multiple=True, help="Option of the backbone."
)
@click.option("--weights", help="Published name or file. Default: random weights.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(identifier: str, settings: tuple[str, ...], weights: str | None, as_json: bool) -> None:
    """Run the conformance checks on the backbone ID."""
    from kerastl.backbones.testing import run_checks

    options = _options(settings)
    find_backbone(identifier, options=options)
    outcomes = []
    for outcome in run_checks(identifier, weights=weights, options=options):
        outcomes.append(outcome)
        if not as_json:
            click.echo(_outcome_line(outcome))
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    if failed := [outcome.check for outcome in outcomes if outcome.is_failure]:
        raise BackboneError(
            f"The backbone '{identifier}' fails {len(failed)} of {len(outcomes)} checks.",
            received=", ".join(failed),
            fix="Fix the plugin, or declare the check in known_failures with a reason.",
        )


def _options(settings: tuple[str, ...]) -> dict[str, Any]:
    """Returns the options that are given as KEY=VALUE, with values in YAML."""
    if not settings:
        return {}
    from kerastl.config.loader import apply_override

    values: dict[str, Any] = {}
    for setting in settings:
        values, problems = apply_override(values, setting, lambda raw: raw)
        if problems:
            raise BackboneError(
                "The option is not valid.", where="--option", problems=list(map(str, problems))
            )
    return values


_MARKS = {
    "passed": "ok     ",
    "failed": "FAILED ",
    "known failure": "known  ",
    "unexpectedly passed": "PASSED?",
    "does not apply": "-      ",
}


def _outcome_line(outcome: "Outcome") -> str:
    line = f"{_MARKS[outcome.result]} {outcome.check}"
    return f"{line}\n        {outcome.reason}" if outcome.reason else line


def _how_to_get_some() -> str:
    rows = [(f"  pip install {package}", text) for package, text in _PACKAGES.items()]
    lines = ["No backbones are installed. They come in packages of their own:", *aligned(rows)]
    if os.environ.get(ALLOW_VARIABLE):
        lines.append(f"{ALLOW_VARIABLE} allows only: {os.environ[ALLOW_VARIABLE]}")
    return "\n".join(lines)


def _no_backbone_for(modality: str, catalog: Catalog) -> BackboneError:
    known = sorted({spec.modality for spec in catalog.specs if spec.modality is not None})
    return BackboneError(
        f"No installed backbone takes '{modality}'.",
        where="--modality",
        expected=f"one of {', '.join(known)}" if known else "an installed plugin with backbones",
        fix=suggestion(modality, known),
    )


_HEADINGS = ("backbone", "input", "features", "weights in it", "published", "trainable", "license")


def _row(spec: BackboneSpec) -> tuple[str, ...]:
    facts = _facts(spec)
    keys = ("id", "input", "feature_dim", "num_params", "weights", "trainable", "license")
    *others, license = (_text(facts[key]) for key in keys)
    return (*others, f"{license}, login needed" if spec.needs_login else license)


def _facts(spec: BackboneSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "description": spec.description,
        "input": _NO_FACT if spec.input is None else spec.input.summary,
        "modality": spec.modality,
        "feature_dim": spec.feature_dim,
        "num_params": spec.num_params,
        "weights": list(spec.weights),
        "options": dict(spec.options),
        "trainable": spec.trainable,
        "frozen_reason": spec.frozen_reason,
        "license": spec.license,
        "needs_login": spec.needs_login,
        "reference": spec.reference,
        **spec.facts,
        "known_failures": dict(spec.known_failures),
    }


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items()) or _NO_FACT
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _NO_FACT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return _NO_FACT if value in (None, "") else str(value)
