"""Code blocks of a page, and how each kind is run.

Convention: CONTRIBUTING.md ("Documentation") says what a block of each language promises.
"""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kerastl.cli import main
from kerastl.config import parse_config
from kerastl.config.strict_yaml import read_yaml

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S
)
_TITLE = re.compile(r'title="(?P<name>[^"]+)"')
_PART = re.compile(r"(?P<any>\.\.\.)|(?P<space>\s+)|(?P<number>-?\d+\.\d+)|(?P<text>\S)")
_TOLERANCE = 0.1
_RUN = ("python", "console", "yaml")
_LEAST_CONFIG = {
    "data": {"table": "table.csv", "image": "path", "tasks": ["first_task", "second_task"]},
    "backbone": {"name": "tiny:image"},
}
Printed = tuple[str, str | None]  # what a command printed, and its error
Run = Callable[[str], Printed]


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block.

    Args:
        language: First word after the fence.
        title: Name of the file that the block shows, or None.
        text: What is in it.
        line: Line of its fence, counted from 1.
        follows: The block that ends right above it, or None.
    """

    language: str
    title: str | None
    text: str
    line: int
    follows: "Block | None"


def blocks_of(page: str) -> list[Block]:
    """Returns the blocks of a page in order."""
    blocks: list[Block] = []
    end = 0
    for match in _FENCE.finditer(page):
        is_next = bool(blocks) and not page[end : match.start()].strip()
        title = _TITLE.search(match["info"])
        blocks.append(
            Block(
                language=match["info"].partition(" ")[0],
                title=title["name"] if title else None,
                text=textwrap.dedent(match["text"]),
                line=page[: match.start()].count("\n") + 1,
                follows=blocks[-1] if is_next else None,
            )
        )
        end = match.end()
    return blocks


def has_code(page: str) -> bool:
    """Whether anything on the page is run."""
    return any(block.language in _RUN for block in blocks_of(page))


def run_page(page: str, *, where: str, demos: "Demos") -> None:
    """Runs the blocks of a page in order, in the current folder and in one namespace."""
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = ""
    for block in blocks_of(page):
        place = f"{where}:{block.line}"
        if block.language == "python":
            printed = _run_python(block, namespace, place)
        elif block.language == "console":
            _run_console(block, place, demos)
        elif block.language == "yaml":
            _read_yaml(block, place)
        elif block.language == "text" and block.follows and block.follows.language == "python":
            expect(block.text, printed, place)


def _run_python(block: Block, namespace: dict[str, Any], place: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(block.text, place, "exec"), namespace)
    return output.getvalue()


def _run_console(block: Block, place: str, demos: "Demos") -> None:
    runners = {"kerastl demo ": demos.run, "kerastl ": _run_kerastl, "": _run_shell}
    for command, expected in _commands(block.text):
        run = next(run for start, run in runners.items() if command.startswith(start))
        received, error = run(command)
        is_meant = "Error: " in expected
        assert is_meant or error is None, f"{place}: {command}\n{error}"
        if expected.strip():
            expect(expected, received + (error or ""), f"{place}: {command}")


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yields each command behind a `$ `, and the output that is shown below it."""
    for part in re.split(r"^\$ ", text.replace("\\\n", ""), flags=re.M)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _run_kerastl(command: str) -> Printed:
    """Runs a command of kerastl in this process; returns what it printed, and its error."""
    output, errors = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main(shlex.split(command, comments=True)[1:])
        except SystemExit as stop:
            code = stop.code
    progress, begin, message = errors.getvalue().rpartition("Error: ")
    return output.getvalue(), (begin + message or progress) if code else None


def _run_shell(command: str) -> Printed:
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    return result.stdout, result.stderr if result.returncode else None


class Demos:
    """Runs each command `kerastl demo ...` once; other pages get a copy of what it made.

    Args:
        folder: Empty folder for what the commands make.
        make: Runs a command; returns what it printed, and its error.
    """

    def __init__(self, folder: Path, make: Run = _run_kerastl):
        self._folder, self._make = folder, make
        self._printed: dict[str, Printed] = {}

    def run(self, command: str) -> Printed:
        """Makes a demo in the current folder; returns what the command printed, and its error."""
        made, demo = self._folder / re.sub(r"\W+", "-", command), Path("demo")
        if command in self._printed:
            shutil.copytree(made, demo, dirs_exist_ok=True)
            return self._printed[command]
        printed = self._make(command)
        if demo.is_dir() and printed[1] is None:
            shutil.copytree(demo, made)
            self._printed[command] = printed
        return printed


def _read_yaml(block: Block, place: str) -> None:
    """Writes a block with a title to that file; checks one without as a part of a config."""
    if block.title:
        Path(block.title).write_text(block.text, encoding="utf-8")
        return
    value, problems = read_yaml(block.text)
    assert not problems, f"{place}: {problems}"
    assert isinstance(value, Mapping), place
    parse_config({**_LEAST_CONFIG, **value}, where=place)


def expect(expected: str, received: str, place: str) -> None:
    """Checks printed text: white space as white space, `...` as anything, decimals nearly."""
    pattern = "".join(_pattern(part) for part in _PART.finditer(expected.strip()))
    found = re.fullmatch(pattern, received.strip(), re.S)
    assert found, f"{place}\nexpected:\n{expected}\nreceived:\n{received}"
    numbers = [part["number"] for part in _PART.finditer(expected.strip()) if part["number"]]
    for shown, printed in zip(numbers, found.groups(), strict=True):
        near = abs(float(shown) - float(printed)) <= _TOLERANCE
        assert near, f"{place}: {shown} is shown, {printed} was printed\n{received}"


def _pattern(part: re.Match[str]) -> str:
    if part["any"]:
        return ".*?"
    if part["space"]:
        return r"\s+"
    return r"(-?\d+\.\d+)" if part["number"] else re.escape(part["text"])


def options_of(command: click.Command) -> set[str]:
    """Returns every option of a command."""
    return {name for parameter in command.params for name in (*parameter.opts, "-h", "--help")}
