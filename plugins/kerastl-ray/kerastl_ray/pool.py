"""Actors that compute parts, and what happens if they die.

Convention: a shard is handed out again whenever its part has not arrived, and a part that has
arrived is never asked for again. So each part comes once, however often it is computed.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from kerastl.run.executors import Progress, Shard, Work
from kerastl_ray.cluster import Actors
from kerastl_ray.deaths import Deaths, reason
from kerastl_ray.worker import Worker, decode

_WAITING_SECONDS = 60.0  # without news from any actor, until the user is told


@dataclass(eq=False)
class _Actor:
    handle: Any
    begun: Any  # reference of what arrives when it has received the work
    is_ready: bool = False
    asked: dict[Any, Shard] = field(default_factory=dict)  # reference of each part to its shard

    @property
    def awaited(self) -> list[Any]:
        """The references of what it has not answered yet."""
        return list(self.asked) if self.is_ready else [self.begun]


class Pool:
    """The actors of a job.

    Args:
        work: The work.
        actors: How many there are, and what each has.
        progress: Receives warnings of workers, and notes about those that died.
    """

    def __init__(self, work: Work, actors: Actors, *, progress: Progress):
        self._actors = actors
        self._progress = progress
        self._work = [ray.put(work)]  # in a list, so that it is received as a reference
        self._pool: list[_Actor] = []
        self._waiting: deque[Shard] = deque()
        self._deaths = Deaths(10 + 5 * actors.count, "part")

    def parts(self, shards: Sequence[Shard]) -> Generator[tuple[Shard, bytes], None, None]:
        """Yields the part of each shard once, in any order.

        Raises:
            KerastlError: What a worker raised; or workers die, and no part is finished.
        """
        self._waiting.extend(shards)
        self._pool = [self._start() for _ in range(min(self._actors.count, len(shards)))]
        left = len(shards)
        while left:
            asked = {ref: actor for actor in self._pool for ref in actor.awaited}
            answered, _ = ray.wait(list(asked), timeout=_WAITING_SECONDS)
            if not answered and not any(actor.is_ready for actor in self._pool):
                self._progress.note("Ray has not started an actor yet, and goes on trying.")
            for ref in answered:
                part = self._answer(asked[ref], ref)
                if part is not None:
                    left -= 1
                    yield part
            self._hand_out()

    def _start(self) -> _Actor:
        options = {
            "num_cpus": self._actors.cpus,
            "num_gpus": int(self._actors.has_gpu),
            "scheduling_strategy": "SPREAD",
        }
        handle = ray.remote(Worker).options(**options).remote()
        return _Actor(handle, handle.begin.remote(self._actors.cpus, self._work))

    def _hand_out(self) -> None:
        """Gives shards to the actors that are ready, to each as many as to the others."""
        ready = [actor for actor in self._pool if actor.is_ready]
        for most in range(self._actors.ahead):
            for actor in ready:
                if len(actor.asked) <= most and self._waiting:
                    shard = self._waiting.popleft()
                    decoded = self._decode(shard) if self._actors.has_gpu else None
                    actor.asked[actor.handle.part.remote(shard, decoded)] = shard

    def _decode(self, shard: Shard) -> Any:
        return ray.remote(decode).options(num_cpus=1).remote(shard, self._work)

    def _answer(self, actor: _Actor, ref: Any) -> tuple[Shard, bytes] | None:
        """Returns the part that has arrived, or None if something else has happened."""
        try:
            answer = ray.get(ref)
        except RayError as error:
            self._fail(actor, ref, error)
            return None
        if not actor.is_ready:
            actor.is_ready = True
            return None
        content, warnings = answer
        for text in warnings:
            self._progress.warn(text)
        self._deaths.forget()
        return actor.asked.pop(ref), content

    def _fail(self, actor: _Actor, ref: Any, error: RayError) -> None:
        """Hands out again what has failed, if it is not the work that fails."""
        death = self._deaths.add(error)
        text = f"A worker died, and its shards are computed again ({reason(death)})."
        self._progress.note(text)
        if actor.is_ready and not isinstance(death, RayActorError):  # what it needed was lost
            self._waiting.appendleft(actor.asked.pop(ref))
            return
        self._waiting.extendleft(reversed(actor.asked.values()))
        self._pool[self._pool.index(actor)] = self._start()
