"""Imports inside functions are exceptions: each is in a table, with its reason."""

import tomllib
from pathlib import Path

from import_graph import heavy_packages, imports

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


def test_an_import_is_deferred_for_speed_only_if_it_loads_a_large_package_more() -> None:
    assert {
        (importer, imported)
        for importer, imported in pairs_of("speed")
        if heavy_packages(imported) <= heavy_packages(importer)
    } == set()
