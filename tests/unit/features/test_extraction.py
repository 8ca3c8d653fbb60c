"""Features of files: computed once, found by content, never stale, in the right precision."""

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kerastl.backbones.fingerprints import network_fingerprint
from kerastl.data.inputs.streams import FileInputs
from kerastl.errors import MediaError
from kerastl.features import extraction
from kerastl.features.cache import file_hashes
from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.pruning import clear, list_entries
from kerastl.features.cache.row_file import read_row_file
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.agreement import engines_above_limit
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.extraction import Extraction
from kerastl.features.source import FeatureSource
from kerastl.media.image.settings import ImageContract
from kerastl.progress import Progress
from kerastl_runtime.image import decoding as images
from kerastl_runtime.media_file import MediaFile, as_file

CONTRACT = ImageContract(shape=(32, 32, 3))
NUM = 70
needs_openvino = pytest.mark.skipif(
    not openvino_engine.is_installed(), reason="OpenVINO isn't installed: kerastl[fast]"
)


class Notes(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def draw(path: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def network(small_backbone) -> keras.Model:
    return small_backbone.model


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(file_hashes, "_RACY_NS", -(10**10))
    folder = tmp_path / "images"
    folder.mkdir()
    return [draw(folder / f"{n:02d}.png", n) for n in range(NUM)]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read and decoded."""
    names: list[str] = []
    read = images.read_image_file

    def noting(file: MediaFile) -> bytes:
        names.append(file.name)
        return read(file)

    monkeypatch.setattr(images, "read_image_file", noting)
    return names


def extract(network: keras.Model, paths: list[Path], cache: Path | None, **more) -> Extraction:
    source = FeatureSource(
        cache=cache, engine=more.pop("engine", "keras"), is_whole=more.pop("is_whole", False)
    )
    return source.extract(network, FileInputs(paths, CONTRACT), **more)


def test_the_second_time_no_file_is_read(
    network: keras.Model, paths: list[Path], cache: Path, decoded: list[str]
) -> None:
    first = extract(network, paths, cache)
    assert sorted(decoded) == [path.name for path in paths]
    decoded.clear()
    second = extract(network, paths, cache)
    assert decoded == []
    np.testing.assert_array_equal(first.values, second.values)
    assert second.facts.scores.computed == 0


def test_a_resumed_training_uses_all_cached_features_or_none(
    network: keras.Model, paths: list[Path], cache: Path, decoded: list[str]
) -> None:
    extract(network, paths[:9], cache)
    again = extract(network, paths, cache, is_whole=True)
    assert again.facts.scores.computed == NUM
    decoded.clear()
    extract(network, paths, cache, is_whole=True)
    assert decoded == []


def test_the_features_are_those_of_the_network(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    values = FileInputs(paths, CONTRACT).take(np.arange(NUM)).astype(np.float32)
    expected = network(values, training=False)
    np.testing.assert_allclose(extract(network, paths, cache).values, expected, atol=1e-5)
    np.testing.assert_allclose(extract(network, paths, cache).values, expected, atol=1e-5)


def test_a_file_is_found_by_its_bytes_under_any_name(
    network: keras.Model, paths: list[Path], cache: Path, tmp_path: Path, decoded: list[str]
) -> None:
    first = extract(network, paths, cache)
    decoded.clear()
    copies = [Path(shutil.copy(path, tmp_path / f"copy-{path.name}")) for path in paths]
    second = extract(network, copies[::-1], cache)
    assert decoded == []
    np.testing.assert_array_equal(second.values, first.values[::-1])


def test_a_changed_file_is_computed_anew_though_size_and_time_are_the_same(
    network: keras.Model, paths: list[Path], cache: Path, tmp_path: Path, decoded: list[str]
) -> None:
    old = extract(network, paths, cache).values
    before = paths[3].stat()
    bmp = [draw(tmp_path / f"{n}.bmp", n) for n in (200, 201)]
    paths[3].write_bytes(bmp[0].read_bytes())
    extract(network, paths, cache)
    before = paths[3].stat()
    paths[3].write_bytes(bmp[1].read_bytes())
    os.utime(paths[3], ns=(before.st_atime_ns, before.st_mtime_ns))
    decoded.clear()
    new = extract(network, paths, cache).values
    assert decoded == [paths[3].name]
    expected = extract(network, [bmp[1]], None).values[0]
    np.testing.assert_allclose(new[3], expected, atol=1e-5)
    np.testing.assert_array_equal(np.delete(new, 3, axis=0), np.delete(old, 3, axis=0))


def test_a_file_that_changes_while_it_is_read_is_kept_under_what_was_read(
    network: keras.Model, paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(network, paths[:5], cache)
    other = draw(paths[0].with_name("other.png"), 99)
    read = images.read_image_file
    changing = as_file(paths[9])
    monkeypatch.setattr(
        images, "read_image_file", lambda file: read(other if file == changing else file)
    )
    extract(network, [*paths[:5], paths[9]], cache)
    monkeypatch.undo()
    expected = extract(network, [paths[9]], None).values
    np.testing.assert_allclose(extract(network, [paths[9]], cache).values, expected, atol=1e-5)


def test_other_weights_share_nothing(
    network: keras.Model, paths: list[Path], cache: Path, decoded: list[str]
) -> None:
    first = extract(network, paths, cache).values
    decoded.clear()
    network.set_weights([weights * 1.1 for weights in network.get_weights()])
    second = extract(network, paths, cache).values
    assert len(decoded) == NUM
    assert np.abs(first - second).max() > 1e-3


def test_another_resizing_shares_nothing(
    network: keras.Model, paths: list[Path], cache: Path, decoded: list[str]
) -> None:
    extract(network, paths, cache)
    decoded.clear()
    other = CONTRACT.model_copy(update={"resize": "pad"})
    FeatureSource(cache=cache, engine="keras").extract(network, FileInputs(paths, other))
    assert len(decoded) == NUM


def test_an_unreadable_file_is_collected_and_never_kept(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    paths[4].write_bytes(b"not an image")
    for _ in range(2):
        inputs = FileInputs(paths, CONTRACT, on_error="collect")
        FeatureSource(cache=cache, engine="keras").extract(network, inputs)
        assert list(inputs.errors) == [4]
    with pytest.raises(MediaError):
        extract(network, paths, cache)


def test_a_file_that_is_gone_is_not_served_from_the_cache(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    extract(network, paths, cache)
    paths[2].unlink()
    with pytest.raises(MediaError, match="does not exist"):
        extract(network, paths, cache)


def test_without_a_cache_nothing_is_written(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    extract(network, paths, None)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_warns_and_the_features_are_there(
    network: keras.Model, paths: list[Path], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    notes = Notes()
    values = extract(network, paths, blocked / "cache", progress=notes).values
    assert np.abs(values).max() > 0
    assert len(notes.warnings) == 1
    assert "continuing without it" in notes.warnings[0]


def test_arrays_are_extracted_without_a_cache(network: keras.Model, cache: Path) -> None:
    from kerastl.data.inputs.batches import ArrayInputs

    values = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), np.uint8)
    found = FeatureSource(cache=cache, engine="keras").extract(network, ArrayInputs(values))
    np.testing.assert_allclose(
        found.values, network(values.astype(np.float32), training=False), atol=1e-5
    )
    assert not cache.exists()


@needs_openvino
def test_what_is_scored_never_comes_from_reduced_precision(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    is_scored = np.arange(NUM) % 2 == 0
    found = extract(network, paths, cache, is_scored=is_scored, engine="openvino")
    assert found.facts.scores.engine == "openvino float32"
    reference = extract(network, paths, None).values
    np.testing.assert_allclose(found.values[is_scored], reference[is_scored], rtol=1e-3, atol=1e-4)
    # Now the other half is scored, and features for training must not be used for it.
    swapped = extract(network, paths, cache, is_scored=~is_scored, engine="openvino")
    np.testing.assert_allclose(
        swapped.values[~is_scored], reference[~is_scored], rtol=1e-3, atol=1e-4
    )


@needs_openvino
@pytest.mark.parametrize(("wanted", "cached_by"), [("openvino", "keras"), ("keras", "openvino")])
@pytest.mark.parametrize("is_scored", [True, False])
def test_features_are_those_of_the_engine_that_is_asked_for_whatever_is_cached(
    network: keras.Model,
    paths: list[Path],
    cache: Path,
    tmp_path: Path,
    wanted: str,
    cached_by: str,
    is_scored: bool,
) -> None:
    scored = np.full(NUM, is_scored)
    cold = extract(network, paths, tmp_path / "empty", is_scored=scored, engine=wanted)
    extract(network, paths, cache, is_scored=scored, engine=cached_by)
    warm = extract(network, paths, cache, is_scored=scored, engine=wanted)
    np.testing.assert_array_equal(warm.values, cold.values)
    facts = warm.facts.scores if is_scored else warm.facts.training
    assert facts.engine.startswith(wanted)


@needs_openvino
def test_few_examples_are_not_taken_from_the_engine_of_an_earlier_run(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    extract(network, paths, cache, engine="openvino")
    found = extract(network, paths[:5], cache, engine="auto")
    assert found.facts.scores.engine == "keras float32"
    np.testing.assert_array_equal(found.values, extract(network, paths[:5], None).values)


@needs_openvino
def test_probabilities_are_compared_with_those_of_keras_warm_and_cold(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    raw = keras.Input(network.output_shape[1:])
    heads = keras.Model(raw, keras.layers.Dense(2, name="tasks_logits")(raw))
    is_scored = np.arange(NUM) % 2 == 0
    cold = extract(network, paths, cache, is_scored=is_scored, engine="openvino")
    first = cold.probability_differences(heads)
    assert first["openvino float32"] < 1e-3
    warm = extract(network, paths, cache, is_scored=is_scored, engine="openvino")
    assert warm.facts.scores.computed == 0
    second = warm.probability_differences(heads)
    assert second == pytest.approx(first, abs=1e-4)


@needs_openvino
def test_the_sample_that_engines_were_compared_on_is_not_computed_again(
    network: keras.Model, paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = keras.Input(network.output_shape[1:])
    heads = keras.Model(raw, keras.layers.Dense(2, name="tasks_logits")(raw))
    is_scored = np.arange(NUM) % 2 == 0

    def again(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    cold = extract(network, paths, cache, is_scored=is_scored, engine="openvino")
    monkeypatch.setattr(extraction, "FeatureComputation", again)
    first = cold.probability_differences(heads)
    warm = extract(network, paths, cache, is_scored=is_scored, engine="openvino")
    monkeypatch.setattr(NetworkEngines, "engine", again)
    assert warm.probability_differences(heads) == first


def test_too_different_probabilities_name_their_engine() -> None:
    differences = {"openvino bfloat16": 0.05, "openvino float32": 0.05}
    assert engines_above_limit(differences) == ["openvino float32"]


def test_the_cache_is_listed_and_cleared(
    network: keras.Model, paths: list[Path], cache: Path, decoded: list[str]
) -> None:
    extract(network, paths, cache)
    (entry,) = (entry for entry in list_entries(cache) if entry.kind == "features")
    assert entry.num_bytes > NUM * network.output_shape[1] * 4
    clear(cache)
    decoded.clear()
    extract(network, paths, cache)
    assert len(decoded) == NUM


def test_the_hash_of_a_file_is_stored_once(
    network: keras.Model, paths: list[Path], cache: Path
) -> None:
    extract(network, paths, cache).sample_features("openvino float32")
    files = FolderLayer(cache).files("hashes").items()
    assert sum(len(read_row_file(FolderLayer(cache), *file, None).keys) for file in files) == NUM


def test_the_limit_is_kept(
    network: keras.Model, paths: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "1KB")
    extract(network, paths, cache)
    assert sum(entry.num_bytes for entry in list_entries(cache)) <= 1000


def build(width: int, activation: str, padding: str = "valid") -> keras.Model:
    raw = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(width, 3, padding=padding, kernel_initializer="ones")(raw)
    hidden = keras.layers.Activation(activation)(hidden)
    return keras.Model(raw, keras.layers.GlobalAveragePooling2D()(hidden))


def test_names_do_not_count_and_everything_else_does() -> None:
    """Keras numbers layers as it makes them: a second network has other names than the first."""
    first, second = build(4, "relu"), build(4, "relu")
    assert [layer.name for layer in first.layers] != [layer.name for layer in second.layers]
    assert network_fingerprint(first) == network_fingerprint(second)
    others = [build(5, "relu"), build(4, "elu"), build(4, "relu", padding="same")]
    prints = {network_fingerprint(network) for network in (first, *others)}
    assert len(prints) == 4


def test_a_single_weight_counts() -> None:
    network = build(4, "relu")
    before = network_fingerprint(network)
    weights = network.get_weights()
    weights[0].flat[0] += 1e-6
    network.set_weights(weights)
    assert network_fingerprint(network) != before
