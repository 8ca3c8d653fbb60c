"""The same file in different splits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.config import DataConfig
from kerastl.data.tables.loading import build_examples
from kerastl.data.tables.splits import leak_warning, leaks
from kerastl_runtime.media_file import MediaFile, as_file


def files(folder: Path, **contents: bytes) -> list[MediaFile]:
    paths = [folder / f"{name}.png" for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return list(map(as_file, paths))


def test_equal_bytes_in_different_splits_are_found(tmp_path: Path) -> None:
    paths = files(tmp_path, a=b"one", b=b"two", c=b"one", d=b"three")
    assert leaks(paths, np.array(["train", "train", "test", "test"])) == ((0, 2),)


def test_equal_bytes_in_one_split_are_no_leak(tmp_path: Path) -> None:
    paths = files(tmp_path, a=b"one", b=b"one")
    assert leaks(paths, np.array(["train", "train"])) == ()


def test_one_file_named_in_two_splits_is_a_leak(tmp_path: Path) -> None:
    (path,) = files(tmp_path, a=b"one")
    assert leaks([path, path], np.array(["train", "test"])) == ((0, 1),)


def test_only_files_of_equal_size_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, a=b"1", b=b"22", c=b"333")

    def refuse(self: Path, *_: object) -> None:
        raise AssertionError(f"{self.name} was read")

    monkeypatch.setattr(Path, "open", refuse)
    assert leaks(paths, np.array(["train", "test", "test"])) == ()


def test_the_warning_names_files_splits_and_what_to_do(tmp_path: Path) -> None:
    paths = files(tmp_path, a=b"one", b=b"one")
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "car": [1, 0]})
    data = DataConfig(table=tmp_path / "t.csv", image="path", tasks=("car",))
    table = build_examples(frame, paths, data, source="t.csv")
    assert leak_warning(table.files, np.array(["train", "test"])) == (
        "1 file is in different splits, byte for byte, so scores are too optimistic: a.png in "
        "train and b.png in test. Give equal files the same value in a column and name it under "
        "data.group."
    )
    assert leak_warning(table.files, np.array(["train", "train"])) is None
