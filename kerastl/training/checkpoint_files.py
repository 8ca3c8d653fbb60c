"""The checkpoints of a phase of training: each is one file with everything that it continues from.

Convention: a checkpoint becomes visible by one renaming, and the previous one is kept. A damaged
checkpoint is skipped; without an intact one the phase starts over, which gives the same result.
"""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerastl.errors import RunError
from kerastl.files import replacing
from kerastl.progress import Progress
from kerastl.versions import installed_version

_DAMAGED = (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)
_COMPUTING = ("keras", "tensorflow")  # packages that determine the bits of the result
_FORMER = ("epochs.json", "backup")  # what version 0.1 wrote


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a phase after an epoch."""

    epochs: dict[int, dict[str, float]]  # figures of each by its number, from 0
    variables: list[np.ndarray]  # values of all: weights, random states, optimizer
    best: list[np.ndarray]  # weights of the best epoch; empty if it is the last one


class CheckpointFolder:
    """The checkpoints in one folder, which is created with the first one.

    `settings` is a hash of what determines the training; a checkpoint with another one is refused.
    """

    def __init__(self, folder: Path, *, settings: str, progress: Progress):
        self.folder = folder
        versions = {name: installed_version(name) for name in _COMPUTING}
        self._origin = {"settings": settings, **versions}
        self._progress = progress
        self._intact: Path | None = None  # the last one that was read or written

    def write(self, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint, and removes all but the one before."""
        path = self.folder / f"{max(checkpoint.epochs):06d}.npz"
        facts = {"origin": self._origin, "epochs": checkpoint.epochs}
        arrays = {
            "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
            **{f"variable_{i}": value for i, value in enumerate(checkpoint.variables)},
            **{f"best_{i}": value for i, value in enumerate(checkpoint.best)},
        }
        with replacing(path, sync=True) as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        for other in set(self._paths()) - {path, self._intact}:
            other.unlink()
        self._intact = path

    def read(self) -> Checkpoint | None:
        """Returns the last intact checkpoint; raises if it is of other settings or versions."""
        for path in reversed(self._paths()):
            try:
                origin, checkpoint = _load(path)
            except _DAMAGED:
                self._progress.warn(f"The checkpoint '{path}' is damaged, so it is not used.")
                continue
            self._refuse_other(origin, path)
            self._intact = path
            return checkpoint
        if any((self.folder / name).exists() for name in _FORMER):
            self._progress.warn(
                "The run was interrupted under version 0.1, whose checkpoints lack the random "
                "states of the layers, so its epochs are repeated."
            )
        return None

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.npz"))

    def _refuse_other(self, origin: dict[str, str], path: Path) -> None:
        for name in _COMPUTING:
            if origin[name] != self._origin[name]:
                raise RunError(
                    f"The checkpoint was written with another version of {name}, so it cannot be "
                    "continued exactly.",
                    where=str(path),
                    expected=f"{name} {origin[name]}",
                    received=f"{name} {self._origin[name]}",
                    fix=f"Install {name}=={origin[name]}, or train again in another folder.",
                )
        if origin["settings"] != self._origin["settings"]:
            raise RunError(
                "The config or the labels have changed since the training was interrupted.",
                where=str(path),
                expected="the config of the run folder and the table as they were",
                fix="Restore both, or train again in another folder.",
            )


def _load(path: Path) -> tuple[dict[str, str], Checkpoint]:
    """Returns the origin of a checkpoint and its content, of which every checksum is verified."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    facts = json.loads(arrays["facts"].tobytes())
    return facts["origin"], Checkpoint(
        epochs={int(epoch): figures for epoch, figures in facts["epochs"].items()},
        variables=[value for name, value in arrays.items() if name.startswith("variable")],
        best=[value for name, value in arrays.items() if name.startswith("best")],
    )
