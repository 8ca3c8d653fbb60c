"""Weights of tasks from their known training labels, and the warning about rarely labeled ones."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from kerastl.config import parse_config
from kerastl.config.head import Head, resolve_heads
from kerastl.data.tables.examples import Examples
from kerastl.errors import ModelError
from kerastl.heads.builder import build_model, find_heads, logits_model
from kerastl.layers import Backbone
from kerastl.training.compilation import compile, compile_heads
from kerastl.training.plan import FineTune, FitHeads, plan_training
from kerastl.training.task_weights import (
    phase_weights,
    rare_task_warnings,
    sharing_tasks,
    task_weights,
    weights_text,
)

NAN = np.nan
TASKS = ("car", "bus", "tram")
HIDDEN = {"all": {"tasks": list(TASKS), "hidden": [4]}}


def labels(*known: int) -> np.ndarray:
    """Returns labels of which the first ones of each task are known, at least 200 rows."""
    rows = np.arange(max(*known, 200))[:, None]
    return np.where(rows < np.array(known), rows % 2, NAN)


def config(**sections: Any) -> Any:
    return parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": list(TASKS)},
            "backbone": {"name": "tiny:image"},
            **sections,
        }
    )


def weights(setting: Any, *known: int, groups: Any = (TASKS,)) -> list[float]:
    return list(task_weights(setting, dict(zip(TASKS, known, strict=True)), groups).values())


def test_auto_gives_tasks_the_same_total_weight() -> None:
    assert weights("auto", 200, 100, 50) == [1, 2, 4]


def test_auto_changes_nothing_if_all_tasks_have_the_same_number_of_labels() -> None:
    assert weights("auto", 70, 70, 70) == [1, 1, 1]


def test_auto_stops_at_a_hundred() -> None:
    assert weights("auto", 2000, 200, 1) == [1, 10, 100]


def test_auto_leaves_a_task_without_labels_alone() -> None:
    assert weights("auto", 200, 200, 0) == [1, 1, 1]


def test_auto_compares_only_tasks_that_share_trained_layers() -> None:
    assert weights("auto", 200, 50, 50, groups=[("bus", "tram")]) == [1, 1, 1]
    assert weights("auto", 200, 50, 50, groups=[]) == [1, 1, 1]


def test_given_weights_are_taken() -> None:
    assert weights({"bus": 3.0}, 200, 100, 50) == [1, 3, 1]
    assert weights(None, 200, 100, 50) == [1, 1, 1]


def test_a_trained_backbone_or_a_hidden_layer_is_shared() -> None:
    linear = resolve_heads("single", TASKS)
    assert sharing_tasks(linear, trains_backbone=False) == []
    assert [set(g) for g in sharing_tasks(linear, trains_backbone=True)] == [set(TASKS)]
    deep = [Head(name="a", tasks=("car", "bus"), hidden=(8,)), Head(name="b", tasks=("tram",))]
    assert sharing_tasks(deep, trains_backbone=False) == [("car", "bus")]
    assert [set(g) for g in sharing_tasks(deep, trains_backbone=True)] == [set(TASKS)]


def test_only_phases_that_share_have_weights(make_examples: Callable[..., Examples]) -> None:
    examples = make_examples(labels(200, 200, 50), TASKS, num_train=200)

    def found(**sections: Any) -> dict[type, float]:
        settings = config(**sections)
        heads = resolve_heads(settings.heads, TASKS)
        phases = plan_training(settings, heads).phases
        return {
            type(phase): phase_weights(phase, heads, examples.num_known())["tram"]
            for phase in phases
        }

    assert set(found().values()) == {1}
    assert found(fit={"solver": "keras"}) == {FitHeads: 1}
    assert found(heads=HIDDEN) == {FitHeads: 4}
    assert found(trainable=True)[FineTune] == 4
    assert found(trainable=True, loss={"task_weight": None})[FineTune] == 1


def test_weights_follow_the_training_labels_only(make_examples: Callable[..., Examples]) -> None:
    known = labels(400, 400, 200)
    settings = config(heads=HIDDEN)
    heads = resolve_heads(settings.heads, TASKS)
    (phase,) = plan_training(settings, heads).phases
    examples = make_examples(known, TASKS, num_train=200)
    assert set(phase_weights(phase, heads, examples.num_known()).values()) == {1}


def test_the_line_about_weights_names_what_is_not_1() -> None:
    text = weights_text({"car": 1.0, "bus": 4.4721, "tram": 1.0})
    assert text == "weight of tasks in the loss: bus 4.47, the others 1"
    assert weights_text(dict.fromkeys(TASKS, 1.0)) is None


def model_of(heads: Any) -> keras.Model:
    raw = keras.Input((6,))
    network = keras.Model(raw, keras.layers.Rescaling(1.0)(raw))
    return build_model(Backbone(network, name="backbone"), TASKS, heads=heads)


@pytest.mark.parametrize("heads", ["single", "multi"])
def test_both_layouts_of_heads_have_the_weighted_loss(heads: str) -> None:
    random = np.random.default_rng(0)
    inputs, known = random.normal(size=(40, 6)), labels(40, 20, 10)[:40]
    given = {"car": 1.0, "bus": 2.0, "tram": 4.0}
    model = model_of(heads)
    trained, targets = logits_model(model), known
    if heads == "multi":
        targets = {task: known[:, [i]] for i, task in enumerate(TASKS)}
    for variable in trained.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    compile_heads(trained, find_heads(model), optimizer="sgd", from_logits=True, task_weight=given)
    found = trained.evaluate(inputs, targets, batch_size=16, verbose=0, return_dict=True)
    expected = np.log(2) * (40 * 1 + 20 * 2 + 10 * 4) / 40
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_weight_of_another_task_is_refused() -> None:
    with pytest.raises(ModelError, match="A task weight does not belong to a task of the model"):
        compile(model_of("multi"), task_weight={"bike": 2.0})


def rare_warnings(settings: Any, examples: Examples) -> list[str]:
    heads = resolve_heads(settings.heads, TASKS)
    return list(
        rare_task_warnings(plan_training(settings, heads).phases, heads, examples.num_known())
    )


def test_a_rarely_labeled_task_that_shares_layers_is_warned_about(
    make_examples: Callable[..., Examples],
) -> None:
    examples = make_examples(labels(200, 20, 19), TASKS, num_train=200)
    (warning,) = rare_warnings(config(heads=HIDDEN), examples)
    assert warning.startswith("tram: 19 known training labels, where another task")
    assert len(rare_warnings(config(trainable=True), examples)) == 1
    assert len(rare_warnings(config(trainable="auto"), examples)) == 1
    assert not rare_warnings(config(), examples)


def test_a_task_without_labels_is_not_called_rarely_labeled(
    make_examples: Callable[..., Examples],
) -> None:
    examples = make_examples(labels(200, 200, 0), TASKS, num_train=200)
    assert not rare_warnings(config(trainable=True), examples)
