"""What runs on the machines of the cluster."""

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import ray

from kerastl.run.executors import (
    Decoded,
    Partition,
    Progress,
    Shard,
    Work,
    float_array,
    refuse_other_version,
)


class Worker:
    """An actor: holds the work with its model and engines, and computes parts."""

    def begin(self, cpus: int, work: Sequence[Any]) -> None:
        """Receives the work, for a number of processors; 0 is all."""
        if cpus:
            self.processors = _Processors(cpus)
        self.work = _received(work[0])

    def part(self, shard: Shard, decoded: Decoded | None) -> tuple[bytes, list[str]]:
        """Returns the part of a shard, and warnings."""
        progress = _Warnings()
        return self.work.part(shard, decoded, progress=progress), progress.texts


class Holder:
    """An actor: holds features of examples that are next to each other."""

    def begin(self, cpus: int, version: str, shape: tuple[int, int]) -> None:
        """Makes room for features, for a number of processors."""
        refuse_other_version(version)
        self.processors = _Processors(cpus)
        self.features = float_array(shape, "features")
        self.partition = Partition(self.features)

    def take(self, begin: int, features: np.ndarray) -> None:
        """Receives the features of examples from the one at `begin`."""
        self.features[begin : begin + len(features)] = features

    def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """Calls a method of the partition."""
        return getattr(self.partition, method)(*arguments)


def decode(shard: Shard, work: Sequence[Any]) -> Decoded | None:
    """Reads the examples of a shard for an actor."""
    return _received(work[0]).decode(shard)


@cache
def _received(work: Any) -> Work:
    """Returns the work of a reference, which a process receives once."""
    received: Work = ray.get(work)
    received.begin()
    return received


class _Warnings(Progress):
    """Collects warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        """Collects a warning."""
        self.texts.append(text)


class _Processors:
    """Processors that no other actor on the machine uses, by locks that end with the process.

    TensorFlow, OpenVINO and decoding start a thread for each processor that a process may use. If
    too few are free, it may use all.
    """

    def __init__(self, count: int):
        self._locks: list[int] = []
        if not hasattr(os, "sched_setaffinity"):
            return
        free = [number for number in sorted(os.sched_getaffinity(0)) if self._lock(number, count)]
        if len(free) == count:
            os.sched_setaffinity(0, free)

    def _lock(self, number: int, count: int) -> bool:
        if len(self._locks) == count:
            return False
        import fcntl

        path = Path(tempfile.gettempdir(), f"kerastl-processor-{number}.lock")
        try:
            lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError:  # of another user
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._locks.append(lock)
        return True
