"""The command line: one thin module per command, loaded when it is called.

Convention: a deliberate error is caught once, here, and exits with code 2 without a traceback.
"""

import atexit
import gc
import importlib
import sys
from typing import Any

import click

from kerastl.errors import KerastlError, suggestion

COMMANDS = {
    "train": "Train a model as a config says.",
    "evaluate": "Score a run on a split or on another table.",
    "predict": "Predict files, folders or a table.",
    "compare": "Train two or more ways and say which is better.",
    "report": "Build or open a run's report.",
    "data": "Check, split or make tables of examples.",
    "backbones": "List, show or check backbones.",
    "config": "Write, validate or describe configs.",
    "cache": "List, prune or clear the feature cache.",
    "demo": "Draw data, train on it and show the result.",
    "doctor": "Check versions, devices, plugins and Keras's behavior.",
}


_DISK_FULL = "No space left on device"
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
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise KerastlError(
                f"There is no command '{args[0]}'.",
                expected=", ".join(COMMANDS),
                fix=suggestion(args[0], COMMANDS),
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table above, so that `--help` imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kerastl")
def cli() -> None:
    """Train one model that answers several yes/no questions about images or sounds.

    Labels may be missing: every answer that is known teaches, none that is not.
    """


def main(args: list[str] | None = None) -> None:
    """Runs the command line; exit code 0, 2 for what the user can mend, 130 after Ctrl-C."""
    if args is None:
        spare_collections()
    try:
        cli.main(args=args, standalone_mode=False)
    except KerastlError as error:
        _fail(f"Error: {error}", code=2)
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        _fail(_farewell(stop), code=130)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except Exception as error:
        refusal = system_refusal(error)
        if refusal is None:
            raise
        _fail(f"Error: {refusal}", code=2)


def spare_collections() -> None:
    """Lets Python's garbage collector look through TensorFlow's million objects less often.

    With its own settings it takes a second of every command's imports and another of its end.
    """
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)


def system_refusal(error: Exception) -> KerastlError | None:
    """Returns a file system's refusal in the template of messages, or None for anything else.

    HDF5 and TensorFlow wrap a full disk in errors of their own that keep only its words.
    """
    if _DISK_FULL in str(error):
        reason, place = _DISK_FULL.lower(), getattr(error, "filename", None)
    elif isinstance(error, OSError) and error.strerror:
        reason, place = error.strerror.lower(), error.filename2 or error.filename
    else:
        return None
    return KerastlError(
        f"The system refused: {reason}.",
        where=str(place) if place else None,
        fix=_REFUSAL_FIXES.get(reason, "Correct the path or its permissions, and run again."),
    )


def _farewell(stop: BaseException) -> str:
    """Returns what a Ctrl-C leaves behind; Click wraps the interrupt that says it."""
    told = [error.args[0] for error in (stop, stop.__cause__) if error is not None and error.args]
    return f"Stopped. {told[0]}" if told else "Stopped. Nothing was written."


def _fail(message: str, *, code: int) -> Any:
    click.echo(message, err=True)
    sys.exit(code)
