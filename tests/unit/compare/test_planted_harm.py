"""A planted negative transfer is found and named: a coin's heavy head spoils what others share."""

import keras
import numpy as np
import pandas as pd
import pytest

import kerastl
from kerastl.compare.contrasts import evaluate_contrasts, find_findings
from kerastl.compare.study import Contrast, Study, TrainingVariant
from kerastl.compare.verdicts import FEWEST_TRAININGS, PairedRows
from kerastl.layers import Backbone

TASKS = ("car", "bus", "coin")
NUM_ROWS, NUM_TRAIN = 600, 300


def make_rows() -> tuple[np.ndarray, np.ndarray]:
    """Two tasks that the features answer, and a coin that nothing answers."""
    random = np.random.default_rng(0)
    x = random.normal(size=(NUM_ROWS, 12)).astype(np.float32)
    signal = x[:, :2] + 0.5 * random.normal(size=(NUM_ROWS, 2))
    coin = random.normal(size=(NUM_ROWS, 1))
    return x, (np.concatenate([signal, coin], axis=1) > 0).astype(np.float32)


def train(tasks: tuple[str, ...], seed: int, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Fits a network in which all tasks share two units, and returns its predictions."""
    keras.utils.set_random_seed(seed)
    raw = keras.Input((12,))
    shared = keras.Model(raw, keras.layers.Dense(2, "tanh")(raw))
    model = kerastl.build_model(
        Backbone(shared, name="backbone"), tasks, heads="multi", trainable=True, seed=seed
    )
    model.compile(  # without metrics, whose graphs take longer than the training
        keras.optimizers.Adam(0.02),
        loss={task: kerastl.losses.MaskedBinaryCrossentropy() for task in tasks},
        loss_weights={task: 200.0 if task == "coin" else 1.0 for task in tasks},
    )
    columns = [TASKS.index(task) for task in tasks]
    labels = {task: y[:NUM_TRAIN, i : i + 1] for task, i in zip(tasks, columns, strict=True)}
    model.fit(x[:NUM_TRAIN], labels, batch_size=100, epochs=30, verbose=0)
    outputs = model.predict_on_batch(x)
    frame = pd.DataFrame({"path": [str(i) for i in range(NUM_ROWS)]})
    frame["split"] = np.where(np.arange(NUM_ROWS) < NUM_TRAIN, "train", "test")
    for task, i in zip(tasks, columns, strict=True):
        frame[f"{task}_label"] = y[:, i]
        frame[task] = np.asarray(outputs[task])[:, 0]
    return frame


def left_out(task: str) -> Contrast:
    rest = tuple(t for t in TASKS if t != task)
    return Contrast(
        first=("all tasks",),
        second=(f"all but {task}",),
        tasks=rest,
        text=f"learning {task} too",
        kind="left out",
        mode="fine-tuned",
        about=task,
    )


@pytest.fixture(scope="module")
def findings() -> list[str]:
    x, y = make_rows()
    variants = [TrainingVariant(name="all tasks", tasks=TASKS)]
    variants += [
        TrainingVariant(name=f"all but {task}", tasks=tuple(t for t in TASKS if t != task))
        for task in ("coin", "car")
    ]
    frames = {
        variant.name: [train(variant.tasks, seed, x, y) for seed in range(FEWEST_TRAININGS)]
        for variant in variants
    }
    rows = PairedRows(frames["all tasks"][0], part="test", replicates=300, seed=0)
    scores = {
        variant.name: [rows.score(frame, variant.tasks) for frame in frames[variant.name]]
        for variant in variants
    }
    study = Study(
        axis="sharing", variants=tuple(variants), contrasts=(left_out("coin"), left_out("car"))
    )
    return find_findings(evaluate_contrasts(study, scores))


def test_the_task_that_harms_the_others_is_named_with_those_it_harms(findings) -> None:
    (blame,) = [text for text in findings if "harms" in text]
    assert blame.startswith("fine-tuned: coin harms the other tasks, most of all car, bus:")
    assert "give it less weight" in blame


def test_a_harmless_task_is_not_named(findings) -> None:
    assert not any(text.startswith("fine-tuned: car harms") for text in findings)
