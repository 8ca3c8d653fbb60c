"""The commented config that `kerastl config init` writes."""

from pathlib import Path

from kerastl.errors import ConfigError


def config_template() -> str:
    """Returns a commented config to start from; it is valid as it is."""
    return Path(__file__).with_name("template.yaml").read_text(encoding="utf-8")


def write_template(path: Path) -> None:
    """Writes the commented config to a new file."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(config_template())
    except FileExistsError:
        raise ConfigError(
            f"The file '{path}' already exists.", fix="Name another file, or remove this one."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The file '{path}' cannot be written.", received=error.strerror or str(error)
        ) from None
