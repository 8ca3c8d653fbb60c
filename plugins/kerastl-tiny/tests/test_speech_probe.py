"""The benchmark of `tiny:speech` on tables made up for it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import soundfile

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "tiny_speech_probe.py"
PITCHES_HZ = {"kw_low": 200.0, "kw_middle": 700.0, "kw_high": 2500.0}


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_speech_probe", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with data/commands: four speakers hum three pitches three times each."""
    folder = tmp_path / "data" / "commands"
    folder.mkdir(parents=True)
    rng, time, rows = np.random.default_rng(0), np.arange(8_000) / 16_000, []
    for speaker in range(4):
        for word, pitch in PITCHES_HZ.items():
            for take in range(3):
                tone = np.sin(2 * np.pi * pitch * rng.uniform(0.95, 1.05) * time)
                name = f"{word}_{speaker}_{take}.wav"
                soundfile.write(folder / name, 0.3 * tone + rng.normal(0, 0.01, 8_000), 16_000)
                answers = {other: int(other == word) for other in PITCHES_HZ}
                rows.append({"path": name, "speaker": speaker, **answers})
    pd.DataFrame(rows).to_csv(folder / "commands.csv", index=False)
    return tmp_path


@pytest.mark.slow
def test_a_table_that_is_right_is_measured(
    benchmark: ModuleType, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--table", "commands", "--labels", "5", "--seeds", "2", "--word", "1"]
    benchmark.main(["--shared", str(shared), *options, "--scratch", "none"])
    lines = capsys.readouterr().out.splitlines()
    title = "commands: 5 clips of the word and 5 others, unseen speakers, 2 seeds"
    assert title in lines
    assert "| features | kw_middle | mean of 3 words |" in lines
    frozen = next(line for line in lines if line.startswith("| tiny:speech, frozen"))
    assert float(frozen.split("|")[3].split()[0]) > 0.9


def test_a_table_that_contradicts_itself_is_named_and_left_out(
    benchmark: ModuleType, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared / "data" / "commands" / "commands.csv"
    table = pd.read_csv(path)
    words = list(PITCHES_HZ)
    wrong = table.head(2).assign(**dict(zip(words, (0, 0, 1), strict=True)))
    pd.concat([table, wrong]).to_csv(path, index=False)
    benchmark.main(["--shared", str(shared), "--table", "commands"])
    assert capsys.readouterr().out.splitlines() == [
        "",
        "commands: nothing to measure. 38 rows name 36 files, and 2 of them have rows that "
        "contradict each other.",
    ]


def test_scored_speakers_are_others_and_labels_are_of_both_kinds(
    benchmark: ModuleType, shared: Path
) -> None:
    data = benchmark.load_table(shared / "data", "commands")
    for drawn in benchmark.draws(data, num_labels=5, num_seeds=2):
        heard, scored = (set(data.speakers[rows]) for rows in (drawn.labelled, drawn.scored))
        assert heard & scored == set()
        assert data.labels[drawn.labelled, drawn.word].tolist() == [1.0] * 5 + [0.0] * 5
