"""One table read from disk, from Parquet files and from a web server: features, entries and time.

    python benchmarks/where_files_lie.py --shared ../shared [--rows 1000] [--rounds 3]

Each reading is a process of its own. "first" starts with an empty cache: every file is read,
decoded and passed through `tiny:image`. "again" loads the table once more and finds all features in
the cache. The server is on this machine; its delay stands for the way to a real one. At the end
all places share one cache, which shows whether the same file has one entry.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from statistics import median
from typing import Any

from frozen_common import peak_megabytes, print_table, run_fresh, street_table

SIZE = 96
DELAY_SECONDS = 0.02


class Handler(BaseHTTPRequestHandler):
    """Serves the files of a folder, after a while and perhaps with ETags."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, folder: Path, delay: float, has_etags: bool):
        self.folder, self.delay, self.has_etags = folder, delay, has_etags
        super().__init__(*arguments)

    def do_GET(self) -> None:  # as http.server calls it
        """Answers with the whole file, also if a part is asked for."""
        time.sleep(self.delay)
        data = (self.folder / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        if self.has_etags:
            self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  # as http.server calls it

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def serve(folder: Path, delay: float, has_etags: bool, ports: "Queue[int]") -> None:
    """Serves a folder until the process ends."""
    ThreadingHTTPServer.request_queue_size = 128
    handler = partial(Handler, folder=folder, delay=delay, has_etags=has_etags)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    ports.put(server.server_port)
    server.serve_forever()


def measure(table: Path, cache: Path, output: Path) -> dict[str, Any]:
    """Returns the seconds of extracting the features of a table, and writes them."""
    import numpy as np

    from kerastl.config import DataConfig
    from kerastl.data.inputs.streams import FileInputs
    from kerastl.data.tables.examples import refuse_missing_files
    from kerastl.data.tables.loading import load_table
    from kerastl.features.source import FeatureSource
    from kerastl.heads.builder import build_backbone
    from kerastl.media.image.settings import ImageContract

    layer, _ = build_backbone("tiny:image", input_size=SIZE)
    data = DataConfig(table=table, image="path", tasks=("car",))
    started = time.perf_counter()
    examples = load_table(data)
    refuse_missing_files(examples)
    inputs = FileInputs(examples.files, ImageContract(shape=(SIZE, SIZE, 3)))
    values = FeatureSource(cache=cache, engine="keras").features_of(layer, inputs).values
    seconds = time.perf_counter() - started
    np.save(output, values)
    return {"seconds": seconds, "megabytes": peak_megabytes()}


def write_tables(folder: Path, table: Path, num_rows: int) -> dict[str, Path]:
    """Writes the table once for each place, and starts the servers."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.read_csv(table)[["path", "car"]][:num_rows]
    tables = {}

    def write(name: str, paths: list[str]) -> None:
        tables[name] = folder / f"{len(tables)}.csv"
        frame.assign(path=paths).to_csv(tables[name], index=False)

    write("files on disk", [str(table.parent.absolute() / path) for path in frame["path"]])
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": (table.parent / path).read_bytes(), "path": path} for path in frame["path"]]
    held = pa.table({"path": pa.array(cells, kind), "car": frame["car"]})
    for name, size in (("Parquet, groups of 100 rows", 100), ("Parquet, one group", num_rows)):
        tables[name] = folder / f"{len(tables)}.parquet"
        pq.write_table(held, tables[name], row_group_size=size)
    for name, delay, has_etags in (
        ("server", 0.0, True),
        ("server, 20 ms away", DELAY_SECONDS, True),
        ("server, 20 ms away, no ETags", DELAY_SECONDS, False),
    ):
        ports: Queue[int] = Queue()
        served = table.parent, delay, has_etags, ports
        Process(target=serve, args=served, daemon=True).start()
        port = ports.get()
        write(name, [f"http://127.0.0.1:{port}/{path}" for path in frame["path"]])
    return tables


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data and weights")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as created:
        compare(Path(created), arguments)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Prints the table of all places."""
    import numpy as np

    tables = write_tables(folder, street_table(arguments.shared), arguments.rows)

    def once(name: str, cache: Path) -> dict[str, Any]:
        output = folder / f"{tables[name].name}.npy"
        return run_fresh(Path(__file__).name, "--measure", *map(str, (tables[name], cache, output)))

    found: dict[str, list[list[dict[str, Any]]]] = {name: [] for name in tables}
    for round_ in range(arguments.rounds):
        for name in tables:
            cache = folder / f"cache {round_} {tables[name].name}"
            found[name].append([once(name, cache) for _ in ("first", "again")])
    features = {name: np.load(folder / f"{path.name}.npy") for name, path in tables.items()}
    first = next(iter(tables))

    def seconds(name: str, place: int) -> float:
        return float(median(both[place]["seconds"] for both in found[name]))

    rows = [
        (
            name,
            f"{seconds(name, 0):.1f}",
            f"{seconds(name, 0) / seconds(first, 0):.2f}",
            f"{seconds(name, 1):.2f}",
            f"{seconds(name, 1) / seconds(first, 1):.1f}",
            f"{median(both[0]['megabytes'] for both in found[name]):,.0f}",
            "yes" if np.array_equal(features[name], features[first]) else "no",
        )
        for name in tables
    ]
    heading = ("where the files are", "first, s", "ratio", "again, s", "ratio", "peak, MB", "equal")
    print_table(heading, rows)
    sizes = []
    for name in tables:
        once(name, folder / "shared cache")
        entries = (folder / "shared cache").rglob("*.features")
        sizes.append(sum(path.stat().st_size for path in entries))
    print(f"Bytes of features in one cache after each place: {', '.join(map(str, sizes))}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*map(Path, sys.argv[2:]))))
    else:
        main()
