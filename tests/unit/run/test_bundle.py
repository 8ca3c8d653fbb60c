"""`bundle.json` is data from outside: what cannot be is refused with the name of its key."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from finished_runs import write_run
from mutations import mutated

from kerastl.errors import KerastlError, RunError
from kerastl.features.extraction_facts import Agreement, PassFacts
from kerastl.heads.layer import Probabilities
from kerastl.run.bundle import Bundle, Evidence, heads_hash, read_bundle
from kerastl.run.layout import RunLayout
from kerastl.run.model_check import refuse_other_model
from kerastl.training.evidence import AutoDecision, TrainingEvidence, ValidationLabels
from kerastl_runtime.files import read_json

TASKS = ("car", "bus", "tram")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> RunLayout:
    return RunLayout(write_run(tmp_path_factory.mktemp("run") / "run", rows=12, tasks=TASKS))


@pytest.fixture
def read(written: RunLayout) -> Callable[[Any], Bundle]:
    """Reads the run's bundle after a change."""
    original = written.bundle.read_text()

    def changed(change: Any) -> Bundle:
        values = json.loads(original)
        values["heads_sha256"] = heads_hash(list(values["tasks"]), values["heads"])
        text = change(values)
        written.bundle.write_text(text if isinstance(text, str) else json.dumps(values))
        try:
            return read_bundle(written)
        finally:
            written.bundle.write_text(original)

    return changed


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Returns a change that puts the last of the arguments at the path of the others."""
    *parents, key, value = path

    def change(values: Any) -> None:
        for part in parents:
            values = values[part]
        values[key] = value

    return change


def permuted(values: dict[str, Any]) -> None:
    values["tasks"] = dict(reversed(values["tasks"].items()))


def one_head_per_task_permuted(values: dict[str, Any]) -> None:
    values["heads"] = {task: [task] for task in TASKS}
    values["heads_sha256"] = heads_hash(TASKS, values["heads"])
    permuted(values)


def test_a_written_bundle_is_read(read: Callable[[Any], Bundle]) -> None:
    assert read(lambda values: None).task_names == TASKS


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("format", put("format", 2)),
        ("format", put("format", None)),
        ("input.modality", put("input", "modality", "video")),
        ("input.modality", put("input", "modality", ["image"])),
        ("input.shape", put("input", "modality", "audio")),
        ("input.rule_version", put("input", "rule_version", 2)),
        ("input.rule_version", put("input", "rule_version", 0)),
        ("input.shape[0]", put("input", "shape", [0, 32, 3])),
        ("input.shape[1]", put("input", "shape", [32, -1, 3])),
        ("input.shape", put("input", "shape", [10**9, 10**9, 3])),
        ("input.shape", put("input", "shape", [32, 32])),
        ("input.shape", put("input", "shape", "32")),
        ("input.shape[0]", put("input", "shape", [32.5, 32, 3])),
        ("input.resize", put("input", "resize", "squeeze")),
        ("tasks", lambda values: [permuted(values), values.pop("heads_sha256")]),
        ("heads_sha256", one_head_per_task_permuted),
        ("tasks.tram", put("heads", "tasks", ["car", "bus"])),
        ("heads.tasks[3]", put("heads", "tasks", [*TASKS, "taxi"])),
        ("tasks.car", put("heads", "other", ["car"])),
        ("tasks.car.calibration.scale", put("tasks", "car", "calibration", "scale", math.inf)),
        ("tasks.car.calibration.scale", put("tasks", "car", "calibration", "scale", math.nan)),
        ("tasks.car.calibration.offset", put("tasks", "car", "calibration", "offset", "1")),
        ("tasks.bus.threshold", put("tasks", "bus", "threshold", 1.5)),
        ("tasks.bus.threshold", put("tasks", "bus", "threshold", -0.1)),
        ("tasks.bus.threshold", put("tasks", "bus", "threshold", "0.5")),
        ("tasks.bus.treshold", put("tasks", "bus", "treshold", 0.5)),
        ("tasks", put("tasks", {})),
        ("data.column", put("data", "column", 7)),
        ("evidence.regularization", put("evidence", "regularization", [1, 2])),
        ("backbone.trained", put("backbone", "trained", "no")),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(
    key: str, change: Any, read: Callable[[Any], Bundle]
) -> None:
    with pytest.raises(RunError, match="cannot be used") as refused:
        read(change)
    assert refused.value.problems[0].startswith(f"{key}: ")


def test_text_that_cannot_be_written_is_refused(read: Callable[[Any], Bundle]) -> None:
    with pytest.raises(RunError, match="surrogates not allowed"):
        read(put("backbone", "id", "\ud800"))


def test_deep_and_large_json_is_refused(
    read: Callable[[Any], Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError, match="nested too deeply"):
        read(lambda values: "[" * 100_000)
    with pytest.raises(RunError, match="nested too deeply"):
        read(put("evidence", "features", json.loads('{"a": ' * 60 + "1" + "}" * 60)))
    monkeypatch.setitem(read_json.__kwdefaults__, "max_bytes", 100)
    with pytest.raises(RunError, match="at most 100 are read"):
        read(lambda values: None)


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_bundle_is_read_or_refused(
    seed: int, written: RunLayout, read: Callable[[Any], Bundle]
) -> None:
    draw = random.Random(seed)
    original = json.loads(written.bundle.read_text())
    for _ in range(200):
        values = mutated(original, draw)
        try:
            read(lambda _, values=values: json.dumps(values))
        except KerastlError:
            continue


def model_of(
    heads: dict[str, tuple[str, ...]], shape: tuple[int, ...] = (32, 32, 3)
) -> keras.Model:
    """A model with heads and without a backbone."""
    raw = keras.Input(shape, name="image" if len(shape) == 3 else "audio")
    features = keras.layers.Flatten()(raw)
    outputs = {
        name: Probabilities(tasks, name=name)(
            keras.layers.Dense(len(tasks), name=f"{name}_logits")(features)
        )
        for name, tasks in heads.items()
    }
    return keras.Model(raw, outputs)


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("heads.tasks", {"heads": {"tasks": ("bus", "car", "tram")}}),
        ("heads.tasks", {"heads": {"tasks": ("car", "bus")}}),
        ("heads.tasks", {"heads": {"tasks": (*TASKS, "taxi")}}),
        ("heads.car", {"heads": {task: (task,) for task in TASKS}}),
        ("input.shape", {"heads": {"tasks": TASKS}, "shape": (16, 16, 3)}),
        ("input.modality", {"heads": {"tasks": TASKS}, "shape": (400,)}),
    ],
)
def test_the_model_of_another_run_is_refused_with_the_key(
    key: str, model: dict[str, Any], read: Callable[[Any], Bundle]
) -> None:
    bundle = read(lambda values: None)
    refuse_other_model(model_of({"tasks": TASKS}), bundle, where=Path("run"))
    with pytest.raises(RunError, match="not of one run") as refused:
        refuse_other_model(model_of(**model), bundle, where=Path("run"))
    assert key in [problem.partition(":")[0] for problem in refused.value.problems]


def test_the_evidence_of_a_training_is_read_as_it_was_written() -> None:
    agreement = Agreement(num_examples=64, difference=0.5, limit=0.1, per_second=None)
    found = TrainingEvidence(
        training=PassFacts(engine="keras float32", examples=3, computed=0),
        agreement={"openvino float32": agreement},
        largest_probability_difference={"openvino float32": 0.0},
        auto=AutoDecision(
            labels=ValidationLabels(positives={"car": 1}, negatives={"car": 2}),
            trained=False,
            reason="not clearly better on validation",
            seconds={"frozen": 1.5},
        ),
    )
    stored = json.loads(Evidence(features=found).model_dump_json())
    assert stored["features"]["agreement"]["openvino float32"]["agrees"] is False
    assert Evidence.model_validate(stored).features == found
