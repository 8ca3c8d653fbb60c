"""Rows of another table that a run was trained on.

Convention: an example is a part of a file, and a file is known by its path or by its bytes, so
that a copy under another name counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import counted
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.files import FileStatus
from kerastl.media.cuts import each_cut, stored_cuts
from kerastl.media.decoder import Cut
from kerastl.media.media_types import media_type

Identity = tuple[str | bytes, Cut]  # a file by path or hash, and the part of it


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Which rows of a table a run was trained on, each `(examples,)` bool."""

    trained_on: np.ndarray
    in_trained_groups: np.ndarray  # other rows, of whose group some rows were trained on

    @property
    def note(self) -> str | None:
        """Why scores of the whole table are too optimistic; None if they are not."""
        trained, related = int(self.trained_on.sum()), int(self.in_trained_groups.sum())
        sentences = []
        if trained:
            sentences.append(
                f"The model was trained on {trained} of {counted(len(self.trained_on), 'row')} of "
                "this table, so their scores are too optimistic."
            )
        if related:
            sentences.append(
                f"{counted(related, 'other row' if trained else 'row')} of this table "
                f"{'belongs' if related == 1 else 'belong'} to groups of which the model was "
                "trained on other rows, which may make their scores too optimistic."
            )
        return " ".join(sentences) or None


def find_overlap(
    examples: Examples, splits: pd.DataFrame, fitted_on: Sequence[str], hashes: FileHashes
) -> Overlap:
    """Returns which examples a run was trained on.

    Training files that do not exist any more are known by their path only.

    Args:
        examples: The examples of another table.
        splits: The run's own rows, as in `splits.csv`.
        fitted_on: The splits that the model was fitted on.
        hashes: Hashes of files.
    """
    rows = splits[splits["split"].isin(fitted_on)]
    trained = [_absolute(path) for path in rows["path"]]
    paths = [_absolute(path) for path in examples.paths]
    by_file = _hashes_of_equal_sizes(paths, trained, hashes)
    cuts = stored_cuts(rows, media_type(examples.modality))
    known = set().union(*map(_identities, trained, cuts, map(by_file.get, trained)))
    own_cuts = each_cut(examples.cuts, len(paths))
    found = map(_identities, paths, own_cuts, map(by_file.get, paths))
    trained_on = np.array([not known.isdisjoint(one) for one in found], bool)
    groups = set(rows["group"]) if "group" in rows else set()
    own = examples.groups if examples.groups is not None else [None] * len(paths)
    related = np.array([str(group) in groups for group in own], bool)
    return Overlap(trained_on=trained_on, in_trained_groups=related & ~trained_on)


def _identities(path: Path, cut: Cut, file_hash: bytes | None) -> set[Identity]:
    by_path: set[Identity] = {(str(path), cut)}
    return by_path if file_hash is None else {*by_path, (file_hash, cut)}


def _hashes_of_equal_sizes(
    first: Sequence[Path], second: Sequence[Path], hashes: FileHashes
) -> dict[Path, bytes | None]:
    """Returns the hashes of the files whose size occurs on both sides; others cannot be equal."""
    sizes = {path: getattr(FileStatus.of(path), "size", None) for path in {*first, *second}}
    common = {sizes[path] for path in first} & {sizes[path] for path in second} - {None}
    chosen = sorted(path for path, size in sizes.items() if size in common)
    return dict(zip(chosen, hashes.hash_files(chosen), strict=True))


def _absolute(path: str | Path) -> Path:
    return Path(path).resolve()
