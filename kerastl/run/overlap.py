"""Rows of another table that a run was trained on.

Convention: an example is a part of a file, and a file is known by its address or by its bytes,
so that a copy under another name counts. A run may come from anyone, so no server that it names is
asked for anything: its objects are known by their address alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import counted
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.media.addresses import is_url, media_file, without_links
from kerastl.media.cuts import each_cut, stored_cuts
from kerastl.media.media_types import media_type
from kerastl_runtime.decoder import Cut
from kerastl_runtime.media_file import MediaFile

Identity = tuple[str | bytes, Cut]  # a file by address or hash, and the part of it


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
    trained = list(map(without_links, rows["path"]))
    own = [without_links(str(file)) for file in examples.files]
    local = [media_file(address) for address in dict.fromkeys(trained) if not is_url(address)]
    by_file = _hashes_of_equal_sizes(dict(zip(own, examples.files, strict=True)), local, hashes)
    cuts = stored_cuts(rows, media_type(examples.modality))
    known = set().union(*map(_identities, trained, cuts, map(by_file.get, trained)))
    own_cuts = each_cut(examples.cuts, len(own))
    found = map(_identities, own, own_cuts, map(by_file.get, own))
    trained_on = np.array([not known.isdisjoint(one) for one in found], bool)
    groups = set(rows["group"]) if "group" in rows else set()
    own_groups = [None] * len(own) if examples.groups is None else examples.groups
    related = np.array([str(group) in groups for group in own_groups], bool)
    return Overlap(trained_on=trained_on, in_trained_groups=related & ~trained_on)


def _identities(address: str, cut: Cut, file_hash: bytes | None) -> set[Identity]:
    by_address: set[Identity] = {(address, cut)}
    return by_address if file_hash is None else {*by_address, (file_hash, cut)}


def _hashes_of_equal_sizes(
    own: Mapping[str, MediaFile], trained: Sequence[MediaFile], hashes: FileHashes
) -> dict[str, bytes | None]:
    """Returns the hashes of the files whose size occurs on both sides; others cannot be equal.

    Nothing is downloaded: of objects, only hashes that are known already count.
    """
    files = {**{str(file): file for file in trained}, **own}
    sizes = {address: file.local_size() for address, file in files.items()}
    common = {sizes[address] for address in own} & {sizes[str(file)] for file in trained} - {None}
    read = sorted(
        (a for a, size in sizes.items() if size in common), key=lambda a: files[a].reading_order
    )
    remote = [a for a in own if sizes[a] is None]
    return {
        **dict(zip(remote, hashes.recall([files[a] for a in remote]), strict=True)),
        **dict(zip(read, hashes.hash_files([files[a] for a in read]), strict=True)),
    }
