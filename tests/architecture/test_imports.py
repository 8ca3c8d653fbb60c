"""What importing costs, and which way imports go."""

import json
import subprocess
import sys

import pytest

HEAVY = ("keras", "tensorflow", "numpy", "pandas", "sklearn", "scipy", "PIL", "rich")
PARSING = ("pydantic", "yaml")  # what reading a config loads
CODE = "import sys, json; {}; print(json.dumps([m for m in {!r} if m in sys.modules]))"


def loaded(statement: str, packages: tuple[str, ...] = HEAVY) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", CODE.format(statement, packages)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "statement",
    [
        "import kerastl",
        "import kerastl.cli",
        "import kerastl.config",
        "import kerastl.errors",
        "import kerastl.backbones.spec",
        "import kerastl.backbones.registry",
        "import kerastl; kerastl.list_backbones()",
        "import kerastl.cli; kerastl.cli.cli.main(['--help'], standalone_mode=False)",
        "import kerastl.cli; kerastl.cli.cli.main(['runs', '.'], standalone_mode=False)",
    ],
)
def test_what_must_start_fast_imports_nothing_heavy(statement: str) -> None:
    assert loaded(statement) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import kerastl.cli",
        "import kerastl.backbones",
        "import kerastl; kerastl.list_backbones()",
        "import kerastl.cli; kerastl.cli.cli.main(['--help'], standalone_mode=False)",
    ],
)
def test_listing_backbones_and_help_do_not_even_load_what_reads_a_config(statement: str) -> None:
    assert loaded(statement, PARSING) == []


def test_importing_a_name_imports_its_module() -> None:
    assert "keras" in loaded("import kerastl; kerastl.losses")


def test_every_public_name_can_be_imported() -> None:
    import kerastl

    assert [name for name in kerastl.__all__ if getattr(kerastl, name, None) is None] == []
