"""Features of several views: equal to the model's, each view computed and cached once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerastl.backbones import Backbone
from kerastl.backbones.views import Views
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, find_layer, head_model
from kerastl.media.image.settings import ImageContract
from kerastl.media.view import View
from kerastl.progress import Progress

NUM = 12
FLIPS = (View(), View(is_mirrored=True))
SIZES = (*FLIPS, View(size=(16, 16)), View(size=(16, 16), is_mirrored=True))


class Notes(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    @property
    def computed(self) -> list[int]:
        """Number of examples that were computed for each view, in order."""
        notes = [text for text in self.texts if text.startswith("Features for scores")]
        return [int(text.split(", ")[1].split()[0]) if "by keras" in text else 0 for text in notes]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    found = [tmp_path / f"{number}.png" for number in range(NUM)]
    for path in found:
        Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    return found


def with_views(backbone: Backbone, views: tuple[View, ...]) -> Backbone:
    return Backbone(backbone.model, stages=backbone.stages, views=Views(views=views))


def inputs_of(paths: list[Path]) -> FileInputs:
    return FileInputs(paths, ImageContract(shape=(32, 32, 3)))


@pytest.mark.parametrize("views", [(View(),), FLIPS, SIZES], ids=["one", "flips", "sizes"])
def test_features_of_files_are_those_of_the_layer(
    small_backbone: Backbone, paths: list[Path], tmp_path: Path, views: tuple[View, ...]
) -> None:
    backbone, inputs = with_views(small_backbone, views), inputs_of(paths)
    for _ in range(2):  # computed, then cached
        found = FeatureSource(cache=tmp_path / "cache", engine="keras").features_of(
            backbone, inputs
        )
        expected = backbone(inputs.take(np.arange(NUM)).astype(np.float32))
        np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4)


def test_another_view_is_computed_alone(
    small_backbone: Backbone, paths: list[Path], tmp_path: Path
) -> None:
    source = FeatureSource(cache=tmp_path / "cache", engine="keras")
    for views, expected in ((FLIPS[:1], [NUM]), (FLIPS, [0, NUM]), (SIZES, [0, 0, NUM, NUM])):
        notes = Notes()
        source.features_of(with_views(small_backbone, views), inputs_of(paths), progress=notes)
        assert notes.computed == expected


def test_features_of_arrays_have_views_too(small_backbone: Backbone) -> None:
    values = np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    backbone = with_views(small_backbone, FLIPS)
    found = FeatureSource(engine="keras").features_of(backbone, ArrayInputs(values))
    np.testing.assert_allclose(found.values, backbone(values), rtol=1e-3, atol=1e-4)


def test_the_precision_of_all_views_is_compared_with_keras(paths: list[Path]) -> None:
    pytest.importorskip("openvino")
    model = build_model(
        "tiny:image", ["a"], input_size=32, features={"sizes": [32], "flips": True}, seed=0
    )
    found = FeatureSource(engine="openvino").features_of(find_layer(model), inputs_of(paths))
    differences = found.probability_differences(head_model(model))
    assert list(differences) == ["openvino float32"]
    assert 0 <= differences["openvino float32"] < 1e-3
    again = found.extract_without(["openvino float32"])
    assert again.facts.scores.engine == "keras float32"
    np.testing.assert_allclose(again.values, found.values, atol=0.02)
