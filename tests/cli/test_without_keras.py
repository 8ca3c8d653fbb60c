"""`kerastl train` of a frozen backbone does not import Keras if everything is in the cache."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

SCRIPT = """
import json, pathlib, sys
from kerastl.cli import main
try:
    main(sys.argv[2:])
finally:
    pathlib.Path(sys.argv[1]).write_text(json.dumps(list(sys.modules)))
"""


@dataclass(frozen=True)
class Process:
    """A command that has ended."""

    code: int
    err: str
    modules: list[str]  # that it imported

    @property
    def heavy(self) -> list[str]:
        """What it imported of Keras and TensorFlow."""
        return [name for name in ("keras", "tensorflow") if name in self.modules]


@dataclass(frozen=True)
class Home:
    """A folder with a config and a cache."""

    folder: Path

    def run(self, *args: str) -> Process:
        report = self.folder / "modules.json"
        cache = {"KERASTL_CACHE": str(self.folder / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(report), *args],
            env={**os.environ, **cache},
            capture_output=True,
            text=True,
        )
        return Process(done.returncode, done.stderr, json.loads(report.read_text()))

    def train(self, run: str, *more: str) -> Process:
        config, output = str(self.folder / "bright.yaml"), str(self.folder / run)
        done = self.run("train", config, "-o", output, *more)
        assert done.code == 0, done.err
        return done

    def values(self, run: str, name: str) -> dict[str, object]:
        return json.loads((self.folder / run / name).read_text())

    @property
    def stored_model(self) -> Path:
        (path,) = (self.folder / "cache" / "models").glob("*/model.keras")
        return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bright_images: Path) -> Home:
    """A folder in which the run `cold` was trained."""
    made = Home(tmp_path_factory.mktemp("home"))
    settings = {
        "data": {
            "table": str(bright_images / "table.csv"),
            "image": "path",
            "tasks": ["bright", "red"],
        },
        "backbone": {"name": "tiny:image", "input_size": 32},
        "features": {"flips": True},
        "heads": "multi",
    }
    (made.folder / "bright.yaml").write_text(yaml.safe_dump(settings))
    assert made.train("cold").heavy == ["keras", "tensorflow"]
    return made


def logits_of(home: Home, run: str) -> np.ndarray:
    predictions = pd.read_parquet(home.folder / run / "predictions.parquet")
    return predictions[["bright_logit", "red_logit"]].to_numpy()


def assert_same_run(home: Home, run: str) -> None:
    """Asserts that a run has the results and the model of the cold one."""
    from kerastl.run.models import load_model

    np.testing.assert_allclose(logits_of(home, run), logits_of(home, "cold"), atol=1e-5)
    volatile = ("created", "origin", "evidence")
    bundles = [home.values(name, "bundle.json") for name in (run, "cold")]
    first, second = ({k: v for k, v in b.items() if k not in volatile} for b in bundles)
    assert first == second
    models = [load_model(home.folder / name) for name in (run, "cold")]
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    outputs = [model(images) for model in models]
    for task in ("bright", "red"):
        np.testing.assert_allclose(outputs[0][task], outputs[1][task], atol=1e-6)


def test_a_second_training_imports_no_keras_and_gives_the_same_run(home: Home) -> None:
    assert home.train("warm").heavy == []
    assert_same_run(home, "warm")
    files = sorted(path.name for path in (home.folder / "cold").iterdir())
    assert sorted(path.name for path in (home.folder / "warm").iterdir()) == files


def test_the_stored_model_gets_the_heads_of_each_run(home: Home) -> None:
    from kerastl.run.models import load_model

    assert home.train("strong", "--set", "fit.regularization=10.0").heavy == []
    model = load_model(home.folder / "strong")
    cold = load_model(home.folder / "cold")
    kernels = [np.abs(m.get_layer("red_logits").kernel).sum() for m in (model, cold)]
    assert kernels[0] < 0.5 * kernels[1]


def test_a_damaged_stored_model_is_built_again(home: Home) -> None:
    content = bytearray(home.stored_model.read_bytes())
    content[len(content) // 2] ^= 1
    home.stored_model.write_bytes(content)
    assert home.train("damaged").heavy == ["keras", "tensorflow"]
    assert_same_run(home, "damaged")


def test_a_new_image_still_passes_through_the_network(home: Home, bright_images: Path) -> None:
    frame = pd.read_csv(bright_images / "table.csv")
    frame["path"] = [str(bright_images / path) for path in frame["path"]]
    new = home.folder / "new.png"
    Image.new("RGB", (40, 40), (200, 40, 40)).save(new)
    frame.loc[len(frame)] = [str(new), 0, 1, "s"]
    frame.to_csv(home.folder / "more.csv", index=False)
    table = f"data.table={home.folder / 'more.csv'}"
    assert home.train("more", "--set", table).heavy == ["keras", "tensorflow"]
    assert np.isfinite(logits_of(home, "more")).all()


@pytest.mark.parametrize("change", ["data.tasks=[blue]", "backbone.name=tiny:x"])
def test_an_error_in_the_table_or_the_backbone_imports_no_keras(home: Home, change: str) -> None:
    done = home.run("train", str(home.folder / "bright.yaml"), "--set", change)
    assert (done.code, done.heavy) == (2, [])


def test_an_error_in_the_config_is_shown_before_anything_large_is_imported(home: Home) -> None:
    done = home.run("train", str(home.folder / "bright.yaml"), "--set", "bakbone=x")
    assert done.code == 2
    assert not {"keras", "numpy", "pandas", "tensorflow"} & {*done.modules}
