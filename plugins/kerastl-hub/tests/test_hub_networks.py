"""Networks of KerasHub: features, sizes, stages and files."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the configs are data of this folder
import kerastl
from conftest import CONFIGS, images
from kerastl.backbones import BackboneError, find_backbone
from kerastl.backbones.building import build_network
from kerastl.backbones.testing import run_checks
from kerastl.progress import Progress

keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
keras = pytest.importorskip("keras")


class Notes(Progress):
    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


TRANSFORMERS = ("clip", "deit", "dinov2", "dinov3", "metaclip_2", "siglip", "vit")
FORMS = ("onnx", "openvino", "litert")


def slow(name, *, unless):
    """Returns a parameter of a sweep, which is slow but for some."""
    return pytest.param(name, marks=[] if name in unless else pytest.mark.slow)


@functools.cache  # tests that change a network build their own
def build(folder, size=None, weights="preset", **options):
    spec = find_backbone(f"keras_hub:{folder}", options=options)
    taken = spec.input if size is None else spec.input.resized(size, backbone=spec.id)
    return build_network(spec, weights=weights, input=taken, options=options)


def features(network, raw):
    return keras.ops.convert_to_numpy(network(raw, training=False))


def own_output(folder, raw, **arguments):
    """Returns the patches or the vector that KerasHub's own classes return for raw images."""
    backbone = keras_hub.models.Backbone.from_preset(str(folder), **arguments)
    converter = keras_hub.layers.ImageConverter.from_preset(str(folder))
    encoder = getattr(backbone, "vision_encoder", backbone)
    scaled = np.asarray(converter(raw))
    given = {next(iter(encoder.input)): scaled} if isinstance(encoder.input, dict) else scaled
    output = encoder(given, training=False)
    output = list(output.values())[-1] if isinstance(output, dict) else output
    if hasattr(backbone, "vision_post_layer_norm"):
        output = backbone.vision_post_layer_norm(output)
    return keras.ops.convert_to_numpy(output)


@pytest.mark.parametrize(
    "architecture",
    [slow(name, unless=("vit", "dinov2", "siglip", "resnet")) for name in sorted(CONFIGS)],
)
def test_features_equal_those_of_kerashubs_own_classes(architecture, folder_of):
    folder = folder_of(architecture)
    raw = images(size=CONFIGS[architecture]["image_shape"][0])
    expected = own_output(folder, raw)
    if architecture in TRANSFORMERS and architecture != "siglip":
        expected = expected[:, 0]
    elif architecture != "siglip":
        expected = expected.mean(axis=tuple(range(1, expected.ndim - 1)))
    received = features(build(folder), raw)
    np.testing.assert_allclose(received, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("architecture", "before"), [("vit", 1), ("deit", 2), ("dinov2", 3), ("clip", 1)]
)
def test_the_mean_of_the_patches_leaves_out_class_and_register_tokens(
    architecture, before, folder_of
):
    folder = folder_of(architecture)
    tokens = own_output(folder, images())
    expected = np.concatenate([tokens[:, 0], tokens[:, before:].mean(axis=1)], axis=1)
    received = features(build(folder, pooling="both"), images())
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_the_mean_of_siglip_is_that_of_the_patches_before_its_attention_pooling(folder_of):
    folder = folder_of("siglip")
    mean, both = (features(build(folder, pooling=name), images()) for name in ("mean", "both"))
    np.testing.assert_allclose(both[:, 16:], mean, atol=1e-6)
    np.testing.assert_allclose(both[:, :16], own_output(folder, images()), atol=1e-5)


def test_position_embeddings_of_another_size_are_those_that_kerashub_interpolates(folder_of):
    folder = folder_of("dinov2")
    expected = own_output(folder, images(size=64), image_shape=(64, 64, 3))[:, 0]
    received = features(build(folder, 64), images(size=64))
    np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "before"), [("clip", 1), ("deit", 2), ("siglip", 0), ("vit", 1)]
)
def test_only_the_position_embeddings_of_patches_are_interpolated(architecture, before, folder_of):
    small, large = build(folder_of(architecture)), build(folder_of(architecture), 64)
    tables = [
        next(
            keras.ops.convert_to_numpy(variable).reshape(-1, 16)
            for variable in network.variables
            if "position_embedding" in variable.path and "float" in variable.dtype
        )
        for network in (small, large)
    ]
    np.testing.assert_array_equal(tables[0][:before], tables[1][:before])
    grids = [
        table[before:].reshape(side, side, 16) for table, side in zip(tables, (4, 8), strict=True)
    ]
    corners = keras.ops.image.resize(grids[0][None], (8, 8), interpolation="bicubic")[0]
    np.testing.assert_allclose(grids[1], corners, atol=1e-6)


def test_vit_takes_images_that_are_no_squares(folder_of):
    network = build(folder_of("vit"), (32, 48))
    assert network.input_shape == (None, 32, 48, 3)


def test_a_size_that_the_network_cannot_take_is_refused(folder_of):
    with pytest.raises(BackboneError) as caught:
        build(folder_of("vit"), 35)
    assert "multiples of 8" in str(caught.value)
    assert "Set backbone.input_size to 32." in str(caught.value)
    with pytest.raises(BackboneError, match="cannot take images of 32 x 48 pixels"):
        build(folder_of("dinov2"), (32, 48))


def test_a_pooling_that_the_network_does_not_have_is_refused(folder_of):
    with pytest.raises(BackboneError, match="because the network has no class token"):
        build(folder_of("resnet"), pooling="cls")
    with pytest.raises(BackboneError, match="one of cls, mean, both"):
        build(folder_of("vit"), pooling="max")


@pytest.mark.parametrize(
    ("architecture", "count"), [(name, 2) for name in TRANSFORMERS] + [("swin", 3)]
)
def test_the_stages_are_the_blocks(architecture, count, folder_of):
    spec = find_backbone(f"keras_hub:{folder_of(architecture)}")
    assert len(spec.stages(build(folder_of(architecture)))) == count


def test_position_embeddings_that_were_trained_survive_saving(folder_of, tmp_path):
    network = build.__wrapped__(folder_of("dinov2"))
    (trained,) = [v for v in network.variables if "interpolated" in v.path]
    trained.assign(trained - 0.5)  # KerasHub alone would save the old ones
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(features(loaded, images()), features(network, images()), atol=1e-6)


def test_a_file_of_weights_is_loaded(folder_of, tmp_path):
    network = build(folder_of("vit"))
    network.save_weights(tmp_path / "own.weights.h5")
    again = build(folder_of("vit"), weights=str(tmp_path / "own.weights.h5"))
    np.testing.assert_array_equal(features(again, images()), features(network, images()))


def test_given_moments_replace_those_of_the_preset(folder_of):
    network = build(folder_of("vit"), mean=0.5, std=0.5)
    preprocessing = network.get_layer("preprocessing")
    np.testing.assert_allclose(preprocessing(np.array([0.0, 127.5, 255.0])), [-1, 0, 1], atol=1e-6)


def test_a_saved_model_of_another_architecture_is_refused(folder_of, tmp_path):
    from kerastl_hub.layers import HubNetwork

    config = {**build(folder_of("vit")).get_config(), "architecture": "os"}
    with pytest.raises(ValueError, match="no architecture 'os'"):
        HubNetwork.from_config(config)


@pytest.mark.parametrize(
    "architecture",
    [slow(name, unless=("vit",)) for name in sorted(CONFIGS)],
)
def test_it_passes_the_conformance_kit(architecture, folder_of):
    outcomes = list(run_checks(f"keras_hub:{folder_of(architecture)}"))
    assert [f"{o.check}: {o.reason}" for o in outcomes if o.is_failure] == []
    assert sum(outcome.result == "passed" for outcome in outcomes) >= 14


def test_a_preset_of_the_catalogue_has_the_stated_size_without_a_download():
    identifier = "keras_hub:deit_tiny_distilled_patch16_224_imagenet"
    spec = find_backbone(identifier)
    network = build_network(spec, weights=None, input=spec.input, options={})
    assert network.count_params() == spec.num_params
    assert network.output_shape == (None, spec.feature_dim)
    assert len(spec.stages(network)) == 12


@pytest.mark.slow
def test_a_model_with_heads_is_trained_and_loaded(folder_of, tmp_path):
    model = kerastl.build_model(
        f"keras_hub:{folder_of('vit')}", ["a", "b"], trainable={"stages": 1}
    )
    kerastl.compile(model, "adam", learning_rate=1e-3)
    model.fit(images(4), np.array([[0, 1], [1, np.nan], [1, 0], [0, 1]], "float32"), verbose=0)
    model.save(tmp_path / "model.keras")
    again = kerastl.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(features(again, images()), features(model, images()), atol=1e-6)


@pytest.fixture(scope="module")
def adapted(folder_of, tmp_path_factory):
    """A config, and a run with adapters on images whose class token doesn't see the patches.

    The values of all attentions are 0, so frozen features are the same for all images.
    """
    folder = tmp_path_factory.mktemp("adapted")
    network = build.__wrapped__(folder_of("vit"))
    for variable in network.variables:
        if "/value/" in variable.path:
            variable.assign(keras.ops.zeros_like(variable))
    network.save_weights(folder / "blind.weights.h5")
    np.testing.assert_allclose(np.ptp(features(network, images(8)), axis=0), 0, atol=1e-6)
    rows = ["image,bright"]
    for number, image in enumerate(images(60)):
        bright = number % 2
        keras.utils.save_img(folder / f"{number}.png", image / 2 + 120 * bright, scale=False)
        rows.append(f"{number}.png,{bright}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text(
        "data: {table: table.csv, image: image, tasks: [bright]}\n"
        f"backbone: {{name: 'keras_hub:{folder_of('vit')}', weights: blind.weights.h5}}\n"
        "trainable: {lora: 2}\naugment: null\n"
        "fit: {solver: keras, epochs: 4, batch_size: 8, backbone_learning_rate: 0.02}\n"
    )
    config = folder / "config.yaml"
    notes = Notes()
    return config, kerastl.train(config, output=folder / "whole", progress=notes), notes


def test_adapters_learn_what_frozen_features_do_not_contain(adapted):
    _, run, _ = adapted
    history = run.record.history
    assert history.val_auc[0] == 0.5  # the start, with frozen features
    assert history.val_auc[history.kept].item() == 1.0


def test_the_merged_model_answers_as_the_kept_epoch_did(adapted, folder_of):
    _, run, _ = adapted
    trained = run.model.get_layer("backbone").model
    assert trained.count_params() == build(folder_of("vit")).count_params()
    rows = run.predictions[run.predictions.split == "validation"]
    raw = [keras.utils.img_to_array(keras.utils.load_img(path)) for path in rows.path]
    labels = rows.bright_label.to_numpy()
    probability = features(run.model, np.stack(raw))[:, 0]
    loss = -np.log(np.where(labels, probability, 1 - probability)).mean()
    history = run.record.history
    kept = history[history.kept].iloc[-1]
    assert kept.phase == "fine_tuning"
    assert kept.epoch > 0
    assert loss == pytest.approx(kept.val_loss, rel=1e-4)


def test_the_table_of_what_learned_has_the_adapters(adapted):
    _, _, notes = adapted
    (table,) = [note for note in notes.texts if note.startswith("part")]
    (line,) = [line for line in table.splitlines() if "block_1" in line]
    # rank 2, kernels of 16 x (2, 8) three times, (2, 8) x 16 once and 16 x 32 twice
    assert line.split()[3] == str(2 * (3 * (16 * 2 + 8) + (2 * 8 + 16) + 2 * (16 + 32)))


@pytest.mark.parametrize("form", [slow(name, unless=("openvino",)) for name in FORMS])
def test_an_export_of_merged_adapters_answers_as_the_run(form, adapted, tmp_path):
    _, run, _ = adapted
    (exported,) = run.export(form, tmp_path)
    assert exported.error is None
    assert exported.parity.largest_difference < 1e-4


def test_a_training_with_adapters_that_was_stopped_resumes(adapted, monkeypatch, tmp_path):
    from kerastl.pipeline import resume
    from kerastl.training.checkpoints import KeepBest

    config, whole, _ = adapted
    ended = KeepBest.on_epoch_end

    def stop(self, epoch, logs=None):
        ended(self, epoch, logs)
        if epoch == 1:  # the first epoch is in a checkpoint
            raise KeyboardInterrupt

    monkeypatch.setattr(KeepBest, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        kerastl.train(config, output=tmp_path / "stopped")
    monkeypatch.setattr(KeepBest, "on_epoch_end", ended)
    resumed = resume(tmp_path / "stopped")
    np.testing.assert_allclose(resumed.predictions.bright, whole.predictions.bright, atol=1e-5)
