"""What the wheels contain, built as they are published."""

import configparser
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kerastl.cli.importer_plugins import OURS
from kerastl.run.executors import OURS as EXECUTORS

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(
    path.name for path in (ROOT / "plugins").iterdir() if (path / "setup.cfg").is_file()
)
ENDINGS = (
    ".py",
    ".json",
    ".npz",
    ".typed",
    ".txt",
    ".yaml",
    ".html",
    ".js",
    ".css",
    ".j2",
    ".csv",
    ".ogg",
)
WEIGHTS_LIMIT_BYTES = 2 * 2**20


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """Every distribution's wheel, built from a copy of what Git would publish."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in files:
        origin = ROOT / name
        if origin.is_file() and not name.startswith(
            ("tests/", "docs/", "benchmarks/", "research/")
        ):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(origin.read_bytes())
    for folder in (source, *(source / "plugins" / name for name in PLUGINS)):
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, folder],
            check=True,
            capture_output=True,
        )
    return {path.name.partition("-")[0]: zipfile.ZipFile(path) for path in out.glob("*.whl")}


def names(wheel: zipfile.ZipFile) -> list[str]:
    return [name for name in wheel.namelist() if ".dist-info/" not in name]


def metadata(wheel: zipfile.ZipFile, file: str) -> str:
    found = [name for name in wheel.namelist() if name.endswith(f".dist-info/{file}")]
    return wheel.read(found[0]).decode()


def test_each_folder_of_plugins_is_a_distribution(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert set(wheels) == {"kerastl", *(name.replace("-", "_") for name in PLUGINS)}


def test_a_wheel_holds_its_own_package_and_nothing_else(wheels: dict[str, zipfile.ZipFile]) -> None:
    for package, wheel in wheels.items():
        assert {name.partition("/")[0] for name in names(wheel)} == {package}
        strange = [name for name in names(wheel) if not name.endswith(ENDINGS)]
        assert strange == []


def test_every_module_is_in_its_wheel(wheels: dict[str, zipfile.ZipFile]) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "kerastl").rglob("*.py")}
    assert modules <= set(names(wheels["kerastl"]))
    for plugin in PLUGINS:
        package = plugin.replace("-", "_")
        folder = ROOT / "plugins" / plugin
        modules = {str(path.relative_to(folder)) for path in (folder / package).rglob("*.py")}
        assert modules <= set(names(wheels[package]))


def test_wheels_say_that_they_are_typed(wheels: dict[str, zipfile.ZipFile]) -> None:
    for package, wheel in wheels.items():
        assert f"{package}/py.typed" in wheel.namelist()


def test_entry_points_name_what_each_plugin_provides(wheels: dict[str, zipfile.ZipFile]) -> None:
    families, importers, executors = {}, {}, {}
    for package, wheel in wheels.items():
        points = configparser.ConfigParser()
        points.read_string(metadata(wheel, "entry_points.txt"))
        if points.has_section("kerastl.backbones"):
            families[package] = list(points["kerastl.backbones"])
        if points.has_section("kerastl.importers"):
            importers[package] = tuple(points["kerastl.importers"])
        if points.has_section("kerastl.executors"):
            executors[package] = set(points["kerastl.executors"])
    others = {"importers", "ray", "runtime"}
    backbones = {name.removeprefix("kerastl-") for name in PLUGINS} - others
    named = {f"kerastl_{name}": [{"hub": "keras_hub"}.get(name, name)] for name in backbones}
    assert families == {"kerastl": ["run"], **named}
    assert importers == {"kerastl_importers": OURS}
    assert executors == {"kerastl_ray": set(EXECUTORS)}


def test_metadata_is_complete_and_the_same_everywhere(wheels: dict[str, zipfile.ZipFile]) -> None:
    for wheel in wheels.values():
        text = metadata(wheel, "METADATA")
        for line in ("License: Apache-2.0", "Requires-Python: >=3.11", "Version: 0.1.0"):
            assert line in text


def test_every_wheel_has_its_license(wheels: dict[str, zipfile.ZipFile]) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    for wheel in wheels.values():
        assert "License-File: LICENSE" in metadata(wheel, "METADATA")
        assert metadata(wheel, "licenses/LICENSE") == text


def test_links_of_a_description_work_on_a_package_index(
    wheels: dict[str, zipfile.ZipFile],
) -> None:
    for wheel in wheels.values():
        text = metadata(wheel, "METADATA").partition("\n\n")[2]
        assert text.startswith("# kerastl")
        assert re.findall(r"\]\((?!https?://)[^)]*\)", text) == []
        assert "<!--" not in text


def test_plugins_need_kerastl_which_needs_the_runtime_alone(
    wheels: dict[str, zipfile.ZipFile],
) -> None:
    for package, wheel in wheels.items():
        requires = [
            line.partition(": ")[2]
            for line in metadata(wheel, "METADATA").splitlines()
            if line.startswith("Requires-Dist") and "extra ==" not in line
        ]
        needed = [re.split(r"[\[>=]", r)[0] for r in requires if r.startswith("kerastl")]
        expected = {"kerastl": ["kerastl-runtime"], "kerastl_runtime": []}
        assert needed == expected.get(package, ["kerastl"])


def test_embedded_weights_stay_small(wheels: dict[str, zipfile.ZipFile]) -> None:
    sizes = [
        info.file_size
        for info in wheels["kerastl_tiny"].infolist()
        if info.filename.endswith(".npz")
    ]
    assert sizes
    assert max(sizes) < WEIGHTS_LIMIT_BYTES
