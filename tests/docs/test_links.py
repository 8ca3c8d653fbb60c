"""What the manual points at is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from manual_blocks import Block, blocks_of, options_of
from manual_pages import ROOT, all_pages, text_of

from kerastl.cli import cli

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.M)


def links() -> Iterator[object]:
    for page in all_pages():
        for match in LINK.finditer(CODE.sub("", text_of(page))):
            if "://" not in match["target"]:
                yield pytest.param(
                    page, match["target"], id=f"{page.as_posix()}->{match['target']}"
                )


def slugs(page: Path) -> set[str]:
    without_blocks = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.M | re.S)
    titles = [match["title"].lower() for match in HEADING.finditer(without_blocks)]
    kept = ("".join(c for c in title if c.isalnum() or c in " -_") for title in titles)
    return {title.strip().replace(" ", "-") for title in kept}


@pytest.mark.parametrize(("page", "target"), list(links()))
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    assert file.exists()
    assert not anchor or anchor in slugs(file.resolve().relative_to(ROOT))


def command_lines() -> Iterator[object]:
    for page in all_pages():
        for block in blocks_of(text_of(page)):
            for command in _commands(block):
                yield pytest.param(command, id=f"{page.as_posix()}:{command}")


def _commands(block: Block) -> list[str]:
    prompts = {"bash": "", "console": "$ "}
    if block.language not in prompts:
        return []
    begin = f"{prompts[block.language]}kerastl "
    lines = block.text.replace("\\\n", "").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith(begin)]


@pytest.mark.parametrize("line", list(command_lines()))
def test_a_command_of_the_manual_exists_with_its_options(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command | None = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used - options_of(command) - {"--version"} == set()


def test_a_make_target_of_the_manual_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        name for page in all_pages() for name in re.findall(r"`make ([a-z-]+)`", text_of(page))
    }
    assert named <= targets
