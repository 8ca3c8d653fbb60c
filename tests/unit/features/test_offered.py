"""The engines that a machine offers, asked for once."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from kerastl.features.engines import offered
from kerastl.features.engines.offered import OfferedEngines, stored_offer
from kerastl.features.network import REFERENCE

CPU = OfferedEngines(labels=("openvino float32", REFERENCE), lacks_openvino=False)
GPU = OfferedEngines(labels=("xla float16", REFERENCE), lacks_openvino=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[OfferedEngines]:
    """The answers that were asked for, each by importing Keras; the last is given again."""
    answers = [CPU]

    def ask() -> OfferedEngines:
        answers.append(answers[-1])
        return answers[-1]

    monkeypatch.setattr(offered, "offered_engines", ask)
    monkeypatch.setattr(offered, "sys", SimpleNamespace(modules={}))
    monkeypatch.setattr(offered, "_gpu_files", list)
    return answers


def num_asked(asked: list[OfferedEngines]) -> int:
    return len(asked) - 1


def test_the_engines_are_asked_for_once(tmp_path: Path, asked: list[OfferedEngines]) -> None:
    assert stored_offer(tmp_path) == stored_offer(tmp_path) == CPU
    assert num_asked(asked) == 1


def test_without_a_cache_the_engines_are_asked_for_each_time(asked: list[OfferedEngines]) -> None:
    assert stored_offer(None) == stored_offer(None) == CPU
    assert num_asked(asked) == 2


@pytest.mark.parametrize("name", ["_machine", "keras_settings", "_gpu_files"])
def test_on_another_machine_the_engines_are_asked_for_again(
    tmp_path: Path, asked: list[OfferedEngines], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stored_offer(tmp_path)
    other = {"versions": ["1"]} if name == "keras_settings" else ["/dev/other"]
    monkeypatch.setattr(offered, name, lambda: other)
    stored_offer(tmp_path)
    assert num_asked(asked) == 2


@pytest.mark.parametrize(("answer", "times"), [(CPU, 2), (GPU, 1)])
def test_a_gpu_that_tensorflow_does_not_use_is_asked_for_again(
    tmp_path: Path,
    asked: list[OfferedEngines],
    monkeypatch: pytest.MonkeyPatch,
    answer: OfferedEngines,
    times: int,
) -> None:
    monkeypatch.setattr(offered, "_gpu_files", lambda: ["/dev/nvidia0"])
    asked[:] = [answer]
    assert stored_offer(tmp_path) == stored_offer(tmp_path) == answer
    assert num_asked(asked) == times


def test_a_program_that_has_imported_keras_is_asked(
    tmp_path: Path, asked: list[OfferedEngines], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_offer(tmp_path)
    monkeypatch.setattr(offered, "sys", SimpleNamespace(modules={"keras": None}))
    stored_offer(tmp_path)
    assert num_asked(asked) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1, "offered": {"labels": 3}}'])
def test_a_damaged_answer_is_asked_for_again(
    tmp_path: Path, asked: list[OfferedEngines], text: str
) -> None:
    stored_offer(tmp_path)
    (tmp_path / "offered.json").write_text(text)
    assert stored_offer(tmp_path) == CPU
    assert num_asked(asked) == 2
