"""The commented config that `kerastl config init` writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerastl.config.strict_yaml import write_yaml
from kerastl.errors import ConfigError

_KEPT = "  # resize:"  # the first line of the data section that no guess replaces


def config_template(
    data: Mapping[str, Any] | None = None,
    *,
    reasons: Mapping[str, str] | None = None,
    backbone: str | None = None,
) -> str:
    """Returns a commented config to start from; it is valid as it is.

    Without values of the `data` section and the name of a backbone they are those of an example.
    `reasons` tell in comments why keys of the section have their values.
    """
    text = Path(__file__).with_name("template.yaml").read_text(encoding="utf-8")
    if backbone is not None:
        text = text.replace("name: tiny:image  ", f"name: {backbone}  ")
    if data is None:
        return text
    before, _, rest = text.partition("data:\n")
    after = rest[rest.index(_KEPT) :]
    section = write_yaml({"data": dict(data)})
    for key, reason in (reasons or {}).items():
        section = section.replace(f"\n  {key}:", f"\n  # because {reason}:\n  {key}:", 1)
    return before + section + after


def write_template(path: Path, text: str | None = None) -> None:
    """Writes a commented config, by default the template, to a new file."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(config_template() if text is None else text)
    except FileExistsError:
        raise ConfigError(
            f"The file '{path}' already exists.", fix="Name another file, or remove this one."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The file '{path}' cannot be written.", received=error.strerror or str(error)
        ) from None
