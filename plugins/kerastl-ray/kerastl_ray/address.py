"""What follows after `--on ray`."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from kerastl.run.executors import RunError, suggestion

_EXPECTED = "ray, ray://auto or ray://host:10001, each with ?actors=2&cpus=4 if wanted"
_COUNTS = ("actors", "cpus")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where Ray is.

    Args:
        place: `host:port` of a Ray Client server, `"auto"`, or empty.
        actors: Number of actors, or None: what fits into the cluster.
        cpus: Processors of each actor, or None: what suits the cluster.
    """

    place: str
    actors: int | None = None
    cpus: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Returns the address of a text such as `"head:10001?actors=8"`.

        Raises:
            RunError: It is none.
        """
        place, _, query = text.partition("?")
        host, _, port = place.rpartition(":")
        counts = dict(parse_qsl(query, keep_blank_values=True))
        unknown = sorted(set(counts) - set(_COUNTS))
        is_place = place in ("", "auto") or (host and port.isdecimal() and 0 < int(port) < 2**16)
        are_counts = all(
            value.isdecimal() and 0 < int(value) <= 100_000 for value in counts.values()
        )
        if unknown or not is_place or not are_counts:
            raise RunError(
                "This is not an address of Ray.",
                where="--on",
                expected=_EXPECTED,
                received=f"'{text}'",
                fix=suggestion(unknown[0], _COUNTS) if unknown else None,
            )
        return cls(place=place, **{name: int(value) for name, value in counts.items()})
