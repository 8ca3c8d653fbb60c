"""Deaths of workers, and how many of them are too many."""

from ray.exceptions import RayError, RayTaskError

from kerastl.run.executors import KerastlError, RunError, counted


class Deaths:
    """Counts the deaths of workers since one of them has finished something.

    Args:
        most: Number of deaths that are not too many.
        unit: What a worker finishes, such as "part".
    """

    def __init__(self, most: int, unit: str):
        self._most = most
        self._unit = unit
        self._count = 0

    def forget(self) -> None:
        """Begins anew, because a worker has finished something."""
        self._count = 0

    def add(self, error: RayError) -> RayError:
        """Returns what a worker died of.

        Raises:
            KerastlError: It did not die, but raised this; or too many have died.
        """
        cause = error.cause if isinstance(error, RayTaskError) else error
        if isinstance(cause, KerastlError):
            raise cause from None
        if not isinstance(cause, RayError):
            raise error
        self._count += 1
        if self._count > self._most:
            raise RunError(
                f"{counted(self._count, 'worker')} of Ray died one after the other, and none "
                f"has finished a {self._unit}.",
                where="--on",
                received=reason(cause),
                fix="Read the logs of Ray; if memory is short, use fewer actors on each machine: "
                "?cpus=8.",
            ) from None
        return cause


def reason(death: RayError) -> str:
    """Returns the reason of a death in one line."""
    return (str(death).strip() or type(death).__name__).splitlines()[0][:200]
