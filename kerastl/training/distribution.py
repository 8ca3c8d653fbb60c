"""The devices and machines that a training runs on."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerastl.config.training_sections import DistributeConfig
from kerastl.errors import ConfigError, RunError
from kerastl.training.cluster import Cluster

_LOST = (  # what an operation on all workers raises if one of them is gone
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The replicas of a training, one on each device of each worker."""

    strategy: tf.distribute.Strategy
    cluster: Cluster

    @classmethod
    def start(cls, settings: DistributeConfig, cluster: Cluster) -> "Distribution":
        """Finds the devices of this machine, and waits for the other workers.

        Raises:
            ConfigError: The backend of Keras is another one, or there are too few devices.
            RunError: The workers do not find each other.
        """
        backend = keras.backend.backend()
        if backend != "tensorflow":
            raise ConfigError(
                "Only TensorFlow trains on several devices.",
                where="distribute",
                received=f"the backend {backend}",
                fix="Unset KERAS_BACKEND, or remove distribute.",
            )
        if not cluster.addresses:
            devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
            names = [device.name for device in devices[: _num_used(settings, len(devices))]]
            return cls(strategy=tf.distribute.MirroredStrategy(names), cluster=cluster)
        gpus = tf.config.list_physical_devices("GPU")
        num_devices = _num_used(settings, max(len(gpus), 1))
        cluster.meet()
        try:
            tf.config.set_visible_devices(gpus[:num_devices], "GPU")
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise RunError(
                "The workers cannot be connected.",
                expected="each worker in a process of its own, which has not used TensorFlow yet",
                received=str(error).strip().splitlines()[0],
            ) from error
        return cls(strategy=strategy, cluster=cluster)

    @property
    def num_replicas(self) -> int:
        """Number of replicas on all workers."""
        return int(self.strategy.num_replicas_in_sync)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Gives every replica a copy of each variable that is created in the block."""
        with self.strategy.scope(), tf.variable_creator_scope(_create):
            yield

    @contextmanager
    def explaining_loss(self, folder: Path) -> Iterator[None]:
        """Explains that a worker was lost while the run in this folder was trained."""
        try:
            yield
        except _LOST as error:
            if not self.cluster.addresses:
                raise
            found = re.search(r"task:(\d+)", error.message)
            number = int(found[1]) if found else None
            name = "A worker" if number is None else f"Worker {number}"
            raise RunError(
                f"{name} was lost, so the training has stopped.",
                where=None if number is None else self.cluster.addresses[number],
                fix=f"Start every worker again with `kerastl train --resume {folder}`; the "
                "training continues from its last checkpoint.",
            ) from error

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function in every replica; its result has to be the same in all."""
        result = self.strategy.run(function, args=arguments)
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], result
        )

    def share(self, batch: Any) -> tuple[Any, Any, Any]:
        """Returns what the calling replica has of a batch, its rows, and whether each counts.

        All replicas have equally many, so the last ones may have copies that do not count.
        """
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        with tf.device("CPU:0"):  # so that no other rows are copied to the device
            size = tf.shape(batch)[0]
            per_replica = -(-size // self.num_replicas)
            rows = number * per_replica + tf.range(per_replica)
            within = tf.minimum(rows, size - 1)
            return tf.gather(batch, within), within, rows < size

    def check_agreement(self, settings: str) -> None:
        """Checks that all workers are about to train the same.

        Raises:
            RunError: They are not.
        """
        if not self.cluster.addresses:
            return
        own = int.from_bytes(hashlib.sha256(settings.encode()).digest()[:7], "big")
        if len(set(self.run(gathered, tf.constant([own], tf.int64)).numpy())) > 1:
            raise RunError(
                "The workers do not train the same.",
                expected="the same config, table and number of devices on all workers, and with "
                "--resume the same run folder",
                fix="Correct what differs, and start every worker again.",
            )

    def copy_first(self, model: keras.Model) -> None:
        """Gives a model the weights that it has on the first worker.

        Solved heads may differ in the last bits between processors of different kinds.
        """
        if not self.cluster.addresses:
            return

        def of_first(values: list[Any]) -> Any:
            context = tf.distribute.get_replica_context()
            is_first = tf.equal(context.replica_id_in_sync_group, 0)
            kept = [tf.where(is_first, value, tf.zeros_like(value)) for value in values]
            return context.all_reduce(tf.distribute.ReduceOp.SUM, kept)

        weights = model.weights
        values = self.run(of_first, [weight.numpy() for weight in weights])
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)


def gathered(value: Any) -> Any:
    """Returns the rows of all replicas, when it is called in each of them."""
    return tf.distribute.get_replica_context().all_gather(value, axis=0)


def _create(next_creator: Callable[..., Any], **settings: Any) -> Any:
    """Creates a variable; the seed generators of Keras lack what they need in replicas."""
    is_number = not tf.as_dtype(settings.get("dtype") or tf.float32).is_floating
    if is_number and settings.get("aggregation") in (None, tf.VariableAggregation.NONE):
        settings["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return next_creator(**settings)


def _num_used(settings: DistributeConfig, available: int) -> int:
    if settings.devices == "all":
        return available
    if settings.devices > available:
        raise ConfigError(
            "The machine has too few devices.",
            where="distribute.devices",
            expected=f"all, or a number from 1 to {available}",
            received=str(settings.devices),
        )
    return settings.devices
