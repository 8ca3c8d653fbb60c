"""Engines: used only if they agree with Keras, and not needed if they are not installed."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.features.engines import agreement, openvino_engine
from kerastl.features.engines.agreement import NUM_EXAMPLES, compare_features
from kerastl.features.engines.engine import EngineName
from kerastl.features.engines.keras_engine import KerasEngine
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.offered import offered_engines
from kerastl.features.engines.selection import OPENVINO_HINT, EngineSelector
from kerastl.features.network import REFERENCE, Network, multiply_adds
from kerastl.progress import Progress
from kerastl.records import to_values

UINT8 = np.dtype(np.uint8)
needs_openvino = pytest.mark.skipif(
    not openvino_engine.is_installed(), reason="OpenVINO isn't installed: kerastl[fast]"
)


class Notes(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def network(small_backbone) -> keras.Model:
    return small_backbone.model


def images(num: int = NUM_EXAMPLES, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, 32, 32, 3), np.uint8)


def output_of(engine, values: np.ndarray, size: int = 16) -> np.ndarray:
    batches = (values[begin : begin + size] for begin in range(0, len(values), size))
    return np.concatenate(list(engine.run(batches)))


def selector_for(
    network: keras.Model, folder: Path | None = None, requested: str = "openvino"
) -> tuple[EngineSelector, Notes]:
    notes = Notes()
    engines = NetworkEngines(
        network=Network.of(network), dtype=UINT8, sample=images, folder=folder, progress=notes
    )
    return EngineSelector(engines, requested), notes


@pytest.mark.parametrize("num_examples", [1, 10**6])
def test_keras_gives_the_same_with_and_without_tracing(
    network: keras.Model, num_examples: int
) -> None:
    values = images(20)
    expected = network(values.astype(np.float32), training=False)
    engine = KerasEngine(network, UINT8, num_examples=num_examples)
    np.testing.assert_allclose(output_of(engine, values), expected, atol=1e-5)


@needs_openvino
@pytest.mark.parametrize("size", [1, 5, 16])
def test_openvino_gives_every_example_its_own_output(network: keras.Model, size: int) -> None:
    values = images(37)
    reference = KerasEngine(network, UINT8, num_examples=100)
    engine = openvino_engine.OpenvinoEngine(
        openvino_engine.from_tensorflow(reference.concrete_function),
        "float32",
        reference.output_shape,
    )
    np.testing.assert_allclose(
        output_of(engine, values, size), output_of(reference, values), atol=1e-4, rtol=1e-4
    )


@needs_openvino
def test_an_engine_that_agrees_is_selected_and_its_agreement_is_noted(network: keras.Model) -> None:
    selector, notes = selector_for(network)
    assert selector.select("scores", 1000) == "openvino float32"
    verdict = selector.agreements["openvino float32"]
    assert verdict.num_examples >= 64
    assert verdict.difference < 1e-4
    assert "on 64 examples" in notes.texts[0]


@needs_openvino
def test_an_engine_that_differs_is_not_used(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"float32": -1.0, "bfloat16": -1.0}
    monkeypatch.setattr(agreement, "FEATURE_LIMITS", limits)
    selector, notes = selector_for(network)
    assert selector.select("training", 1000) == REFERENCE
    assert all("is not used" in text for text in notes.texts)


@needs_openvino
def test_what_was_found_is_known_to_the_next(network: keras.Model, tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "x"
    first, _ = selector_for(network, folder)
    first.select("scores", 1000)
    assert (folder / "model.xml").is_file()
    second, notes = selector_for(network, folder)
    assert second.select("scores", 1000) == "openvino float32"
    assert notes.texts == []  # nothing was compared again
    values = images(5)
    np.testing.assert_allclose(
        output_of(second.engines.engine("openvino float32"), values),
        output_of(KerasEngine(network, UINT8, num_examples=1), values),
        atol=1e-4,
    )


@needs_openvino
@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_stored_network_with_a_flipped_bit_is_converted_again(
    name: str, network: keras.Model, tmp_path: Path
) -> None:
    folder = tmp_path / "engines" / "x"
    function = KerasEngine(network, UINT8, num_examples=100).concrete_function
    convert = partial(openvino_engine.from_tensorflow, function)
    openvino_engine.converted(convert, folder)
    whole = (folder / "model.bin").read_bytes()
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    openvino_engine.converted(convert, folder)
    assert (folder / "model.bin").read_bytes() == whole
    openvino_engine.converted(lambda: pytest.fail("is stored"), folder)


@needs_openvino
def test_damaged_notes_of_earlier_runs_are_ignored(network: keras.Model, tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "x"
    selector_for(network, folder)[0].select("scores", 1000)
    (folder / "verdicts.json").write_text("{")
    selector, notes = selector_for(network, folder)
    assert selector.select("scores", 1000) == "openvino float32"
    assert "on 64 examples" in notes.texts[0]


@needs_openvino
def test_what_earlier_runs_found_does_not_decide_whether_an_engine_is_worth_it(
    network: keras.Model, tmp_path: Path
) -> None:
    folder = tmp_path / "engines" / "x"
    selector_for(network, folder)[0].select("scores", 1000)
    selector, _ = selector_for(network, folder, requested="auto")
    assert selector.select("scores", 10) == REFERENCE


@needs_openvino
def test_an_engine_that_this_machine_does_not_offer_is_not_used_though_an_earlier_run_knew_it(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "engines" / "x"
    selector_for(network, folder)[0].select("scores", 1000)
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    assert selector_for(network, folder)[0].select("scores", 1000) == REFERENCE


@needs_openvino
def test_a_network_that_cannot_be_converted_stays_with_keras_and_says_why(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such operation: Mystery\nand a long trace")

    monkeypatch.setattr(openvino_engine, "converted", fail)
    selector, notes = selector_for(network)
    assert selector.select("scores", 1000) == REFERENCE
    assert "openvino cannot run this network (no such operation: Mystery)." in notes.texts


def test_without_openvino_keras_does_it_with_one_line(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    selector, notes = selector_for(network)
    assert selector.select("training", 1000) == REFERENCE
    assert selector.select("scores", 1000) == REFERENCE
    assert notes.texts == [f"Keras computes the features. {OPENVINO_HINT}"]


def test_a_run_says_what_openvino_would_bring_only_if_it_is_worth_it(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    selector, notes = selector_for(network, requested="auto")
    assert selector.select("training", 100) == REFERENCE
    assert notes.texts == []
    selector.select("training", 10**9)
    assert notes.texts == [f"Keras computes the features. {OPENVINO_HINT}"]


def test_the_engines_on_offer_end_with_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered_engines().labels[-1] == REFERENCE
    monkeypatch.setattr(openvino_engine, "is_installed", lambda: False)
    assert offered_engines().labels == (REFERENCE,)


def test_keras_is_asked_for_and_used(network: keras.Model) -> None:
    selector, notes = selector_for(network, requested="keras")
    assert selector.select("training", 10**6) == REFERENCE
    assert notes.texts == []


def test_few_examples_are_not_worth_a_conversion(network: keras.Model) -> None:
    selector, notes = selector_for(network, requested="auto")
    assert selector.select("training", 100) == REFERENCE
    assert selector.select("scores", 10) == REFERENCE
    assert notes.texts == []


def test_multiplications_are_counted_per_place_and_kernel_value() -> None:
    raw = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same")(raw)  # 64 places of 3 * 3 * 3 * 4
    hidden = keras.layers.DepthwiseConv2D(3, 2, padding="same")(hidden)  # 16 of 3 * 3 * 4
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    network = keras.Model(raw, keras.layers.Dense(5)(hidden))  # 4 * 5
    assert multiply_adds(network) == 64 * 108 + 16 * 36 + 20
    nested = keras.Model(raw, network(raw))
    assert multiply_adds(nested) == multiply_adds(network)


def test_agreement_is_relative_to_what_varies_between_examples() -> None:
    reference = np.array([[100.0, 0.0], [102.0, 0.0]])
    verdict = compare_features(reference, reference + 0.1, "float32")
    assert verdict.difference == pytest.approx(0.1 / np.sqrt(0.5))
    assert not verdict.agrees
    assert compare_features(reference, reference.copy(), "float32").agrees


def test_verdicts_are_plain_values() -> None:
    verdict = compare_features(np.eye(3), np.eye(3), "bfloat16", per_second=7.0)
    assert json.loads(json.dumps(to_values(verdict)))["agrees"] is True


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_has_its_limits(precision: str) -> None:
    assert 0 < agreement.FEATURE_LIMITS[precision] <= 0.1
    assert 0 < agreement.PROBABILITY_LIMITS[precision] <= 0.1


def test_every_engine_that_can_be_asked_for_exists() -> None:
    from typing import get_args

    from kerastl.config.training_sections import Engine

    named = {*get_args(get_args(Engine)[0]), "onnxruntime"}  # which runs what is no Keras model
    assert named == set(get_args(EngineName))


@needs_openvino
def test_deleting_a_network_right_after_its_last_example_never_deadlocks() -> None:
    """In a process of its own, because what fails here hangs."""
    code = """
import numpy as np, openvino
from openvino import opset13 as ops
from kerastl.features.engines.openvino_engine import OpenvinoEngine
for _ in range(150):
    images = ops.parameter([-1, 4, 4, 3], np.float32)
    model = openvino.Model([ops.reduce_mean(images, np.array([1, 2]), False)], [images])
    engine = OpenvinoEngine(model, "float32", (3,))
    ones = np.ones((2, 4, 4, 3), np.float32)
    [output] = engine.run(iter([ones]))
    assert output.min() == output.max() == 1
    del engine
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@needs_openvino
def test_why_a_network_cannot_be_converted_is_said_once_and_in_words(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail(*_):
        calls.append(1)
        raise RuntimeError("Check failed at a.cpp:1\n-- No conversion rule found for: TensorList")

    monkeypatch.setattr(openvino_engine, "converted", fail)
    monkeypatch.setattr(openvino_engine, "precisions", lambda: ("bfloat16", "float32"))
    selector, notes = selector_for(network)
    assert selector.select("training", 10**6) == REFERENCE
    assert selector.select("scores", 10**6) == REFERENCE
    assert len(calls) == 1
    assert notes.texts == [
        "openvino cannot run this network (No conversion rule found for: TensorList)."
    ]
