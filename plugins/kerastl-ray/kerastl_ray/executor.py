"""The executor: parts of a job, and partitions of features, by the actors of a Ray cluster.

Convention: the driver only hands out shards and receives parts, so a worker may die at any time,
and whatever it was computing is computed again.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from kerastl.run.executors import Divide, Executor, Progress, Shard, Work
from kerastl_ray.address import Address
from kerastl_ray.cluster import connected
from kerastl_ray.held_partitions import HeldPartitions
from kerastl_ray.pool import Pool


class RayExecutor(Executor):
    """Computes parts by Ray actors, each of which holds the model.

    Args:
        address: Empty: the cluster of this job or `RAY_ADDRESS`, or else a Ray on this machine.
            `host:port` of a Ray Client server, or `auto` for the cluster of this machine. Behind a
            question mark, `actors` and `cpus`: the number of actors, and of processors of each.

    Raises:
        RunError: This is no address.
    """

    def __init__(self, address: str):
        self._address = Address.parse(address)

    def parts(
        self, work: Work, shards: Sequence[Shard], *, progress: Progress
    ) -> Generator[tuple[Shard, bytes], None, None]:
        """Yields the part of each shard once; see `Executor.parts`."""
        with connected(self._address, all_at_once=False, progress=progress) as actors:
            yield from Pool(work, actors, progress=progress).parts(shards)

    @contextmanager
    def holding(self, *, progress: Progress) -> Iterator[Divide]:
        """Yields what divides features among actors; see `Executor.holding`."""
        with connected(self._address, all_at_once=True, progress=progress) as actors:
            yield lambda features, rows: HeldPartitions(features, rows, actors, progress=progress)
