"""Commands that tests call in their own process."""

from kerastl.cli import main


def kerastl_command(*args: object) -> int:
    """Runs a command; returns its exit status."""
    try:
        main([str(arg) for arg in args])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
