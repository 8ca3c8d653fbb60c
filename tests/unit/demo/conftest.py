"""A small drawing of the driving demo, made once."""

from pathlib import Path

import pytest

from kerastl.demo.driving import DemoData, draw_driving


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    """60 scenes of two frames each."""
    folder: Path = tmp_path_factory.mktemp("driving")
    return draw_driving(folder, seed=0, num_scenes=60, frames_per_scene=2)
