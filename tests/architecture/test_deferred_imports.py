"""Imports inside functions are exceptions: each is in a table, with its reason."""

import tomllib
from pathlib import Path

from import_graph import imports, is_heavy

TABLE = Path(__file__).with_name("deferred_imports.toml")
GROUPS = tomllib.loads(TABLE.read_text())


def allowed() -> set[tuple[str, str]]:
    return {pair for group in GROUPS for pair in pairs_of(group)}


def pairs_of(group: str) -> set[tuple[str, str]]:
    return {
        (importer, imported)
        for importer, names in GROUPS[group].items()
        if importer != "reason"
        for imported in names
    }


def deferred() -> set[tuple[str, str]]:
    return {(each.importer, each.imported) for each in imports() if each.is_deferred}


def test_every_import_inside_a_function_is_in_the_table() -> None:
    assert deferred() - allowed() == set()


def test_the_table_has_no_line_too_many() -> None:
    assert allowed() - deferred() == set()


def test_every_group_says_why() -> None:
    assert [name for name, group in GROUPS.items() if not group["reason"].endswith(".")] == []


def test_an_import_is_deferred_for_lightness_only_between_a_light_and_a_heavy_module() -> None:
    pairs = pairs_of("light")
    assert {importer for importer, _ in pairs if is_heavy(importer)} == set()
    assert {imported for _, imported in pairs if not is_heavy(imported)} == set()
