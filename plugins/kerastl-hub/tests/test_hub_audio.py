"""Encoders of audio: features, windows, stages, adapters and files."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent))  # the configs are data of this folder
import kerastl
from conftest import AUDIO_CONFIGS
from kerastl.backbones import AudioInput, BackboneError, find_backbone
from kerastl.backbones.building import build_network
from kerastl.backbones.testing import run_checks

keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
keras = pytest.importorskip("keras")

ARCHITECTURES = sorted(AUDIO_CONFIGS)
ONE_FAST = ("whisper", pytest.param("moonshine", marks=pytest.mark.slow))
RATE = 16_000


def clips(num_samples=RATE, count=3):
    """Audio that becomes louder, so that frames differ by more than 8 decades."""
    noise = np.random.default_rng(0).uniform(-1, 1, (count, num_samples))
    return (noise * np.geomspace(1e-6, 1, num_samples)).astype("float32")


@functools.cache
def build(folder, num_samples=RATE, weights="preset", **options):
    spec = find_backbone(f"keras_hub:{folder}", options=options)
    taken = spec.input.resized(num_samples, backbone=spec.id)
    return build_network(spec, weights=weights, input=taken, options=options)


def features(network, raw):
    return keras.ops.convert_to_numpy(network(raw, training=False))


def own_features(folder, raw, **converter):
    """Returns the mean over time of what KerasHub's own classes return for a waveform."""
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    scaled = np.asarray(keras_hub.layers.AudioConverter.from_preset(str(folder), **converter)(raw))
    tokens = np.zeros((len(raw), 1), "int32")
    given = {"decoder_token_ids": tokens, "decoder_padding_mask": np.ones_like(tokens)}
    if isinstance(backbone, keras_hub.models.WhisperBackbone):
        given["encoder_features"] = scaled
    else:
        mask = np.ones(raw.shape, bool)
        given |= {"encoder_input_values": scaled, "encoder_padding_mask": mask}
    output = backbone(given, training=False)["encoder_sequence_output"]
    return keras.ops.convert_to_numpy(output).mean(axis=1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_features_equal_those_of_kerashubs_own_converter_and_encoder(architecture, audio_folder_of):
    folder = audio_folder_of(architecture)
    received = features(build(folder), clips())
    np.testing.assert_allclose(received, own_features(folder, clips()), atol=1e-5)


def test_a_longer_window_equals_the_own_features_of_it(audio_folder_of):
    folder, raw = audio_folder_of("whisper"), clips(2 * RATE)
    expected = own_features(folder, raw, max_audio_length=2)
    np.testing.assert_allclose(features(build(folder, 2 * RATE), raw), expected, atol=1e-5)


def test_a_shorter_window_takes_the_first_position_embeddings(audio_folder_of):
    tables = [
        keras.ops.convert_to_numpy(network.get_layer("positions").positions)
        for network in (build(audio_folder_of("whisper"), size) for size in (RATE, RATE // 2))
    ]
    assert tables[0].std() > 0
    np.testing.assert_array_equal(tables[0][:25], tables[1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_clip_does_not_depend_on_the_others_of_its_batch(architecture, audio_folder_of):
    network, raw = build(audio_folder_of(architecture)), clips()
    raw[1] *= 1e-3
    together = features(network, raw)
    np.testing.assert_allclose(features(network, raw[1:2]), together[1:2], atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "num_samples", "nearest"),
    [("whisper", 64_001, 64_000), ("whisper", 1_599, 1_600), ("moonshine", 1_024_001, 1_024_000)],
)
def test_a_window_that_the_encoder_cannot_take_is_refused(
    architecture, num_samples, nearest, audio_folder_of
):
    with pytest.raises(BackboneError, match=f"a window of {num_samples} samples") as caught:
        build(audio_folder_of(architecture), num_samples)
    assert f"Set backbone.input_size to {nearest}." in str(caught.value)


def test_the_window_of_a_preset_is_that_of_its_converter(audio_folder_of):
    spec = find_backbone(f"keras_hub:{audio_folder_of('whisper')}")
    assert spec.input == AudioInput(sample_rate_hz=RATE, num_samples=RATE, min_samples=1_600)
    assert find_backbone("keras_hub:whisper_tiny_en").input.window_seconds == 30


def test_a_preset_without_a_converter_takes_the_longest_window(audio_folder_of, tmp_path):
    for name in ("config.json", "model.weights.h5"):
        (tmp_path / name).symlink_to(audio_folder_of("whisper") / name)
    assert find_backbone(f"keras_hub:{tmp_path}").input.num_samples == 64_000


@pytest.mark.parametrize("options", [{"mean": 0.5, "std": 0.5}, {"pooling": "cls"}])
def test_options_of_images_are_refused(options, audio_folder_of):
    with pytest.raises(BackboneError, match=r"takes audio|has no pooling"):
        build(audio_folder_of("whisper"), **options)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_stages_are_the_blocks_of_the_encoder(architecture, audio_folder_of):
    network = build(audio_folder_of(architecture))
    spec = find_backbone(f"keras_hub:{audio_folder_of(architecture)}")
    assert len(spec.stages(network)) == 2
    assert not [layer.name for layer in network.layers if "decoder" in layer.name]


def test_the_sinusoids_of_whisper_are_never_trained(audio_folder_of):
    network = build.__wrapped__(audio_folder_of("whisper"))
    kerastl.layers.Backbone(network).unfreeze()
    assert network.get_layer("positions").trainable_variables == []
    assert len(network.trainable_variables) == len(network.variables) - 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_saved_model_is_loaded_in_safe_mode(architecture, audio_folder_of, tmp_path):
    network = build(audio_folder_of(architecture))
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(features(loaded, clips()), features(network, clips()))


@pytest.mark.parametrize("architecture", ONE_FAST)
def test_it_passes_the_conformance_kit(architecture, audio_folder_of):
    outcomes = list(run_checks(f"keras_hub:{audio_folder_of(architecture)}"))
    assert [f"{o.check}: {o.reason}" for o in outcomes if o.is_failure] == []
    assert sum(outcome.result == "passed" for outcome in outcomes) >= 14


@pytest.mark.parametrize("name", ["whisper_tiny_en", "moonshine_tiny_en"])
def test_a_preset_of_the_catalogue_has_the_stated_size_without_a_download(name):
    spec = find_backbone(f"keras_hub:{name}")
    network = build_network(spec, weights=None, input=spec.input, options={})
    assert network.count_params() == spec.num_params
    assert network.output_shape == (None, spec.feature_dim)
    assert len(spec.stages(network)) == {"whisper_tiny_en": 4, "moonshine_tiny_en": 6}[name]


@pytest.fixture(scope="module", params=ONE_FAST)
def trained(request, audio_folder_of, tmp_path_factory):
    """A run with adapters that tells a high tone from a low one."""
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path_factory.mktemp("tones")
    random, time, rows = np.random.default_rng(0), np.arange(RATE) / RATE, ["audio,high"]
    for number in range(40):
        high = number % 2
        tone = np.sin(2 * np.pi * random.uniform(200, 600) * (1 + 4 * high) * time)
        soundfile.write(folder / f"{number}.wav", 0.5 * tone + random.normal(0, 0.01, RATE), RATE)
        rows.append(f"{number}.wav,{high}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text(
        "data: {table: table.csv, audio: audio, tasks: [high]}\n"
        f"backbone: {{name: 'keras_hub:{audio_folder_of(request.param)}', input_size: {RATE}}}\n"
        "trainable: {lora: 2}\naugment: null\n"
        "fit: {solver: keras, epochs: 4, batch_size: 8, backbone_learning_rate: 0.05}\n"
    )
    return kerastl.train(folder / "config.yaml", output=folder / "run")


def test_a_run_with_adapters_tells_tones_apart(trained):
    rows = trained.predictions
    assert len(rows) == 40
    assert roc_auc_score(rows.high_label, rows.high) > 0.75


@pytest.mark.parametrize(
    "form",
    [
        "openvino",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("litert", "onnx", "saved_model")),
    ],
)
def test_an_export_answers_as_the_run(form, trained, tmp_path):
    (exported,) = trained.export(form, tmp_path)
    assert exported.error is None
    assert exported.parity.largest_difference < 1e-4
