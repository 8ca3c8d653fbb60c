"""The connection to Ray, and how many actors fit into it."""

import io
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import ray

from kerastl.run.executors import Progress, RunError, counted
from kerastl_ray.address import Address
from kerastl_runtime.threads import num_processors

_SECONDS = 5.0  # to find out whether anything listens at an address
_AHEAD = 2  # so that an actor has the next shard when it has finished one
_CPUS = 4  # of an actor, if the machines have as many
_SPARE_CPUS = 2  # logical ones: actors must never take all of a Ray on one machine


@dataclass(frozen=True, kw_only=True)
class Actors:
    """The actors of a job.

    Args:
        count: How many are started.
        cpus: Processors of each.
        has_gpu: Whether each has a GPU, for which tasks on the processors decode.
        ahead: Number of shards that each has at a time.
    """

    count: int
    cpus: int
    has_gpu: bool
    ahead: int


_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}


@contextmanager
def connected(address: Address, *, all_at_once: bool, progress: Progress) -> Iterator[Actors]:
    """Connects to Ray, or starts one on this machine; disconnects or stops it at the end.

    Args:
        address: Where Ray is.
        all_at_once: Whether the job needs all actors at the same time, and no GPU.
        progress: Receives notes.

    Raises:
        RunError: Ray cannot be reached within about half a minute, or has too few processors.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    is_local = not address.place and not os.environ.get("RAY_ADDRESS")
    progress.note("Starting Ray on this machine." if is_local else "Connecting to Ray.")
    processors = num_processors()
    # Ray prints of each worker that dies, also if it is asked to be quiet.
    with redirect_stdout(io.StringIO()), _stopping():
        if is_local:
            wanted = (address.actors or 1) * (address.cpus or 1)
            cpus = max(processors, wanted) + _SPARE_CPUS
            ray.init("local", num_cpus=cpus, include_dashboard=False, **_QUIET)
            node_cpus = [max(processors, wanted)]
        else:
            _connect(address.place)
            node_cpus = [int(node.get("CPU", 0)) for node in _nodes()]
        actors = _that_fit(address, node_cpus, all_at_once=all_at_once)
        device = "a GPU" if actors.has_gpu else counted(actors.cpus, "processor")
        progress.note(f"Ray: {counted(actors.count, 'actor')} with {device} each.")
        yield actors


@contextmanager
def _stopping() -> Iterator[None]:
    """Disconnects from Ray at the end, or stops the one of this machine."""
    try:
        yield
    finally:
        ray.shutdown()


def _connect(place: str) -> None:
    """Connects to a Ray Client server, or else to the cluster of this machine.

    Raises:
        RunError: Nothing answers there, or no Ray of the same version.
    """
    try:
        if place not in ("", "auto"):
            host, _, port = place.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
        ray.init(f"ray://{place}" if ":" in place else place or None, **_QUIET)
    except (OSError, RuntimeError, ValueError) as error:  # among them ConnectionError
        raise RunError(
            f"Ray cannot be reached at {place}." if ":" in place else "No Ray runs here.",
            where="--on",
            received=" ".join(str(error).split())[:300],
            fix="Start it with `ray start --head`, whose Ray Client listens at port 10001, with "
            "the versions of Python and Ray that this machine has.",
        ) from None


def _that_fit(address: Address, node_cpus: Sequence[int], *, all_at_once: bool) -> Actors:
    """Returns the actors for machines with these numbers of processors.

    Raises:
        RunError: Not even one actor fits.
    """
    num_gpus = 0 if all_at_once else int(sum(node.get("GPU", 0) for node in _nodes()))
    if num_gpus:
        count = min(address.actors or num_gpus, num_gpus)
        ahead = max(2, sum(node_cpus) // count)
        return Actors(count=count, cpus=address.cpus or 0, has_gpu=True, ahead=ahead)
    cpus = address.cpus or min(_CPUS, max(node_cpus, default=0))
    most = sum(count // cpus for count in node_cpus) if cpus else 0
    if not most:
        raise RunError(
            "No machine of the cluster has room for an actor.",
            where="--on",
            expected=f"a machine with {counted(max(cpus, 1), 'processor')}",
            received=f"machines with {', '.join(map(str, node_cpus)) or 'no'} processors",
        )
    count = address.actors or most
    count = min(count, most) if all_at_once else count
    return Actors(count=count, cpus=cpus, has_gpu=False, ahead=_AHEAD)


def _nodes() -> list[dict[str, float]]:
    """Returns the resources of each machine that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
