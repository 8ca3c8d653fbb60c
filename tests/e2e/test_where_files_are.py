"""One table whose files are on disk, in Parquet files and on a server: one result."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import kerastl
from kerastl.cli import main
from kerastl.errors import KerastlError
from kerastl.media import remote_file
from kerastl.progress import Progress
from kerastl.report import write_report
from kerastl.runs import Run

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class Notes(Progress):
    """Keeps what the features came from."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keeps a note about features."""
        if text.startswith("Features"):
            self.notes.append(text)


def write_parquet(frame: pd.DataFrame, folder: Path, path: Path, *, group_size: int = 7) -> Path:
    """Writes a table with the bytes of its files, as `datasets` does."""
    cells = [{"bytes": (folder / name).read_bytes(), "path": name} for name in frame["path"]]
    table = pa.Table.from_pandas(frame.drop(columns="path"), preserve_index=False)
    table = table.append_column("path", pa.array(cells, STRUCT))
    pq.write_table(table, path, row_group_size=group_size)
    return path


def write_config(folder: Path, *tables: Path) -> Path:
    config = {
        "data": {
            "table": list(map(str, tables)),
            "image": "path",
            "tasks": ["bright", "red"],
            "group": "scene",
        },
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


Places = Callable[[str], tuple[Path, ...]]


@pytest.fixture
def places(bright_images: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    """Returns a function from the name of a place to tables whose files are there."""
    frame = pd.read_csv(bright_images / "table.csv", dtype=str, keep_default_na=False)

    def tables(place: str) -> tuple[Path, ...]:
        if place == "disk":
            return (bright_images / "table.csv",)
        if place == "parquet":
            return tuple(
                write_parquet(frame[rows], bright_images, tmp_path / f"part-{number}.parquet")
                for number, rows in enumerate((slice(0, 25), slice(25, 60)))
            )
        server = request.getfixturevalue("object_server")
        shutil.copytree(bright_images, server.folder, dirs_exist_ok=True)
        path = tmp_path / "urls.csv"
        frame.assign(path=[f"{server.url}/{name}" for name in frame["path"]]).to_csv(
            path, index=False
        )
        return (path,)

    return tables


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote_file, "_RECENT", remote_file._Recent())
    return tmp_path / "cache"


def train(folder: Path, *tables: Path) -> tuple[Run, list[str]]:
    folder.mkdir()
    progress = Notes()
    config = write_config(folder, *tables)
    run = kerastl.train(config, output=folder / "run", progress=progress)
    return run, progress.notes


def entries_of(cache: Path) -> list[tuple[str, int]]:
    """Returns each file of features with its size."""
    return sorted(
        (str(path), path.stat().st_size) for path in (cache / "features").rglob("*.features")
    )


@pytest.mark.parametrize("place", ["parquet", "server"])
def test_the_same_files_elsewhere_have_the_same_features_and_no_entry_of_their_own(
    place: str, places: Places, own_cache: Path, tmp_path: Path
) -> None:
    first, _ = train(tmp_path / "disk", *places("disk"))
    entries = entries_of(own_cache)
    second, notes = train(tmp_path / place, *places(place))
    assert all(", 0 by" in note or note.endswith("from the cache.") for note in notes), notes
    assert entries_of(own_cache) == entries
    columns = ["bright", "red"]
    pd.testing.assert_frame_equal(first.predictions[columns], second.predictions[columns])
    assert "data:image/webp" in (second.path / "report.html").read_text()


@pytest.mark.parametrize("place", ["parquet", "server"])
def test_a_run_on_files_elsewhere_can_do_all_that_any_run_can(
    place: str, places: Places, own_cache: Path, tmp_path: Path
) -> None:
    tables = places(place)
    run, _ = train(tmp_path / "a", *tables)
    again = run.evaluate(tables[0])
    assert "was trained on" in again["note"]
    assert run.evaluate()["macro"]["auc"] == pytest.approx(run.metrics["test"]["macro"]["auc"])
    found = run.predict(list(tables))
    assert found["error"].isna().all()
    by_name = found.set_index(found["path"].map(lambda path: Path(path).name))["bright"]
    test = run.predictions[run.predictions["split"] == "test"]
    common = [path for path in test["path"] if Path(path).name in by_name.index]
    assert common
    for path in common:
        stored = test.set_index("path").loc[path, "bright"]
        assert by_name[Path(path).name] == pytest.approx(stored, abs=1e-5)


@pytest.mark.parametrize("place", ["parquet", "server"])
def test_a_report_of_somebody_elses_run_reads_none_of_its_files(
    place: str, places: Places, own_cache: Path, tmp_path: Path, object_server: Any
) -> None:
    run, _ = train(tmp_path / "a", *places(place))
    other = shutil.copytree(run.path, tmp_path / "elsewhere")
    object_server.requests.clear()
    page = write_report(other).read_text()
    assert "data:image/webp" not in page
    assert object_server.requests == []
    assert "data:image/webp" in write_report(other, trust=True).read_text()


def test_the_second_training_asks_a_server_for_etags_alone(
    places: Places, own_cache: Path, tmp_path: Path, object_server: Any
) -> None:
    (table,) = places("server")
    train(tmp_path / "a", table)
    object_server.requests.clear()
    remote_file._RECENT._found.clear()
    _, notes = train(tmp_path / "b", table)
    assert all(note.endswith("from the cache.") for note in notes), notes
    assert object_server.count("GET") < 60  # previews in the report
    assert object_server.count("HEAD") >= 60


def test_a_changed_object_is_computed_anew(
    places: Places, own_cache: Path, tmp_path: Path, object_server: Any
) -> None:
    (table,) = places("server")
    train(tmp_path / "a", table)
    shutil.copy(object_server.folder / "01.png", object_server.folder / "00.png")
    run, _ = train(tmp_path / "b", table)
    rows = run.predictions.set_index("path")
    same = [rows.loc[f"{object_server.url}/{name}.png", "bright_logit"] for name in ("00", "01")]
    assert same[0] == pytest.approx(same[1])


def test_without_etags_the_bytes_are_the_identity(
    places: Places, own_cache: Path, tmp_path: Path, object_server: Any
) -> None:
    object_server.has_etags = False
    (table,) = places("server")
    train(tmp_path / "a", table)
    remote_file._RECENT._found.clear()
    _, notes = train(tmp_path / "b", table)
    assert all(note.endswith("from the cache.") for note in notes), notes


def test_an_object_that_fails_for_a_moment_does_not_stop_a_training(
    places: Places, own_cache: Path, tmp_path: Path, object_server: Any, monkeypatch
) -> None:
    monkeypatch.setattr(remote_file, "_WAITS_SECONDS", (0.01, 0.01))
    (table,) = places("server")
    object_server.failures = {"03.png": [503], "07.png": [500, 429]}
    run, _ = train(tmp_path / "a", table)
    assert len(run.predictions) == 60


@pytest.mark.parametrize("place", ["parquet", "server"])
def test_check_finds_the_same_elsewhere(place: str, places: Places) -> None:
    table = places(place)[0]
    report = checked(table)
    assert report.is_usable
    assert report.summary is not None
    assert report.summary.lines()[0].startswith("Images:   PNG RGB")
    assert report.equal_files == ()


def checked(table: Path) -> Any:
    from kerastl.config import DataConfig
    from kerastl.data.checking.check import check_table
    from kerastl.data.tables.loading import read_table

    data = DataConfig(table=table, image="path", tasks=("bright", "red"), group="scene")
    return check_table(read_table(data), group_column="scene")


def test_check_finds_missing_objects_and_downloads_nothing(
    places: Places, object_server: Any
) -> None:
    (table,) = places("server")
    for name in ("04.png", "05.png"):
        (object_server.folder / name).unlink()
    report = checked(table)
    assert [bad.row for bad in report.missing_files] == [5, 6]
    assert report.missing_files[0].path == f"{object_server.url}/04.png"
    assert report.num_not_read == 58
    served = {request for request in object_server.requests if request.startswith("GET")}
    assert served == {"GET 04.png", "GET 05.png"}


def test_check_finds_damaged_and_equal_cells(bright_images: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(bright_images / "table.csv", dtype=str, keep_default_na=False)
    first = (bright_images / "00.png").read_bytes()
    contents = [first, first, first[:200], b"no image"]
    table = pa.Table.from_pandas(frame[:4].drop(columns="path"), preserve_index=False)
    table = table.append_column("path", pa.array([{"bytes": c} for c in contents], STRUCT))
    pq.write_table(table, tmp_path / "a.parquet")
    report = checked(tmp_path / "a.parquet")
    assert [bad.row for bad in report.unreadable_files] == [3, 4]
    assert report.equal_files == ((1, 2),)


def test_training_names_the_object_that_is_missing(
    places: Places, own_cache: Path, tmp_path: Path, object_server: Any
) -> None:
    (table,) = places("server")
    (object_server.folder / "04.png").unlink()
    with pytest.raises(KerastlError, match=f"row 5: {object_server.url}/04.png"):
        train(tmp_path / "a", table)


def test_an_address_of_another_scheme_is_refused_with_its_row(
    bright_images: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(bright_images / "table.csv", dtype=str, keep_default_na=False)
    frame["path"] = [f"{bright_images}/{name}" for name in frame["path"]]
    frame.loc[2, "path"] = f"file://{bright_images}/02.png"
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(KerastlError, match="Files at 'file://' are not read") as refused:
        checked(tmp_path / "table.csv")
    assert refused.value.parts["where"] == "table.csv: column path, row 3"


def test_a_split_of_a_table_with_bytes_names_its_cells(
    bright_images: Path, tmp_path: Path, own_cache: Path
) -> None:
    frame = pd.read_csv(bright_images / "table.csv", dtype=str, keep_default_na=False)
    write_parquet(frame, bright_images, tmp_path / "a.parquet")
    config = write_config(tmp_path, tmp_path / "a.parquet")
    (tmp_path / "sub").mkdir()
    assert not main(["data", "split", str(config), "--output", str(tmp_path / "sub/split.csv")])
    written = pd.read_csv(tmp_path / "sub/split.csv")
    assert written["path"][0] == "../a.parquet#path/1/00.png"
    assert checked(tmp_path / "sub/split.csv").is_usable
