"""Configs: read or refused, and what is read can be written and read again."""

import random
from pathlib import Path
from typing import Any

import yaml
from mutations import damaged, mutated
from runner import Kind, Use, WrongNumberError

from kerastl.config import Config, config_values, dump_config, load_config, parse_config

VALID: tuple[dict[str, Any], ...] = (
    {
        "data": {
            "table": "table.csv",
            "image": "path",
            "tasks": ["bright", "red"],
            "group": "scene",
            "split": {"validation": 0.2, "test": 0.2, "method": "random", "seed": 3},
            "labels": {
                "red": {
                    "positive": ["1"],
                    "negative": ["0"],
                    "uncertain": ["-1"],
                    "when_uncertain": {"soft": 0.7},
                }
            },
            "resize": "pad",
        },
        "backbone": {"name": "tiny:image", "input_size": 32},
        "heads": {"all": {"tasks": ["bright", "red"], "hidden": [4], "dropout": 0.2}},
        "trainable": {"stages": 1},
        "loss": {"label_smoothing": 0.1, "positive_weight": {"red": 2.0}},
        "fit": {"solver": "keras", "epochs": 2, "batch_size": 8, "learning_rate": 1.0e-3},
        "augment": {"flip": True, "rotate": 0.05, "zoom": 0.1},
        "evaluation": {"bootstrap": 20, "threshold": "sensitivity>=0.9"},
    },
    {
        "data": {"table": "table.csv", "image": "path", "tasks": ["bright", "red"]},
        "backbone": {"name": "tiny:image", "weights": None},
        "features": {"sizes": [32, 24], "flips": True, "pooling": ["mean", "max"]},
        "heads": "multi",
        "evaluation": {"bootstrap": 20},
    },
    {
        "data": {"table": "table.csv", "audio": "path", "tasks": ["tone"], "window": "pool"},
        "backbone": {"name": "tiny:speech", "input_size": 4000},
        "augment": None,
        "fit": {"solver": "exact", "seed": 1},
    },
)


def broken_config(draw: random.Random, place: Path, valid: dict[str, Any]) -> Path:
    """Writes a config with up to three mutations, or with damaged text."""
    path = place / "config.yaml"
    if draw.random() < 0.3:
        path.write_bytes(damaged(yaml.safe_dump(valid).encode(), draw))
        return path
    values = valid
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
        values = mutated(values, draw) if values else values
    path.write_bytes(_dumped(values))
    return path


def _dumped(values: Any) -> bytes:
    try:
        return yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError):  # ints of 400 digits
        return repr(values).encode("utf-8", "surrogatepass")


def _prepare(_: Path) -> Use:
    def use(draw: random.Random, place: Path) -> bool:
        round_trip(load_config(broken_config(draw, place, draw.choice(VALID))), place)
        return True

    return use


def use_config(values: Any, place: Path) -> None:
    """Parses values as a config, which has to survive writing and reading."""
    round_trip(parse_config(values, base=place), place)


def round_trip(config: Config, place: Path) -> None:
    """Raises an error if a config is another one after writing and reading it."""
    (place / "again.yaml").write_text(dump_config(config), encoding="utf-8")
    if load_config(place / "again.yaml") != config:
        raise WrongNumberError("another config after writing and reading")
    if parse_config(config_values(config), base=place) != config:
        raise WrongNumberError("another config after parsing its values")


KINDS = (Kind(name="configs", prepare=_prepare),)
