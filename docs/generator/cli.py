"""The reference of the command line: the `--help` of every command."""

from collections.abc import Iterator

import click

from kerastl.cli import cli

_WIDTH = 88
_HEAD = """\
# Command line

The output of `--help` for every command. Results are written to standard output, progress and
notes to standard error. The exit code is 0 on success, 2 for errors that you can fix (the
message says how), 130 after Ctrl-C, and 1 with a traceback for a bug in kerastl. If the reader of a
pipe ends early, as `head` does, the command finishes its work and exits with 0.
TensorFlow's own log is hidden; `TF_CPP_MIN_LOG_LEVEL=0` shows it.
"""


def page() -> str:
    """Returns the page."""
    return "\n".join([_HEAD, *(_section(context) for context in commands())])


def commands() -> Iterator[click.Context]:
    """Yields the context of every command, in the order of the help."""
    width = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    yield from _below(click.Context(cli, info_name="kerastl", **cli.context_settings, **width))


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    group = context.command
    for name in group.list_commands(context) if isinstance(group, click.Group) else ():
        command = group.get_command(context, name)
        if command is not None:
            yield from _below(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"
