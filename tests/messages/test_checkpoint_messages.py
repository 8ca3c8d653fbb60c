"""Whole texts of the errors and warnings about checkpoints that cannot be continued."""

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from kerastl.errors import RunError
from kerastl.progress import SILENT, Progress
from kerastl.training.checkpoint_files import Checkpoint, CheckpointFolder


class Warnings(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


def write(folder: Path) -> None:
    checkpoint = Checkpoint(epochs={4: {"loss": 1.0}}, variables=[np.ones(2)], best=[])
    CheckpointFolder(folder, settings="a", progress=SILENT).write(checkpoint)


def test_another_config_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(RunError) as caught:
        CheckpointFolder(tmp_path, settings="b", progress=SILENT).read()
    assert (
        str(caught.value)
        == f"""\
The config or the labels have changed since the training was interrupted.
  where:    {tmp_path}/000004.npz
  expected: the config of the run folder and the table as they were
  fix:      Restore both, or train again in another folder."""
    )


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "version", lambda name: "3.9")
        write(tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.15")
    with pytest.raises(RunError) as caught:
        CheckpointFolder(tmp_path, settings="a", progress=SILENT).read()
    assert (
        str(caught.value)
        == f"""\
The checkpoint was written with another version of keras, so it cannot be continued exactly.
  where:    {tmp_path}/000004.npz
  expected: keras 3.9
  received: keras 3.15
  fix:      Install keras==3.9, or train again in another folder."""
    )


def test_a_damaged_checkpoint_and_those_of_version_0_1_are_warned_about(tmp_path: Path) -> None:
    (tmp_path / "epochs.json").write_text("{}")
    (tmp_path / "000004.npz").write_text("torn")
    warnings = Warnings()
    assert CheckpointFolder(tmp_path, settings="a", progress=warnings).read() is None
    assert warnings.texts == [
        f"The checkpoint '{tmp_path}/000004.npz' is damaged, so it is not used.",
        "The run was interrupted under version 0.1, whose checkpoints lack the random states of "
        "the layers, so its epochs are repeated.",
    ]


def test_a_random_state_that_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    from kerastl.training.checkpoints import Backup, KeepBest

    class Drop(keras.layers.Layer):
        def call(self, inputs: object, training: bool = False) -> object:
            return tf.nn.dropout(inputs, 0.5) if training else inputs

    write(tmp_path)
    model = keras.Sequential([keras.Input((4,)), Drop()])
    model.compile("sgd", "mse")
    folder = CheckpointFolder(tmp_path, settings="a", progress=SILENT)
    with pytest.raises(RunError) as caught:
        Backup(KeepBest(patience=None, progress=SILENT), folder).restore(model)
    assert (
        str(caught.value)
        == f"""\
The training cannot be continued exactly, because a layer of the backbone draws random numbers \
whose state cannot be stored.
  where:    {tmp_path}
  expected: layers with a keras.random.SeedGenerator as an attribute
  received: RandomUniform
  fix:      Train again in another folder."""
    )
