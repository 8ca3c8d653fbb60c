"""The figures of each epoch and the note about it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerastl.config import LossConfig
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.evaluation.gains import calibrated_loss
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, logits_model
from kerastl.heads.logits import HeadLogits
from kerastl.layers import Backbone
from kerastl.progress import SILENT, Progress
from kerastl.training.checkpoints import START, KeepBest
from kerastl.training.context import TrainingContext
from kerastl.training.evidence import CALIBRATED_LOSS
from kerastl.training.fitting import EpochNotes, fit_epochs
from kerastl.training.plan import FitHeads


class Notes(Progress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_each_epoch_notes_its_losses_and_its_examples_per_second() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    notes = Notes()
    ones = np.ones((4, 1))
    model.fit(
        ones,
        ones,
        validation_data=(ones, ones),
        epochs=2,
        verbose=0,
        callbacks=[
            keep_best := KeepBest(patience=None, progress=notes),
            EpochNotes(keep_best, 4, notes),
        ],
    )
    pattern = r"Epoch {} of 2: loss \d+\.\d{{4}}, in validation \d+\.\d{{4}}; [\d,]+ examples/s{}"
    assert re.fullmatch(
        pattern.format(1, ", including the tracing of the network."), notes.notes[0]
    )
    assert re.fullmatch(pattern.format(2, r"\."), notes.notes[1])


def test_validation_does_not_count_as_training_time() -> None:
    keep_best = KeepBest(patience=None, progress=(notes := Notes()))
    keep_best.epochs[0] = {"loss": 1.0}
    show = EpochNotes(keep_best, 10, notes)
    show.set_params({"epochs": 1})
    show.on_epoch_begin(0)
    show._started -= 1.0
    show.on_test_begin()
    show._started -= 100.0
    show.on_epoch_end(0, {"loss": 1.0})
    assert re.search(r"(9|10) examples/s", notes.notes[0])


def test_the_loss_before_the_first_epoch_is_noted() -> None:
    keep_best = KeepBest(patience=None, progress=(notes := Notes()))
    keep_best.epochs[START] = {"val_loss": 0.5}
    EpochNotes(keep_best, 10, notes).on_train_begin()
    assert notes.notes == ["Epoch 0, before fine-tuning: in validation 0.5000."]


@pytest.fixture
def fitted(make_examples, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Returns a function that fits two heads for an epoch, and the figures of that epoch.

    The features of the 24 validation examples are those of their labels plus noise.
    """
    random = np.random.default_rng(0)
    labels = (random.random((64, 2)) < 0.4).astype(np.float32)
    features = (3 * labels + random.normal(size=labels.shape)).astype(np.float32)
    labels[random.random(labels.shape) < 0.2] = np.nan
    heads = {"second": {"tasks": ["b"]}, "first": {"tasks": ["a"]}}

    def fit(**settings: Any) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        raw = keras.Input((2,))
        network = keras.Model(raw, keras.layers.Rescaling(1.0)(raw))
        model = build_model(Backbone(network, name="backbone"), ["a", "b"], heads=heads, seed=0)
        shared = {"loss": LossConfig(), "epochs": 1, "batch_size": 7, "patience": None, "seed": 0}
        (row,) = fit_epochs(
            FitHeads(**shared, learning_rate=0.1, **settings),
            model,
            logits_model(model),
            ArrayInputs(features),
            TrainingContext(
                examples=make_examples(labels, ("a", "b"), num_train=40),
                inputs=ArrayInputs(features),
                source=FeatureSource(engine="keras"),
                state=tmp_path / "state",
                progress=SILENT,
            ),
            optimizer=keras.optimizers.Adam(0.1),
        )
        return row, HeadLogits(model, ("a", "b"))(features)[40:], labels[40:]

    return fit


def test_the_figures_of_an_epoch_have_the_calibrated_loss_of_all_heads(fitted) -> None:
    row, logits, labels = fitted()
    assert row[CALIBRATED_LOSS] == pytest.approx(calibrated_loss(logits, labels), rel=1e-5)
    assert row[CALIBRATED_LOSS] != pytest.approx(row["val_loss"] / 2, rel=1e-3)


def test_a_model_that_is_not_calibrated_has_no_calibrated_loss(fitted) -> None:
    row, *_ = fitted(is_calibrated=False)
    assert CALIBRATED_LOSS not in row
    assert "val_loss" in row
