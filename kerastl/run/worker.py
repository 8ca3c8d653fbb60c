"""Where a process of a training on several machines works: only the first one writes the run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.config import Config, dump_config
from kerastl.errors import RunError
from kerastl.files import WRITING
from kerastl.progress import SILENT, Progress
from kerastl.run.layout import RunLayout, refuse_taken
from kerastl.training.cluster import Cluster

if TYPE_CHECKING:
    from kerastl.training.distribution import Distribution


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where a process writes, what it reports to, and the devices that it trains on."""

    layout: RunLayout
    progress: Progress
    distribution: "Distribution | None" = None
    is_first: bool = True  # of the workers


def start_workers(config: Config, folder: Path, *, is_named: bool) -> bool:
    """Checks the folder of a new run; returns whether this process is the one that writes it.

    Raises:
        ConfigError: The config asks for several workers that the environment lacks.
        RunError: The folder is taken, or the workers were not given one.
    """
    cluster = Cluster.find(config.distribute)
    if cluster.addresses and not is_named:
        raise RunError(
            "A training on several machines needs the folder of its run.",
            where="--output",
            expected="the same folder on all workers, which they share",
        )
    if cluster.is_first:
        refuse_taken(folder)
    return cluster.is_first


@contextmanager
def workplace(
    config: Config, layout: RunLayout, progress: Progress, *, is_new: bool
) -> Iterator[Workplace]:
    """Yields the place of this process; waits for the others if the training has several.

    Others than the first have a temporary folder, with the state of a run that is resumed, and
    report nothing.

    Raises:
        ConfigError: The config asks for devices or workers that this process does not have.
        RunError: The workers do not find each other, or one was lost.
    """
    if config.distribute is None:
        yield Workplace(layout=layout, progress=progress)
        return
    from kerastl.training.distribution import Distribution

    cluster = Cluster.find(config.distribute)
    distribution = Distribution.start(config.distribute, cluster)
    with distribution.explaining_loss(layout.folder):
        distribution.check_agreement(dump_config(config))
        if cluster.is_first:
            yield Workplace(layout=layout, progress=progress, distribution=distribution)
            return
        with tempfile.TemporaryDirectory(prefix="kerastl-worker-") as folder:
            own = RunLayout(Path(folder) / "run")
            if not is_new:
                ignored = shutil.ignore_patterns(f"{WRITING}*", layout.lock.name)
                shutil.copytree(layout.folder, own.folder, ignore=ignored)
            yield Workplace(layout=own, progress=SILENT, distribution=distribution, is_first=False)
