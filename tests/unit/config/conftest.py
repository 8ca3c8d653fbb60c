"""What the tests of the config share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerastl.config import Config, ConfigError, parse_config


def minimal(**sections: Any) -> dict[str, Any]:
    """The shortest valid config, with sections replaced or added."""
    return {
        "data": {"table": "a.csv", "image": "path", "tasks": ["car", "stop_sign"]},
        "backbone": {"name": "tiny:image"},
        **sections,
    }


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., Config]:
    return lambda **sections: parse_config(minimal(**sections), base=tmp_path)


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Returns the problems of the shortest config with sections replaced or added."""

    def find(**sections: Any) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            parse_config(minimal(**sections), base=tmp_path)
        return caught.value.problems

    return find
