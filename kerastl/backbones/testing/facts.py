"""Checks of the facts in a spec, and that reading them is cheap."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any
from unittest.mock import patch

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

find_backbone(sys.argv[1], options=json.loads(sys.argv[3]))
heavy = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))
print(json.dumps({"heavy": heavy, "connections": sorted(set(connections))}))
"""


def is_light(subject: Subject) -> None:
    """Reading the facts imports no framework."""
    heavy = _read_in_a_new_process(subject)["heavy"]
    assert not heavy, f"reading the facts imports {', '.join(heavy)}"


def opens_no_connection_at_import(subject: Subject) -> None:
    """Reading the facts opens no connection."""
    connections = _read_in_a_new_process(subject)["connections"]
    assert not connections, f"reading the facts calls {', '.join(connections)}"


def states_license_and_reference(subject: Subject) -> None:
    """The spec states license and reference."""
    assert subject.spec.license.strip(), "the spec states no license"
    assert subject.spec.reference.strip(), "the spec states no reference"


def builds_offline(subject: Subject) -> None:
    """The model is built without a connection."""
    refusal = AssertionError("building opens a connection")
    with (
        patch("socket.socket.connect", side_effect=refusal),
        patch("socket.socket.connect_ex", side_effect=refusal),
        patch("socket.getaddrinfo", side_effect=refusal),
    ):
        subject.check_build()


def has_the_declared_size(subject: Subject) -> None:
    """The features are one vector, of the length and from as many weights as declared."""
    if subject.is_extractor:
        _assert_declared("feature_dim", subject.spec.feature_dim, subject.extractor.feature_dim)
        return
    shape = subject.network.output_shape
    assert len(shape) == 2, f"the output has shape {shape}, expected (batch, feature_dim)"
    _assert_declared("feature_dim", subject.spec.feature_dim, shape[1])
    _assert_declared("num_params", subject.spec.num_params, subject.network.count_params())


def _assert_declared(name: str, declared: int | None, built: int) -> None:
    assert declared in (None, built), f"{name} is {built}, but the spec declares {declared}"


@cache
def _read_in_a_new_process(subject: Subject) -> dict[str, Any]:
    facts = [subject.identifier, json.dumps(HEAVY), json.dumps(subject.options)]
    finished = subprocess.run(
        [sys.executable, "-c", _PROBE, *facts],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.strip().splitlines()[-1]
    return json.loads(finished.stdout.splitlines()[-1])
