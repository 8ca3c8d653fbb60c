"""Features that actors hold, and what happens if one of them dies.

Convention: the driver keeps the features, and what has changed them, in the object store. An actor
that dies is made anew from these, so that it computes the same numbers.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayError

from kerastl.run.executors import Partition, Partitions, Progress, installed_version
from kerastl_ray.cluster import Actors
from kerastl_ray.deaths import Deaths, reason
from kerastl_ray.worker import Holder

_LEAST_ROWS = 4096  # of an actor, unless there is only one
_SENT_VALUES = 2**22  # features that are sent at once: 16 MB
_AHEAD = 3  # chunks that are on their way
_MOST_DEATHS = 5  # while a pass is computed
_WAITING_SECONDS = 60.0  # for an actor, until the user is told


class HeldPartitions(Partitions):
    """Partitions of some rows, next to each other, one in each actor.

    Args:
        features: `(examples, feature_dim)`, which may be memory-mapped.
        rows: Indices of the rows.
        actors: How many actors there may be, and the processors of each.
        progress: Receives updates, and notes about actors that died.
    """

    def __init__(
        self, features: np.ndarray, rows: np.ndarray, actors: Actors, *, progress: Progress
    ):
        count = max(1, min(actors.count, len(rows) // _LEAST_ROWS))
        self._features = features
        self._rows = np.array_split(rows, count)
        self.sizes = tuple(map(len, self._rows))
        self._cpus = actors.cpus
        self._progress = progress
        self._deaths = Deaths(_MOST_DEATHS, "pass")
        self._changes: dict[str, Sequence[Any]] = {}  # method to references of arguments
        self._holders = [self._start() for _ in self._rows]
        self._is_filled = [False] * count
        progress.step("Sending the features", len(rows))
        self.each("__len__")

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Calls a method of each partition with its arguments; returns the results in order."""
        sent = {id(given): ray.put(given) for given in arguments}
        references = [sent[id(given)] for given in arguments]
        asked = [
            self._holders[place].call.remote(method, given) if self._is_filled[place] else None
            for place, given in enumerate(references)
        ]
        found = [
            self._answer(place, method, references[place], ref) for place, ref in enumerate(asked)
        ]
        if method in Partition.CHANGES:
            self._changes[method] = references
        return found

    def _answer(self, place: int, method: str, given: Any, asked: Any) -> Any:
        """Returns the answer of an actor, which is filled or made anew if necessary."""
        while True:
            try:
                if not self._is_filled[place]:
                    self._fill(place)
                    asked = self._holders[place].call.remote(method, given)
                answer = ray.get(asked)
            except RayError as error:
                death = reason(self._deaths.add(error))
                self._progress.note(f"A worker died, and its features are sent again ({death}).")
                self._holders[place] = self._start()
                self._is_filled[place] = False
            else:
                self._deaths.forget()
                return answer

    def _start(self) -> Any:
        options = {"num_cpus": self._cpus, "scheduling_strategy": "SPREAD"}
        return ray.remote(Holder).options(**options).remote()

    def _fill(self, place: int) -> None:
        """Sends an actor its features and what has changed them."""
        holder, rows = self._holders[place], self._rows[place]
        shape = (len(rows), self._features.shape[1])
        begun = holder.begin.remote(self._cpus, installed_version("kerastl"), shape)
        while not ray.wait([begun], timeout=_WAITING_SECONDS)[0]:
            self._progress.note("Ray has not started an actor yet, and goes on trying.")
        pending = deque([begun])
        size = max(1, _SENT_VALUES // shape[1])
        for begin in range(0, len(rows), size):
            if len(pending) == _AHEAD:
                ray.get(pending.popleft())
            chunk = self._features[rows[begin : begin + size]]
            pending.append(holder.take.remote(begin, chunk))
            self._progress.advance(sum(self.sizes[:place]) + begin)
        for method, references in self._changes.items():
            pending.append(holder.call.remote(method, references[place]))
        ray.get(list(pending))
        self._is_filled[place] = True
