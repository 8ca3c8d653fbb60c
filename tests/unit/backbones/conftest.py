"""Plugins made for a test: real distributions in a temporary folder."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerastl.backbones import forget_plugins

collect_ignore_glob = ["example_plugin/*"]

AddPlugin = Callable[..., None]

GOOD_SOURCE = """
from kerastl.backbones import BackboneSpec, ImageInput, unknown_backbone

def build(*, weights, input):
    raise NotImplementedError

class Family:
    def names(self):
        return ("one", "two")
    def spec(self, name, *, options={}):
        if name not in self.names():
            raise unknown_backbone("FAMILY", name, self.names())
        return BackboneSpec(
            id=f"FAMILY:{name}", input=ImageInput(height=64, width=64), feature_dim=4,
            num_params=8, weights=(), license="MIT", reference="https://example.org", build=build,
        )

family = Family()
"""


@pytest.fixture
def add_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddPlugin]:
    """Gives a function that installs a distribution with one family, until the test ends."""

    def add(family: str, *, distribution: str | None = None, source: str = GOOD_SOURCE) -> None:
        name = distribution or f"kerastl-{family}"
        module = name.replace("-", "_")
        folder = tmp_path / name
        metadata = folder / f"{module}-1.5.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{module}.py").write_text(textwrap.dedent(source.replace("FAMILY", family)))
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (metadata / "entry_points.txt").write_text(
            f"[kerastl.backbones]\n{family} = {module}:family\n"
        )
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)
        forget_plugins()

    yield add
    forget_plugins()


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The how-to's plugin, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("example")
    source = folder / "source"
    shutil.copytree(Path(__file__).parent / "example_plugin", source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(folder / "installed"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "installed"


@pytest.fixture
def example_plugin(example_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the how-to's plugin installed until the test ends."""
    monkeypatch.syspath_prepend(example_folder)
