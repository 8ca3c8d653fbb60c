"""The processes of a training on several machines, as each of them is told.

Convention: addresses belong to a start of a training, not to its config. They are in the
environment variable TF_CONFIG, as TensorFlow and Kubernetes operators have it.
"""

import json
import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from kerastl.config.training_sections import DistributeConfig
from kerastl.errors import ConfigError, RunError

WAITING_SECONDS = 600.0  # for all workers to start
_VARIABLE = "TF_CONFIG"
_RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 5.0
_FIX = "Start each worker with `--workers HOST:PORT,HOST:PORT --worker I`, counted from 0."


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """All workers of a training, and which of them this process is."""

    addresses: tuple[str, ...]  # host:port of each; none if there is only this process
    index: int  # of this process, from 0

    @classmethod
    def find(cls, settings: DistributeConfig | None) -> Self:
        """Returns the cluster that this process belongs to.

        Raises:
            ConfigError: The config asks for several workers that the environment lacks.
        """
        if settings is None or settings.workers == 1:
            return cls(addresses=(), index=0)
        found = _read(os.environ.get(_VARIABLE, ""))
        if found is None or len(found[0]) != settings.workers:
            raise ConfigError(
                f"The training needs the addresses of {settings.workers} workers.",
                where="distribute.workers",
                received=f"{_VARIABLE} with {len(found[0])}" if found else f"no valid {_VARIABLE}",
                fix=_FIX,
            )
        return cls(addresses=found[0], index=found[1])

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run."""
        return self.index == 0

    def meet(self, seconds: float = WAITING_SECONDS) -> None:
        """Returns when all workers have started; TensorFlow itself would wait forever.

        Raises:
            RunError: Not all of them start within this time, or the own address cannot be used.
        """
        end = time.monotonic() + seconds
        missing = self._receive(end) if self.is_first else self._report(end)
        if missing:
            raise RunError(
                "Not all workers have started.",
                where=", ".join(self.addresses[index] for index in missing),
                expected=f"all {len(self.addresses)} within {seconds:g} seconds",
                received=f"nothing from worker {', '.join(map(str, missing))}",
                fix="Start all workers at about the same time, with the same --workers.",
            )

    def _receive(self, end: float) -> list[int]:
        """Waits for the other workers, lets them continue; returns those that are missing."""
        missing = set(range(1, len(self.addresses)))
        with ExitStack() as stack:
            own = stack.enter_context(self._listen())
            arrived = []
            while missing and (left := end - time.monotonic()) > 0:
                own.settimeout(left)
                try:
                    other, _ = own.accept()
                    arrived.append(stack.enter_context(other))
                    other.settimeout(_ANSWER_SECONDS)
                    missing -= {int.from_bytes(other.recv(4), "big")}
                except OSError:
                    continue
            for other in [] if missing else arrived:
                other.sendall(b"1")
        return sorted(missing)

    def _listen(self) -> socket.socket:
        """Returns a socket at the own port, on all interfaces, as TensorFlow uses it then."""
        port = int(self.addresses[self.index].rpartition(":")[2])
        try:
            return socket.create_server(("", port), backlog=len(self.addresses))
        except OSError as error:
            raise RunError(
                f"The port {port} of this worker cannot be used.",
                where=self.addresses[self.index],
                received=error.strerror or str(error),
                fix="Choose another port.",
            ) from error

    def _report(self, end: float) -> list[int]:
        """Tells the first worker that this one has started; waits until all have."""
        host, _, port = self.addresses[0].rpartition(":")
        while (left := end - time.monotonic()) > 0:
            try:
                with socket.create_connection((host.strip("[]"), int(port)), timeout=left) as first:
                    first.sendall(self.index.to_bytes(4, "big"))
                    if first.recv(1) == b"1":
                        return []
            except OSError:
                pass
            time.sleep(_RETRY_SECONDS)
        return [0]


def set_cluster(addresses: str, index: int | None) -> None:
    """Sets the environment variable, given `HOST:PORT,HOST:PORT` and the own index.

    Raises:
        ConfigError: An address has no port, or the index is not that of one.
    """
    workers = [address.strip() for address in addresses.split(",")]
    wrong = [one for one in workers if not one.rpartition(":")[0] or not _is_port(one)]
    if wrong or len(set(workers)) < len(workers):
        raise ConfigError(
            "The addresses of the workers cannot be used.",
            where="--workers",
            expected="a different HOST:PORT for each worker, separated by commas",
            received=addresses,
        )
    if index is None or not 0 <= index < len(workers):
        raise ConfigError(
            "Which worker this is was not given.",
            where="--worker",
            expected=f"a number from 0 to {len(workers) - 1}",
            received="nothing" if index is None else str(index),
        )
    task = {"type": "worker", "index": index}
    os.environ[_VARIABLE] = json.dumps({"cluster": {"worker": workers}, "task": task})


def _is_port(address: str) -> bool:
    port = address.rpartition(":")[2]
    return port.isdecimal() and 0 < int(port) < 2**16


def _read(text: str) -> tuple[tuple[str, ...], int] | None:
    """Returns the addresses and the own index, a chief first; None if they are not there."""
    try:
        values = json.loads(text)
        jobs: dict[str, Sequence[str]] = values["cluster"]
        kind, index = values["task"]["type"], int(values["task"]["index"])
        chiefs, workers = tuple(jobs.get("chief", ())), tuple(jobs.get("worker", ()))
        own = {"chief": index, "worker": len(chiefs) + index}[kind]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return ((*chiefs, *workers), own) if 0 <= own < len(chiefs) + len(workers) else None
