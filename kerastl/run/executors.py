"""Executors: programs of other distributions that compute a job, or hold features, on machines.

Convention: an entry point of the group `kerastl.executors` has the name before `://` in `--on`, and
behind it is an `Executor`. It may run a part anywhere, and again if a worker dies. It imports what
it needs of kerastl from here.
"""

import re

from kerastl.backbones.discovery import load_plugin
from kerastl.data.inputs.streams import Decoded
from kerastl.errors import BrokenPluginError, KerastlError, RunError, counted, suggestion
from kerastl.progress import Progress
from kerastl.run.shards import Shard
from kerastl.run.work import Divide, Executor, Work, refuse_other_version
from kerastl.scratch import float_array
from kerastl.training.exact_head.partitions import Partition, Partitions
from kerastl.versions import installed_version

__all__ = [
    "Decoded",
    "Divide",
    "Executor",
    "KerastlError",
    "Partition",
    "Partitions",
    "Progress",
    "RunError",
    "Shard",
    "Work",
    "counted",
    "find_executor",
    "float_array",
    "installed_version",
    "refuse_other_version",
    "suggestion",
]

GROUP = "kerastl.executors"
OURS = {"ray": "'kerastl[ray]'"}


def find_executor(text: str) -> Executor:
    """Returns the executor of a text such as `"ray"` or `"ray://host:10001"`.

    Raises:
        KerastlError: It is not installed, is broken, or refuses the address.
    """
    match = re.fullmatch(r"([A-Za-z][\w.+-]*)(?:://|(?=\?)|$)(.*)", text)
    if match is None:
        raise RunError(
            "This is not an executor.",
            where="--on",
            expected="a name such as ray, or with an address: ray://host:10001",
            received=f"'{text}'",
        )
    name, address = match.groups()
    found = load_plugin(GROUP, name, noun="executor", ours=OURS)
    if not (isinstance(found.value, type) and issubclass(found.value, Executor)):
        raise BrokenPluginError(
            f"The executor '{name}' of {found.distribution} is not an executor.",
            where=found.target,
            expected="a class of kerastl.run.work.Executor",
            received=type(found.value).__name__,
        )
    executor: Executor = found.value(address)
    return executor
