"""Checks of what a plugin states, and of what it costs to ask it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from kerastl.backbones.testing.subject import Subject

HEAVY = ("jax", "keras", "numpy", "pandas", "tensorflow", "torch")

_PROBE = """
import json, sys

connections = []
sys.addaudithook(
    lambda event, arguments: connections.append(event)
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
    else None
)
from kerastl.backbones import find_backbone

find_backbone(sys.argv[1])
heavy = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))
print(json.dumps({"heavy": heavy, "connections": sorted(set(connections))}))
"""


def is_light(subject: Subject) -> None:
    """Asking for the facts imports no framework."""
    heavy = _asked_in_a_new_process(subject.identifier)["heavy"]
    assert not heavy, f"asking for the facts imports {', '.join(heavy)}"


def opens_no_connection_at_import(subject: Subject) -> None:
    """Asking for the facts opens no connection."""
    connections = _asked_in_a_new_process(subject.identifier)["connections"]
    assert not connections, f"asking for the facts calls {', '.join(connections)}"


def states_license_and_reference(subject: Subject) -> None:
    """License and reference are there."""
    assert subject.spec.license.strip(), "the spec states no license"
    assert subject.spec.reference.strip(), "the spec states no reference"


def builds_offline(subject: Subject) -> None:
    """The model is built without a connection."""
    with _no_connections():
        subject.build()


def has_the_declared_size(subject: Subject) -> None:
    """The features are one vector, of the length and from as many weights as declared."""
    shape = subject.network.output_shape
    assert len(shape) == 2, f"the output has shape {shape}, expected (batch, feature_dim)"
    _assert_declared("feature_dim", subject.spec.feature_dim, shape[1])
    _assert_declared("num_params", subject.spec.num_params, subject.network.count_params())


def _assert_declared(name: str, declared: int | None, built: int) -> None:
    assert declared in (None, built), f"{name} is {built}, but the spec declares {declared}"


@cache
def _asked_in_a_new_process(identifier: str) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-c", _PROBE, identifier, json.dumps(HEAVY)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.strip().splitlines()[-1]
    return json.loads(finished.stdout.splitlines()[-1])


@contextmanager
def _no_connections() -> Iterator[None]:
    def refuse(*arguments: Any, **keywords: Any) -> Any:
        raise AssertionError("building opens a connection")

    names = ("connect", "connect_ex")
    before = {name: getattr(socket.socket, name) for name in names}
    before_lookup = socket.getaddrinfo
    for name in names:
        setattr(socket.socket, name, refuse)
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(socket.socket, name, method)
        socket.getaddrinfo = before_lookup
