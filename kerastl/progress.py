"""Reports about the progress of long work.

Convention: long work receives a `Progress`; only the command line shows what it reports.
"""


class Progress:
    """Receives progress updates and ignores them; subclasses show them."""

    def step(self, title: str, total: int | None = None) -> None:
        """A step begins, such as "Reading images"; `total` items, or None if it is unknown."""

    def advance(self, done: int) -> None:
        """`done` items of the current step are done."""

    def note(self, text: str) -> None:
        """Information for the user, in one or more lines."""

    def warn(self, text: str) -> None:
        """A warning for the user."""


SILENT = Progress()
