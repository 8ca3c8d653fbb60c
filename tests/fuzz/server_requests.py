"""Requests to a server in a process of its own: an answer, or a sentence with a code below 500."""

import base64
import http.client
import json
import random
import socket
from pathlib import Path
from typing import Any

from mutations import JUNK, damaged, mutated
from runner import Kind, Use, WrongNumberError
from serving_client import ServerProcess, ask, post_files
from trainings import write_files

from configs import VALID

_PATHS = (
    "/",
    "/predict",
    "/predict/run",
    "/v2",
    "/v2/models/run",
    "/v2/models/run/infer",
    "/metrics",
)
_METHODS = ("GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "X")
_TYPES = (
    *("application/json", "multipart/form-data; boundary=x", "multipart/form-data", "image/png"),
    *("text/plain", "application/octet-stream", "", "multipart/form-data; boundary=" + "y" * 200),
)


def _prepare(seeds: Path) -> Use:
    import yaml

    import kerastl

    write_files(seeds)
    config = {**VALID[1], "data": {**VALID[1]["data"], "table": str(seeds / "png.csv")}}
    (seeds / "config.yaml").write_text(yaml.safe_dump(config))
    kerastl.train(seeds / "config.yaml", output=seeds / "run")
    server = ServerProcess(str(seeds / "run"), "--max-seconds", "10")
    image = (seeds / "0.png").read_bytes()
    right = ask(server.port, "POST", "/predict", image, Content_Type="image/png").content
    infer = {
        "id": "7",
        "inputs": [
            {
                "name": "file",
                "datatype": "BYTES",
                "shape": [1],
                "data": [base64.b64encode(image).decode()],
            }
        ],
        "outputs": [{"name": "bright"}],
    }

    def use(draw: random.Random, place: Path) -> bool:
        way = draw.randrange(4)
        (place / "way").write_text(str(way))
        if way == 0:
            return _raw(server.port, draw, image, place)
        if way == 1:
            values: Any = infer if draw.random() < 0.2 else mutated(infer, draw)
            body = json.dumps(values).encode("utf-8", "surrogatepass")
            body = damaged(body, draw) if draw.random() < 0.3 else body
            (place / "body").write_bytes(body)
            reply = ask(server.port, "POST", "/v2/models/run/infer", body, Content_Type=_TYPES[0])
        elif way == 2:
            names = [
                draw.choice((*(x for x in JUNK if isinstance(x, str)), "a.png"))
                for _ in range(draw.randrange(4))
            ]
            files = [(_header(name), damaged(image, draw)) for name in names]
            reply = post_files(server.port, draw.choice(_PATHS), files)
        else:
            body = damaged(image, draw) if draw.random() < 0.7 else image
            (place / "body").write_bytes(body)
            path, kind = draw.choice((*_PATHS, *_PATHS[1:2] * 9)), draw.choice(_TYPES)
            try:
                reply = ask(server.port, draw.choice(_METHODS), path, body, Content_Type=kind)
            except (http.client.HTTPException, ConnectionError):
                return False
        if reply.status >= 500:
            raise WrongNumberError(f"{reply.status}: {str(reply.content)[:300]}")
        again = ask(server.port, "POST", "/predict", image, Content_Type="image/png")
        if again.content != right:
            raise WrongNumberError(f"afterwards {again.status}: {str(again.content)[:300]}")
        if server.megabytes > 2_500:
            raise WrongNumberError(f"the server takes {server.megabytes:.0f} MB")
        return reply.status < 400

    return use


def _header(name: str) -> str:
    return name.encode("utf-8", "replace").decode("latin-1")[:300]


def _raw(port: int, draw: random.Random, image: bytes, place: Path) -> bool:
    """Sends damaged bytes of a request, without a client that makes sense of them."""
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"Content-Length: {len(image)}\r\nConnection: close\r\n\r\n"
    ).encode()
    data = damaged(head, draw) + (image if draw.random() < 0.7 else b"")
    (place / "sent").write_bytes(data)
    with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionError:
            return False
    if b" 500 " in received.partition(b"\r\n")[0]:
        raise WrongNumberError(received[:300].decode("latin-1"))
    return b" 200 " in received.partition(b"\r\n")[0]


KINDS = (Kind(name="requests", prepare=_prepare, limit_seconds=30),)
