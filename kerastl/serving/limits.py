"""Limits of requests, and how a request that exceeds one is refused."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kerastl.errors import counted


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, and all requests together, may take.

    Args:
        max_batch: Most examples that a model computes at once.
        max_wait_seconds: Longest time that an example waits for others to fill a batch.
        max_bytes: Largest body of a request; what has arrived of all together may be eight times
            as many.
        max_files: Most examples of a request.
        max_values: Most pixels, or samples of all channels, that a file may decode to.
        max_seconds: Longest time for reading a body, and for answering it.
        max_stall_seconds: Longest time without a byte of a body.
        max_pending: Most examples in progress, of all requests.
    """

    max_batch: int = 32
    max_wait_seconds: float = 0.002
    max_bytes: int = 16 * 2**20
    max_files: int = 32
    max_values: int = 50_000_000
    max_seconds: float = 30.0
    max_stall_seconds: float = 5.0
    max_pending: int = 64


class RefusedError(Exception):
    """A request that is not answered: its HTTP status, one sentence, and when to try again."""

    def __init__(self, status: int, sentence: str, *, retry_seconds: int | None = None):
        super().__init__(sentence)
        self.status = status
        self.headers = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}


class Admission:
    """Admits requests as long as all that are in progress keep within the limits."""

    def __init__(self, limits: Limits):
        self.pending = 0  # examples
        self._limits = limits
        self._bytes = 0
        self._seconds = 0.05  # per pending example, a moving average

    @contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Yields what counts bytes as they arrive, which are held until the request is answered.

        Bytes that a request only announces take no room from others.
        """
        held = 0

        def arrived(count: int) -> None:
            nonlocal held
            if self._bytes + count > 8 * self._limits.max_bytes:
                raise self._busy()
            held += count
            self._bytes += count

        try:
            yield arrived
        finally:
            self._bytes -= held

    @contextmanager
    def admitted(self, examples: int) -> Iterator[None]:
        """Counts examples while they are in progress, or raises a `RefusedError`."""
        if self.pending + examples > self._limits.max_pending:
            raise self._busy()
        self.pending += examples
        before, started = self.pending, time.monotonic()
        try:
            yield
            self._seconds += 0.1 * ((time.monotonic() - started) / before - self._seconds)
        finally:
            self.pending -= examples

    def _busy(self) -> RefusedError:
        wait = max(1, math.ceil(self.pending * self._seconds))
        busy = counted(self.pending, "example")
        sentence = f"The server is busy with {busy}; try again in {wait} s."
        return RefusedError(429, sentence, retry_seconds=wait)
