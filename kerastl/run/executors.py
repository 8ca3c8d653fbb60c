"""Executors: programs of other distributions that compute the parts of a job, on many machines.

Convention: an entry point of the group `kerastl.executors` has the name before `://` in `--on`, and
behind it is an `Executor`. It may run a part anywhere, and again if a worker dies.
"""

import re

from kerastl.backbones.discovery import load_plugin
from kerastl.errors import BrokenPluginError, RunError
from kerastl.run.work import Executor

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
