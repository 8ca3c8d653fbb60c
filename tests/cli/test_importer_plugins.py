"""Importers that other distributions register as commands of `kerastl data`."""

import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/how-to/import-labels.md"
CODE = PAGE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a distribution with one importer, for the length of a test."""

    def function(name: str, code: str, point: str = "from-lines") -> None:
        folder = tmp_path / "site" / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        target = f"{point} = {module}:from_lines"
        (info / "entry_points.txt").write_text(f"[kerastl.importers]\n{target}\n")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return function


def test_an_installed_importer_is_a_command_of_data(
    install, kerastl_command, tmp_path: Path
) -> None:
    install("lines-importer", CODE)
    assert "from-lines" in kerastl_command("data", "--help").out
    (tmp_path / "seen.txt").write_text("a.jpg cat dog\nb.jpg dog\n")
    done = kerastl_command("data", "from-lines", tmp_path / "seen.txt", "-o", tmp_path / "seen.csv")
    assert done.code == 0
    assert (tmp_path / "seen.csv").read_text() == "path,cat,dog\na.jpg,1,1\nb.jpg,0,1\n"
    printed = PAGE.read_text(encoding="utf-8").rpartition("-o seen.csv\n")[2].partition("Wrote")[0]
    assert done.out.startswith(printed)
    assert "Note: An animal that isn't named in a line is 0." in done.err


def test_the_help_names_an_importer_that_cannot_be_loaded_and_lists_the_others(
    install, kerastl_command
) -> None:
    install("broken-importer", "import nothing_of_this_name")
    done = kerastl_command("data", "--help")
    assert done.code == 0
    assert "cannot be imported" in " ".join(done.out.split())
    assert "from-coco" in done.out


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name", "cannot be imported"),
        ("from_lines = 3", "is not a command"),
    ],
)
def test_a_broken_importer_is_one_sentence_that_names_its_distribution(
    install, kerastl_command, code: str, message: str
) -> None:
    install("broken-importer", code)
    done = kerastl_command("data", "from-lines", "x")
    assert done.code == 2
    assert message in done.err
    assert "broken-importer" in done.err
    assert "Traceback" not in done.err


def test_two_importers_of_one_name_are_refused_until_one_is_allowed(
    install, kerastl_command, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("lines-importer", CODE)
    install("other-importer", CODE)
    done = kerastl_command("data", "from-lines", "x")
    assert done.code == 2
    assert "lines-importer and other-importer" in done.err
    monkeypatch.setenv("KERASTL_PLUGINS", "lines-importer")
    assert kerastl_command("data", "from-lines", "--help").code == 0


def test_a_known_importer_that_is_not_installed_says_what_to_install(
    kerastl_command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASTL_PLUGINS", "tiny")
    done = kerastl_command("data", "from-label-studio", "export.json")
    assert done.code == 2
    assert "pip install kerastl-importers" in done.err


def test_a_misspelled_importer_gets_a_suggestion(kerastl_command) -> None:
    done = kerastl_command("data", "from-label-studo", "export.json")
    assert done.code == 2
    assert "Did you mean 'from-label-studio'?" in done.err
