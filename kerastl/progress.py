"""What long work tells whoever waits for it.

Convention: steps report through a `Progress` that they are given; only the command line shows it.
"""


class Progress:
    """Listens to long work and stays silent; subclasses show it."""

    def step(self, title: str, total: int | None = None) -> None:
        """A step begins.

        Args:
            title: What is done, such as "Reading images".
            total: Number of things to do, or None where that isn't known.
        """

    def advance(self, done: int) -> None:
        """`done` things of the present step are done."""

    def note(self, text: str) -> None:
        """Something worth knowing, in one or more lines."""

    def warn(self, text: str) -> None:
        """Something that the user should look at."""


SILENT = Progress()
