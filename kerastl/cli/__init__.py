"""The command line: one thin module per command, imported when the command is called.

Convention: a deliberate error is caught once, here, and exits with code 2 without a traceback.
"""

import atexit
import importlib
import os
import shutil
import struct
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from kerastl.cli import completion
from kerastl.cli.interrupts import keep_interrupts
from kerastl.cli.output import keep_working_without_reader
from kerastl.cli.silence import silence_tensorflow
from kerastl.cli.startup import save_startup_time
from kerastl.errors import KerastlError, suggestion
from kerastl.files import in_utf8

COMMANDS = {
    "train": "Train the model of a config.",
    "evaluate": "Score a run on a split or on another table.",
    "predict": "Predict files, folders or a table.",
    "extract": "Compute the features of a table, on several machines too.",
    "merge": "Join the parts that shards of a command have written.",
    "export": "Export a run for another runtime, and check it.",
    "serve": "Answer requests over HTTP.",
    "compare": "Train in several ways and compare the results.",
    "report": "Build or open a run's report.",
    "runs": "List runs with their state and scores.",
    "data": "Check, split or make tables of examples.",
    "backbones": "List, show or check backbones.",
    "config": "Write, validate or describe configs.",
    "cache": "List, prune or clear the feature cache.",
    "demo": "Make data, train on it and show the result.",
    "doctor": "Check versions, devices, plugins and Keras's behavior.",
}


_DISK_FULL = "No space left on device"
_NO_YEAR = "ZIP does not support timestamps"
_FIRST_YEAR, _LAST_YEAR = 1980, 2107  # of ZIP files
_REFUSAL_FIXES = {
    _DISK_FULL.lower(): "Free some space or choose another folder with --output, and run again.",
    "permission denied": "Choose another folder with --output, or correct the permissions.",
}


class _LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"kerastl.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_unknown = args and not args[0].startswith("-") and args[0] not in COMMANDS
        if is_unknown and not ctx.resilient_parsing:
            raise KerastlError(
                f"The command '{args[0]}' does not exist.",
                expected=", ".join(COMMANDS),
                fix=suggestion(args[0], COMMANDS),
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes commands from the table above, and options."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table above, so that `--help` imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kerastl")
def cli() -> None:
    """Train one model that answers several yes/no questions about images or audio.

    Labels may be missing: training uses every known label and ignores the rest.
    """


def main(args: list[str] | None = None) -> None:
    """Runs the command line; exits with 0, 2 for errors of the user, 130 after Ctrl-C."""
    interrupted = threading.Event()
    if args is None:
        interrupted = keep_interrupts()
        keep_working_without_reader()
        save_startup_time()
        silence_tensorflow()
        # Keras and TensorFlow warn of their own deprecated calls; PYTHONWARNINGS is for kerastl's.
        warnings.filterwarnings("ignore", module="(?!kerastl)")
    completion.register()
    provide_home()
    try:
        cli.main(args=args, standalone_mode=False)
    except KerastlError as error:
        _fail(f"Error: {error}", code=2)
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        _fail(_interrupt_message(stop), code=130)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        if interrupted.is_set():  # an extension raises an error of its own instead
            _fail("Stopped.", code=130)
        refusal = system_refusal(error)
        if refusal is None:
            raise
        _fail(f"Error: {refusal}", code=2)


def provide_home() -> None:
    """Gives a user without a home folder, as in many containers, a temporary one.

    Keras and OpenVINO need one. It is removed at exit; KERASTL_CACHE keeps features elsewhere.
    """
    try:
        Path.home()
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="kerastl-home-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["HOME"] = folder


def system_refusal(error: Exception) -> KerastlError | None:
    """Returns an error of memory or files as a `KerastlError`, or None for any other error.

    HDF5 and TensorFlow report a full disk with errors of their own that keep only its message, and
    zipfile reports years that it cannot write.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        lines = str(error).strip().splitlines() or ["out of memory"]
        return KerastlError(
            "There is not enough memory.",
            received=lines[0][:200],
            fix="Choose a smaller backbone.input_size or fit.batch_size, or fewer heads and units.",
        )
    year = time.localtime().tm_year
    if _NO_YEAR in str(error) or (isinstance(error, struct.error) and year > _LAST_YEAR):
        return KerastlError(
            "The clock of this machine is at a year for which no model can be saved.",
            received=str(year),
            expected=f"{_FIRST_YEAR} to {_LAST_YEAR}, as in all ZIP files",
            fix="Set the clock, and run again.",
        )
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
        return KerastlError(
            "The name of a file or folder is not UTF-8.",
            received=f"'{in_utf8(error.object)[:200]}'",
            fix="Rename it, and run again.",
        )
    if _DISK_FULL in str(error):
        reason, place = _DISK_FULL.lower(), getattr(error, "filename", None)
    elif isinstance(error, OSError) and error.strerror:
        reason, place = error.strerror.lower(), error.filename2 or error.filename
    else:
        return None
    return KerastlError(
        f"The operating system reported: {reason}.",
        where=str(place) if place else None,
        fix=_REFUSAL_FIXES.get(reason, "Correct the path or its permissions, and run again."),
    )


def _interrupt_message(stop: BaseException) -> str:
    """Returns the message after Ctrl-C; Click wraps the interrupt that carries it."""
    texts = [error.args[0] for error in (stop, stop.__cause__) if error is not None and error.args]
    return " ".join(["Stopped.", *map(str, texts[:1])])


def _fail(message: str, *, code: int) -> Any:
    click.echo(message, err=True)
    sys.exit(code)
