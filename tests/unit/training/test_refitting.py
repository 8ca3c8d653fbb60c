"""Heads that are fitted a second time, on features of Keras, after an engine differed too much."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.config import parse_config
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.extraction import Extraction
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, find_heads, find_layer
from kerastl.progress import SILENT
from kerastl.training import checkpoints, solving
from kerastl.training.checkpoints import KeepBest
from kerastl.training.context import TrainingContext
from kerastl.training.phases import run_phases
from kerastl.training.plan import TrainingPlan, plan_training

EPOCHS = 3


@pytest.fixture
def examples(make_examples) -> Examples:
    labels = (np.random.default_rng(1).random((24, 2)) < 0.5).astype(np.float32)
    return make_examples(labels, ("a", "b"), num_train=16)


def fitted(folder: Path, examples: Examples) -> list[np.ndarray]:
    """Returns all variables after the fits, which continue in a folder."""
    raw = keras.Input((6,))
    network = keras.Model(raw, keras.layers.Rescaling(3.0)(raw))
    from kerastl.layers import Backbone

    heads = {"all": {"tasks": ["a", "b"], "hidden": [4], "dropout": 0.5}}
    model = build_model(Backbone(network, name="backbone"), ["a", "b"], heads=heads, seed=0)
    fit = {"solver": "keras", "epochs": EPOCHS, "batch_size": 4, "patience": None}
    config = parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": ["a", "b"]},
            "backbone": {"name": "tiny:image"},
            "heads": heads,
            "fit": fit,
        },
        where="here",
        base=Path(),
    )
    plan = plan_training(config, find_heads(model))
    assert isinstance(plan, TrainingPlan)
    values = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    context = TrainingContext(
        examples=examples,
        inputs=ArrayInputs(values),
        source=FeatureSource(engine="keras"),
        state=folder / "state",
        progress=SILENT,
    )
    run_phases(plan, model, context, context.prepare(plan, find_layer(model)))
    return [variable.numpy() for variable in model.variables]


def test_an_interrupted_second_fit_continues_from_its_own_checkpoint(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_WRITING_SHARE", 1e9)
    monkeypatch.setattr(Extraction, "probability_differences", lambda *_: {"fast bfloat16": 1.0})
    monkeypatch.setattr(solving, "engines_above_limit", list)
    whole = fitted(tmp_path / "whole", examples)
    assert (tmp_path / "whole" / "logs" / "float32" / "heads").is_dir()
    ended, epochs = KeepBest.on_epoch_end, iter(range(1, 100))

    def stop(self: KeepBest, epoch: int, logs: dict[str, float]) -> None:
        ended(self, epoch, logs)
        if next(epochs) == EPOCHS + 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(KeepBest, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fitted(tmp_path / "interrupted", examples)
    for value, expected in zip(fitted(tmp_path / "interrupted", examples), whole, strict=True):
        np.testing.assert_array_equal(value, expected)
