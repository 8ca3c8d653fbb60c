"""`Run.predict` of what is in memory: arrays, bytes, PIL images and DataFrames."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from PIL import Image

import kerastl
from kerastl.errors import MediaError, RunError, TableError
from kerastl.runs import Run

RATE_HZ = 8000


def trained(config: dict[str, Any], folder: Path) -> Run:
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "config.yaml", output=folder / "run")


@pytest.fixture(scope="module")
def run(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(
        {
            "data": {
                "table": str(bright_images / "table.csv"),
                "image": "path",
                "tasks": ["bright", "red"],
            },
            "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
            "evaluation": {"bootstrap": 0},
        },
        tmp_path_factory.mktemp("images"),
    )


@pytest.fixture(scope="module")
def audio_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("audio")
    random = np.random.default_rng(0)
    for number in range(24):
        loudness = 0.4 if number % 2 else 0.05
        samples = loudness * random.standard_normal(4000)
        soundfile.write(folder / f"{number}.wav", samples, RATE_HZ, subtype="FLOAT")
    table = pd.DataFrame({"path": [f"{n}.wav" for n in range(24)], "loud": [0, 1] * 12})
    table.to_csv(folder / "table.csv", index=False)
    return trained(
        {
            "data": {"table": str(folder / "table.csv"), "audio": "path", "tasks": ["loud"]},
            "backbone": {"name": "tiny:speech", "weights": None, "input_size": 4000},
            "evaluation": {"bootstrap": 0},
        },
        folder,
    )


def probabilities(frame: pd.DataFrame, task: str = "bright") -> list[float]:
    assert frame["error"].isna().all(), frame["error"]
    return [float(value) for value in frame[task]]


def test_every_form_of_an_image_has_the_probabilities_of_its_file(
    run: Run, bright_images: Path
) -> None:
    paths = [bright_images / f"{number:02d}.png" for number in range(3)]
    expected = pytest.approx(probabilities(run.predict(paths)), abs=1e-6)
    arrays = [np.asarray(Image.open(path)) for path in paths]
    forms: dict[str, Any] = {
        "arrays": arrays,
        "PIL images": [Image.open(path) for path in paths],
        "bytes": [path.read_bytes() for path in paths],
        "mixed": [str(paths[0]), arrays[1], paths[2].read_bytes()],
        "a table of paths": pd.DataFrame({"path": map(str, paths)}),
        "a table of values": pd.DataFrame({"path": [arrays[0], Image.open(paths[1]), paths[2]]}),
        "a table of `datasets`": pd.DataFrame(
            {
                "path": [
                    {"bytes": paths[0].read_bytes(), "path": "a.png"},
                    {"bytes": None, "path": str(paths[1])},
                    {"bytes": paths[2].read_bytes(), "path": None},
                ]
            }
        ),
        "a table of bytes": pd.DataFrame({"path": [path.read_bytes() for path in paths]}),
        "a generator": (array for array in arrays),
    }
    found = {name: probabilities(run.predict(given)) for name, given in forms.items()}
    assert all(values == expected for values in found.values()), found


def test_the_names_of_values_are_their_places(run: Run, bright_images: Path) -> None:
    path = bright_images / "00.png"
    array = np.asarray(Image.open(path))
    assert list(run.predict(array)["path"]) == ["inputs"]
    assert list(run.predict([path, array])["path"]) == [str(path), "inputs[1]"]
    frame = pd.DataFrame({"path": [array, str(path)]})
    assert list(run.predict(frame)["path"]) == ["inputs, row 1", str(path)]


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "I;16", "LA"])
def test_a_pil_image_of_any_mode_is_read_as_its_file(
    run: Run, mode: str, tmp_path: Path, bright_images: Path
) -> None:
    image = Image.open(bright_images / "01.png").convert("RGB")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    opened = Image.open(path)
    expected = probabilities(run.predict(path))
    assert probabilities(run.predict(opened)) == pytest.approx(expected, abs=1e-4)


def test_the_orientation_of_a_pil_image_counts(run: Run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.linspace(0, 255, 40 * 60 * 3).reshape(40, 60, 3).astype(np.uint8))
    image.save(tmp_path / "a.png", exif=exif)
    expected = probabilities(run.predict(tmp_path / "a.png"))
    assert probabilities(run.predict(Image.open(tmp_path / "a.png"))) == pytest.approx(expected)


def test_damaged_bytes_keep_their_row_with_the_reason(run: Run, bright_images: Path) -> None:
    data = (bright_images / "00.png").read_bytes()
    found = run.predict([data, data[:100], b""])
    assert list(found["error"].isna()) == [True, False, False]
    assert np.isnan(found["bright"][1])


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (np.zeros((8, 8, 3)), "ndarray of float64, shape (8, 8, 3)"),
        (np.zeros((8, 8), np.uint8), "ndarray of uint8, shape (8, 8)"),
        (np.zeros((2, 8, 8, 3), np.uint8), "ndarray of uint8, shape (2, 8, 8, 3)"),
        (3, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_refused_with_what_it_is(run: Run, value: Any, received: str) -> None:
    with pytest.raises(RunError, match="Something to predict is no image") as refused:
        run.predict([value])
    assert refused.value.parts["received"] == received
    assert refused.value.parts["where"] == "inputs[0]"
    assert "uint8 arrays of shape (height, width, 3)" in str(refused.value.parts["expected"])


def test_waveforms_are_samples_at_the_rate_of_the_run(audio_run: Run) -> None:
    folder = audio_run.path.parent
    paths = [folder / f"{number}.wav" for number in range(4)]
    rate_hz = audio_run.bundle.input.recording_rate_hz
    expected = probabilities(audio_run.predict(paths), "loud")
    from kerastl_runtime.audio.decoding import read_audio

    waveforms = [read_audio(path, rate_hz=int(rate_hz or 0)) for path in paths]
    found = probabilities(audio_run.predict(waveforms), "loud")
    assert found == pytest.approx(expected, abs=1e-4)
    of_bytes = audio_run.predict([path.read_bytes() for path in paths])
    assert probabilities(of_bytes, "loud") == pytest.approx(expected, abs=1e-6)
    wrong = np.zeros((2, 100), np.float32)
    with pytest.raises(RunError, match="Something to predict is no audio clip"):
        audio_run.predict([wrong])
    detections = audio_run.listen([waveforms[0]])
    assert detections["error"].isna().all()


def test_a_row_of_a_dataframe_can_be_a_part_of_a_recording(audio_run: Run) -> None:
    path = str(audio_run.path.parent / "1.wav")
    frame = pd.DataFrame(
        {"path": [path, path], "start_seconds": [0, 0.2], "end_seconds": [0.2, 0.4]}
    )
    found = audio_run.predict(frame)
    assert list(found["start_seconds"]) == [0, 0.2]
    assert found["loud"].notna().all()


def test_a_dataframe_needs_the_column_and_a_url_a_scheme_that_is_read(run: Run) -> None:
    with pytest.raises(TableError, match="lacks the column 'path'"):
        run.predict(pd.DataFrame({"file": ["a.png"]}))
    with pytest.raises(MediaError, match="Files at 'ftp://' are not read"):
        run.predict("ftp://host/a.png")
    with pytest.raises(RunError, match="There is nothing to predict"):
        run.predict([])


def test_bytes_may_come_from_any_buffer(run: Run, bright_images: Path) -> None:
    data = (bright_images / "00.png").read_bytes()
    forms = [bytearray(data), memoryview(data), io.BytesIO(data).getbuffer()]
    assert len(set(probabilities(run.predict(forms)))) == 1
