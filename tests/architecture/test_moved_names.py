"""Import paths of version 0.1 keep working for one release, with a warning."""

import importlib
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from kerastl._moved import PATHS, new_path

OLD_MODULES = Path(__file__).with_name("modules_of_0_1.txt").read_text().split()
OLD_NAMES = Path(__file__).with_name("names_of_0_1.txt").read_text().split()
MODULES = {old: new for old, new in PATHS.items() if ":" not in old}
NAMES = {old: new for old, new in PATHS.items() if ":" in old}
MOVED = [name for name in OLD_MODULES if new_path(name)]
ROOT = Path(__file__).resolve().parents[2]


def is_file(module: str) -> bool:
    root = ROOT / "plugins/kerastl-runtime" if module.startswith("kerastl_runtime") else ROOT
    path = root / module.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("name", OLD_MODULES)
def test_every_module_of_version_0_1_can_be_imported(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert importlib.import_module(name)


@pytest.mark.parametrize("path", OLD_NAMES)
def test_every_documented_name_of_version_0_1_is_where_it_was(path: str) -> None:
    module, name = path.split(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", MOVED)
def test_an_old_path_warns_and_names_the_new_one(name: str) -> None:
    sys.modules.pop(name, None)
    with pytest.warns(DeprecationWarning, match="has moved to") as caught:
        module = importlib.import_module(name)
    new = new_path(name)
    messages = [str(warning.message) for warning in caught]
    assert (
        f"{name} has moved to {new}. The old path will be removed in the next release." in messages
    )
    contents = vars(importlib.import_module(str(new)))
    public = {key: value for key, value in contents.items() if not key.startswith("_")}
    assert {key: vars(module)[key] for key in public} == public


def test_the_table_has_no_path_that_still_exists_and_no_superfluous_line() -> None:
    assert [name for name in MODULES if is_file(name)] == []
    assert [name for name in MODULES if name not in OLD_MODULES] == []
    assert [new for new in MODULES.values() if not is_file(new)] == []


def test_the_table_is_sorted() -> None:
    assert list(PATHS) == sorted(PATHS)


@pytest.mark.parametrize(("old", "new"), NAMES.items())
def test_an_old_name_warns_and_is_the_new_one(old: str, new: str) -> None:
    module, name = old.split(":")
    new_module, new_name = new.split(":")
    with pytest.warns(DeprecationWarning, match="has moved to") as caught:
        found = getattr(importlib.import_module(module), name)
    assert found is getattr(importlib.import_module(new_module), new_name)
    assert str(caught[-1].message) == (
        f"{module}.{name} has moved to {new_module}.{new_name}. "
        "The old path will be removed in the next release."
    )
    assert caught[-1].filename == __file__


def test_the_warning_points_at_the_line_that_imports(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text("import kerastl\nimport kerastl.run.files\n")
    result = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{script}:2: DeprecationWarning: kerastl.run.files has moved" in result.stderr


def test_a_name_that_never_existed_is_an_attribute_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module("kerastl.run.files")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


def test_a_module_that_never_existed_is_not_found() -> None:
    assert importlib.util.find_spec("kerastl.nonsense") is None
