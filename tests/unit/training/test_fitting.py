"""The note about each epoch."""

import re

import keras
import numpy as np

from kerastl.progress import Progress
from kerastl.training.checkpoints import START, KeepBest
from kerastl.training.fitting import EpochNotes


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
    assert notes.notes == ["Epoch 0, before fine-tuning: 0.5000 in validation."]
