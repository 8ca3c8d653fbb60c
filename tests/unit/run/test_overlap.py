"""Rows of another table that a run was trained on."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.data.tables.examples import Examples
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.media.audio.kind import AUDIO
from kerastl.media.cuts import Cuts
from kerastl.run.overlap import find_overlap
from kerastl_runtime.media_file import as_file

NO_HASHES = FileHashes(None)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Six files of the same size and with different bytes."""
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def table(paths: list[Path], cuts: Cuts | None = None, groups=None) -> Examples:
    unknown = np.full((len(paths), 1), np.nan)
    return Examples(
        frame=pd.DataFrame(index=range(len(paths))),
        source="table.csv",
        modality="audio",
        files=tuple(map(as_file, paths)),
        tasks=("car",),
        labels=unknown,
        training_labels=unknown,
        uncertain=np.zeros(unknown.shape, bool),
        groups=None if groups is None else np.array(groups, object),
        cuts=cuts,
        invalid_cells={},
    )


def splits(paths: list[Path], **columns) -> pd.DataFrame:
    """The first two files are training rows."""
    parts = ["train", "train", *["test"] * (len(paths) - 2)]
    return pd.DataFrame({"path": list(map(str, paths)), **columns, "split": parts}, dtype=str)


def test_training_rows_are_known_by_path_and_other_splits_do_not_count(files) -> None:
    found = find_overlap(table(files[1:4]), splits(files), ("train",), NO_HASHES)
    assert found.trained_on.tolist() == [True, False, False]
    assert "trained on 1 of 3 rows" in str(found.note)


def test_a_copy_under_another_name_counts(files, tmp_path: Path) -> None:
    copy = Path(shutil.copy(files[0], tmp_path / "copy.png"))
    found = find_overlap(table([copy, files[5]]), splits(files), ("train",), NO_HASHES)
    assert found.trained_on.tolist() == [True, False]


def test_a_training_file_that_is_gone_is_known_by_its_path(files) -> None:
    files[0].unlink()
    found = find_overlap(table(files[:1]), splits(files), ("train",), NO_HASHES)
    assert found.trained_on.tolist() == [True]


def test_another_segment_of_a_training_file_does_not_count(files) -> None:
    own = splits(files, start_seconds=["0.0", "1.0", *[None] * 4], end_seconds=["1.0", *[None] * 5])
    cuts = Cuts.gather([(0, 1), (1, 2), (1, None)], AUDIO.cut_columns)
    found = find_overlap(table([files[0], files[0], files[1]], cuts), own, ("train",), NO_HASHES)
    assert found.trained_on.tolist() == [True, False, True]


def test_rows_of_training_groups_are_counted_apart_from_training_rows(files) -> None:
    own = splits(files, group=list("aabbcc"))
    groups = ["a", "a", "c"]
    found = find_overlap(
        table([files[0], files[4], files[5]], groups=groups), own, ("train",), NO_HASHES
    )
    assert found.trained_on.tolist() == [True, False, False]
    assert found.in_trained_groups.tolist() == [False, True, False]
    assert "1 other row of this table belongs to groups" in str(found.note)


def test_a_table_of_other_rows_has_no_note(files) -> None:
    assert find_overlap(table(files[2:]), splits(files), ("train",), NO_HASHES).note is None
