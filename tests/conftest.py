"""What all tests share: small real data, made once."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hashlib
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

# Tests neither use nor fill the cache of whoever runs them.
_CACHE = tempfile.TemporaryDirectory(prefix="kerastl-test-cache-")
os.environ["KERASTL_CACHE"] = _CACHE.name

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and weights beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the folder with real data and weights isn't beside the project")
    return SHARED


@pytest.fixture(scope="session")
def bright_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 60 small pictures: is it bright, is it red; a third of the labels blank."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("bright")
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        bright, red = number % 2, (number // 2) % 2
        level = 170 if bright else 60
        picture = random.integers(level - 30, level + 30, (40, 40, 3), dtype=np.uint8)
        if red:
            picture[..., 0] = np.minimum(picture[..., 0].astype(int) + 50, 255)
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
        rows.append({"path": f"{number:02d}.png", "bright": str(bright), "red": str(red)})
    frame = pd.DataFrame(rows)
    frame["scene"] = [f"s{number // 3}" for number in range(60)]
    frame.loc[frame.index % 3 == 0, "red"] = ""
    frame.to_csv(folder / "table.csv", index=False)
    return folder


@pytest.fixture
def small_backbone():
    """A backbone of 32 x 32 pictures with two stages, BatchNorm and Dropout, weights made sane."""
    import keras

    from kerastl.layers import Backbone

    keras.utils.set_random_seed(0)
    raw = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, -1, name="scaling")(raw)
    low = keras.layers.Conv2D(8, 3, 2, name="low_conv")(scaled)
    low = keras.layers.ReLU(name="low_relu")(keras.layers.BatchNormalization(name="low_norm")(low))
    high = keras.layers.Conv2D(12, 3, 2, name="high_conv")(low)
    high = keras.layers.BatchNormalization(name="high_norm")(high)
    high = keras.layers.Dropout(0.5, name="high_dropout")(keras.layers.ReLU()(high))
    network = keras.Model(raw, keras.layers.GlobalAveragePooling2D(name="pool")(high))
    stages = [
        {"name": "low", "layers": ["scaling", "low_conv", "low_norm", "low_relu"]},
        {"name": "high", "layers": [x.name for x in network.layers[5:]]},
    ]
    return Backbone(network, stages=stages, name="backbone")


class ObjectServer(ThreadingHTTPServer):
    """A web server with the files of a folder, which can be slow, fail, or keep ETags to itself."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path):
        self.folder = folder
        self.requests: list[str] = []  # such as "GET a.png", or "PART a.png" for the first bytes
        self.failures: dict[str, list[int]] = {}  # statuses of the next requests, by name
        self.has_etags = True
        self.has_sizes = True
        self.delay_seconds = 0.0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, method: str) -> int:
        """Number of requests of a method since `requests` was cleared."""
        return sum(request.startswith(method) for request in self.requests)


class _Handler(BaseHTTPRequestHandler):
    server: ObjectServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # as http.server calls it
        server, name = self.server, unquote(self.path.lstrip("/"))
        part = re.fullmatch(r"bytes=0-(\d+)", self.headers.get("Range", ""))
        server.requests.append(f"{'PART' if part else self.command} {name}")
        time.sleep(server.delay_seconds)
        path = server.folder / name
        failures = server.failures.get(name)
        status = failures.pop(0) if failures else 200 if path.is_file() else 404
        data = path.read_bytes() if status == 200 else b""
        if part and status == 200:
            status, data = 206, data[: int(part[1]) + 1]
        self.send_response(status)
        if server.has_etags and data:
            self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        if server.has_sizes or status != 200:
            self.send_header("Content-Length", str(len(data)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  # as http.server calls it

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def object_server(tmp_path: Path) -> Iterator[ObjectServer]:
    """A web server with the files of a folder of its own."""
    pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'kerastl[remote]'")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'kerastl[remote]'")
    folder = tmp_path / "served"
    folder.mkdir()
    with ObjectServer(folder) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()
