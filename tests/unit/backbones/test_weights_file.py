"""Files of weights are checked before a single array in them is read."""

import io
import os
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from mutations import damaged

from kerastl.backbones import refuse_unsafe_file
from kerastl.errors import KerastlError, RunError
from kerastl.run.models import load_model


@pytest.fixture
def model() -> keras.Model:
    raw = keras.Input((4,))
    return keras.Model(raw, keras.layers.Dense(3)(raw))


def external_values(file: h5py.File) -> None:
    secret = Path(file.filename).with_name("secret")
    secret.write_bytes(bytes(48))
    del file["layers/dense/vars/0"]
    external = [(str(secret), 0, 48)]
    file.create_dataset("layers/dense/vars/0", (4, 3), "f4", external=external)


def virtual_values(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def external_link(file: h5py.File) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.ExternalLink("other.h5", "/")


def soft_link(file: h5py.File) -> None:
    file["layers/dense/more"] = h5py.SoftLink("/layers")


def bomb(file: h5py.File) -> None:
    del file["layers/dense/vars/0"]
    file.create_dataset(
        "layers/dense/vars/0", (2**20, 2**10), "f4", chunks=(2**10, 2**10), compression="gzip"
    )


def many_small_bombs(file: h5py.File) -> None:
    for number in range(200):
        file.create_dataset(f"more/{number}", (2**18,), "f4", chunks=(2**10,))


CHANGES: dict[Callable[[h5py.File], None], str] = {
    external_values: "'/layers/dense/vars/0' are in another data set or file",
    virtual_values: "'/layers/dense/vars/0' are in another data set or file",
    external_link: "'/layers/dense/vars' is a link to another place",
    soft_link: "'/layers/dense/more' is a link to another place",
    bomb: "bytes stand for 4,294,967",
    many_small_bombs: "bytes stand for",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("in_archive", [False, True])
def test_what_is_elsewhere_or_huge_is_refused_unread(
    change: Callable[[h5py.File], None], in_archive: bool, model: keras.Model, tmp_path: Path
) -> None:
    weights = tmp_path / "a.weights.h5"
    model.save_weights(weights)
    refuse_unsafe_file(weights)
    with h5py.File(weights, "a") as file:
        change(file)
    begin = time.monotonic()
    if not in_archive:
        with pytest.raises(ValueError, match=CHANGES[change]):
            refuse_unsafe_file(weights)
    else:
        path = tmp_path / "model.keras"
        rewritten(model, path, {"model.weights.h5": weights.read_bytes()})
        with pytest.raises(RunError, match=CHANGES[change]):
            load_model(path)
    assert time.monotonic() - begin < 5


def rewritten(model: keras.Model, path: Path, members: dict[str, bytes]) -> None:
    """Saves a model with other members of its archive, compressed."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()} | members
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"model.weights.h5": bytes(2**27)}, "bytes stand for 134,217,728"),
        ({"assets/more": bytes(2**27)}, "bytes stand for 134,217,728"),
        ({"config.json": b"[" * 100_000}, "nested too deeply"),
        ({"config.json": b"[" * 300 + b"]" * 300}, "nested too deeply"),
        ({"config.json": b'"' + b"a" * (2**26 + 1) + b'"'}, "at most 67,108,864 are read"),
    ],
)
def test_an_archive_of_few_bytes_that_stand_for_many_is_refused(
    members: dict[str, bytes], message: str, model: keras.Model, tmp_path: Path
) -> None:
    rewritten(model, tmp_path / "model.keras", {})
    load_model(tmp_path / "model.keras")
    rewritten(model, tmp_path / "model.keras", members)
    with pytest.raises(RunError, match=message):
        load_model(tmp_path / "model.keras")


def test_an_array_with_a_huge_shape_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.ones((2, 3)), b=np.zeros(10**6))
    refuse_unsafe_file(tmp_path / "a.npz")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with pytest.raises(ValueError, match=r"'a.npy' has fewer values than its shape"):
        refuse_unsafe_file(tmp_path / "a.npz")


def test_groups_in_a_circle_are_walked_once(model: keras.Model, tmp_path: Path) -> None:
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "a") as file:
        file["layers/again"] = file["/"]
    refuse_unsafe_file(tmp_path / "a.weights.h5")


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.h5")
    with pytest.raises(OSError, match="not a regular file"):
        refuse_unsafe_file(tmp_path / "a.h5")


def test_a_damaged_model_is_loaded_or_refused(model: keras.Model, tmp_path: Path) -> None:
    draw = random.Random(0)
    model.save(tmp_path / "whole.keras")
    data = (tmp_path / "whole.keras").read_bytes()
    path, num_refused = tmp_path / "model.keras", 0
    for _ in range(60):
        path.write_bytes(damaged(data, draw))
        try:
            load_model(path)
        except KerastlError:
            num_refused += 1
    assert num_refused > 20
