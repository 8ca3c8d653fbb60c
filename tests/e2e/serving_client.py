"""A server in a process of its own, and a client that needs nothing but the standard library."""

import http.client
import io
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CODE = "from kerastl.cli import main; main()"


class Reply(NamedTuple):
    """Status, JSON or text, and headers."""

    status: int
    content: Any
    headers: Mapping[str, str]


class ServerProcess:
    """`kerastl serve` with these arguments, on a free port."""

    def __init__(self, *arguments: str):
        command = [sys.executable, "-c", CODE, "serve", *arguments, "--port", "0", "--quiet"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + (self.process.stderr.read() if self.process.stderr else "")
        self.port = int(found[1])

    def stop(self) -> tuple[int, str]:
        """Sends SIGTERM; returns the exit code and what is on standard error."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    """Sends one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        reply = connection.getresponse()
        data = reply.read()
        is_json = (reply.getheader("content-type") or "").startswith("application/json")
        return Reply(
            reply.status, json.loads(data) if is_json and data else data.decode(), reply.headers
        )
    finally:
        connection.close()


def post_files(port: int, path: str, files: Sequence[tuple[str, bytes]]) -> Reply:
    """Sends a form with files."""
    boundary, body = uuid.uuid4().hex, io.BytesIO()
    for name, data in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body.write(f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    kind = f"multipart/form-data; boundary={boundary}"
    return ask(port, "POST", path, body.getvalue(), Content_Type=kind)


def post_json(port: int, path: str, content: Any) -> Reply:
    """Sends JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ask(port, "POST", path, data, Content_Type="application/json")


def patiently(send: Any, *arguments: Any) -> Reply:
    """Sends a request, again as long as the server is busy."""
    while (reply := send(*arguments)).status == 429:
        time.sleep(min(float(reply.headers["Retry-After"]), 0.2))
    return reply
