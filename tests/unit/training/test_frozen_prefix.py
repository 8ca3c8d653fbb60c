"""Fine-tuning after the frozen stages: the same result without running them in every epoch."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl import scratch
from kerastl.config import parse_config
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.features import prefix
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, find_heads, find_layer
from kerastl.progress import SILENT
from kerastl.training import fine_tuning
from kerastl.training.context import TrainingContext
from kerastl.training.phases import run_phases
from kerastl.training.plan import TrainingPlan, plan_training

SOURCE = FeatureSource(engine="keras")


def images(num: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, 32, 32, 3), np.uint8)


@pytest.fixture
def examples(make_examples) -> Examples:
    labels = (np.random.default_rng(1).random((24, 2)) < 0.5).astype(np.float32)
    labels[::5, 0] = np.nan
    return make_examples(labels, ("a", "b"), num_train=16)


def config_of(**more: object):
    return parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": ["a", "b"]},
            "backbone": {"name": "tiny:image"},
            "trainable": {"stages": 1},
            "augment": None,
            "fit": {"solver": "keras", "epochs": 3, "batch_size": 4, "patience": None},
            **more,
        },
        where="here",
        base=Path(),
    )


def fitted_weights(
    model: keras.Model, folder: Path, examples: Examples, config
) -> tuple[list[np.ndarray], list[dict]]:
    plan = plan_training(config, find_heads(model))
    assert isinstance(plan, TrainingPlan)
    context = TrainingContext(
        examples=examples,
        inputs=ArrayInputs(images()),
        source=SOURCE,
        state=folder / "state",
        progress=SILENT,
    )
    found = run_phases(plan, model, context, context.prepare(plan, find_layer(model)))
    return model.get_weights(), found.history


def test_fine_tuning_behind_the_cut_gives_the_weights_of_plain_fine_tuning(
    small_backbone, examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of()
    model = build_model(small_backbone, ["a", "b"], seed=0)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    before = [w.copy() for w in model.get_weights()]
    behind, history = fitted_weights(model, tmp_path / "behind", examples, config)
    monkeypatch.setattr(fine_tuning, "find_cut", lambda layer: None)
    plain, plain_history = fitted_weights(copy, tmp_path / "plain", examples, config)
    for one, other in zip(behind, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    for name in ("loss", "val_loss"):  # the start, epoch 0, has been validated only
        found, plain_found = (
            [epoch[name] for epoch in rows if name in epoch] for rows in (history, plain_history)
        )
        assert found == pytest.approx(plain_found, rel=1e-4)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, behind, strict=True)]
    assert any(moved)
    assert not all(moved)


def test_frozen_stages_run_once(
    small_backbone, examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    original = prefix.run_prefix

    def counting(*args: object, **kwargs: object):
        runs.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(fine_tuning, "run_prefix", counting)
    model = build_model(small_backbone, ["a", "b"], seed=0)
    fitted_weights(model, tmp_path, examples, config_of())
    assert runs == [1]


def test_without_room_the_frozen_stages_run_in_every_epoch(
    small_backbone, examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MEMORY_SHARE", 0)
    monkeypatch.setattr(prefix, "_MAX_DISK_BYTES", 0)
    model = build_model(small_backbone, ["a", "b"], seed=0)
    _, history = fitted_weights(model, tmp_path, examples, config_of())
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]
