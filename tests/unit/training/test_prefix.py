"""Fine-tuning behind the frozen stages: the same result, without running them in every epoch."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl import scratch
from kerastl.config import parse_config
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.features import prefix
from kerastl.features.prefix import find_cut, run_prefix, suffix_model
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import apply_policy, build_model, find_layer, logits_model
from kerastl.progress import SILENT
from kerastl.training import fit

SOURCE = FeatureSource(engine="keras")


def pictures(num: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, 32, 32, 3), np.uint8)


@pytest.fixture
def model(small_backbone) -> keras.Model:
    return build_model(small_backbone, ["a", "b"], seed=0, trainable={"stages": 1})


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
            "fit": {"solver": "keras", "epochs": 3, "batch_size": 4, "patience": None},
            **more,
        },
        where="here",
        base=Path(),
    )


def test_what_learns_behind_the_cut_says_what_the_whole_model_says(model: keras.Model) -> None:
    values = pictures()
    cut = find_cut(find_layer(model))
    assert cut is not None
    rows = np.arange(len(values))
    inputs = run_prefix(cut, ArrayInputs(values), rows, source=SOURCE, progress=SILENT)
    behind = suffix_model(model, cut)(inputs.take(rows), training=False)
    whole = logits_model(model)(values.astype(np.float32), training=False)
    np.testing.assert_allclose(behind, whole, atol=1e-5)


def test_what_learns_behind_the_cut_is_what_the_policy_names(model: keras.Model) -> None:
    cut = find_cut(find_layer(model))
    assert cut is not None
    behind = suffix_model(model, cut)
    assert {id(v) for v in behind.trainable_variables} == {id(v) for v in model.trainable_variables}
    assert {id(v) for v in model.trainable_variables} == {
        id(v) for v in logits_model(model).trainable_variables
    }


@pytest.mark.parametrize("policy", [False, True, {"stages": 2}, {"variables": "high*"}])
def test_without_frozen_stages_before_the_learning_ones_there_is_no_cut(
    model: keras.Model, policy: object
) -> None:
    apply_policy(find_layer(model), policy)
    assert find_cut(find_layer(model)) is None


def test_frozen_stages_that_draw_at_random_are_not_constant(model: keras.Model) -> None:
    layer = find_layer(model)
    layer.stages = (
        prefix_stage("low", [o.name for o in layer.model.operations[:-1]]),
        prefix_stage("high", [layer.model.operations[-1].name]),
    )
    apply_policy(layer, {"stages": 1})
    assert find_cut(layer) is not None
    apply_policy(layer, {"stages": 1, "batch_norm": "update"})
    assert find_cut(layer) is None


def prefix_stage(name: str, layers: list[str]):
    from kerastl.backbones import Stage

    return Stage(name=name, layers=tuple(layers))


def fitted_weights(
    model: keras.Model, folder: Path, examples: Examples, config
) -> tuple[list[np.ndarray], list[dict]]:
    inputs = ArrayInputs(pictures())
    found = fit.fit_model(
        model,
        examples,
        inputs,
        config,
        extraction=fit.prepare(model, examples, inputs, config, source=SOURCE, progress=SILENT),
        source=SOURCE,
        state=folder / "state",
        progress=SILENT,
    )
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
    monkeypatch.setattr(fit, "find_cut", lambda layer: None)
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

    monkeypatch.setattr(fit, "run_prefix", counting)
    model = build_model(small_backbone, ["a", "b"], seed=0)
    fitted_weights(model, tmp_path, examples, config_of())
    assert runs == [1]


def test_without_room_the_frozen_stages_run_in_every_epoch(
    small_backbone, examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(prefix, "_MAX_DISK_BYTES", 0)
    model = build_model(small_backbone, ["a", "b"], seed=0)
    _, history = fitted_weights(model, tmp_path, examples, config_of())
    assert [row["epoch"] for row in history] == [0, 1, 2, 3]


def test_what_crosses_the_cut_may_lie_on_disk(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, rows = pictures(), np.arange(24)
    cut = find_cut(find_layer(model))
    assert cut is not None
    in_memory = run_prefix(cut, ArrayInputs(values), rows, source=SOURCE, progress=SILENT)
    monkeypatch.setattr(scratch, "MAX_MEMORY_BYTES", 0)
    on_disk = run_prefix(cut, ArrayInputs(values), rows, source=SOURCE, progress=SILENT)
    assert isinstance(on_disk.values, np.memmap)
    np.testing.assert_array_equal(on_disk.take(rows), in_memory.take(rows))
