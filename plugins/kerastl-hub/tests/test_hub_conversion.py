"""Checkpoints of transformers and timm with random weights, against their own forward pass."""

import json

import numpy as np
import pytest

from kerastl.backbones import BackboneError, find_backbone
from kerastl.backbones.building import build_network

pytest.importorskip("keras_hub", reason="keras-hub is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
MODELS = {
    "deit": ("DeiT", {**_SIZES, "intermediate_size": 32}),
    "dinov2": ("Dinov2", {**_SIZES, "mlp_ratio": 2}),
    "dinov2_with_registers": ("Dinov2WithRegisters", {**_SIZES, "mlp_ratio": 2}),
    "dinov3_vit": ("DINOv3ViT", {**_SIZES, "intermediate_size": 32, "num_register_tokens": 2}),
    "swin": (
        "Swin",
        {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4, "image_size": 64},
    ),
    "vit": ("ViT", {**_SIZES, "intermediate_size": 32}),
}


def raw_images(size):
    return np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype("float32")


def scaled(raw):
    values = (raw / 255 - MEAN) / STD
    return torch.tensor(values.transpose(0, 3, 1, 2).astype("float32"))


def features(folder, raw, **options):
    spec = find_backbone(f"keras_hub:{folder}", options=options)
    network = build_network(spec, weights="preset", input=spec.input, options=options)
    return np.asarray(network(raw, training=False))


def with_noise(model):
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return model.eval()


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_checkpoint_of_transformers_has_the_features_of_its_own_forward_pass(kind, tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    prefix, arguments = MODELS[kind]
    # KerasHub finds the weights of ViT and DeiT only below the name of the network.
    suffix = "ForImageClassification" if kind in ("vit", "deit") else "Model"
    config = getattr(transformers, f"{prefix}Config")(**arguments)
    model = with_noise(getattr(transformers, prefix + suffix)(config))
    model.save_pretrained(tmp_path)
    moments = {"image_mean": MEAN, "image_std": STD, "size": arguments["image_size"]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(moments))
    raw = raw_images(arguments["image_size"])
    with torch.no_grad():
        inner = model if suffix == "Model" else model.base_model
        tokens = inner(scaled(raw)).last_hidden_state.numpy()
    expected = tokens.mean(axis=1) if kind == "swin" else tokens[:, 0]
    np.testing.assert_allclose(features(tmp_path, raw), expected, atol=1e-4)


def test_a_checkpoint_of_timm_has_the_features_of_its_own_forward_pass(tmp_path):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    from safetensors.torch import save_file

    model = with_noise(timm.create_model("resnet18", pretrained=False))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    given = {"mean": MEAN, "std": STD, "input_size": [3, 64, 64]}
    (tmp_path / "config.json").write_text(
        json.dumps({"architecture": "resnet18", "pretrained_cfg": given})
    )
    raw = raw_images(64)
    with torch.no_grad():
        expected = model.forward_features(scaled(raw)).mean(dim=(2, 3)).numpy()
    received = features(tmp_path, raw)
    np.testing.assert_allclose(received, expected, atol=1e-4 * np.abs(expected).max())


def test_a_checkpoint_without_its_preprocessing_needs_mean_and_deviation(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    model = transformers.Dinov2Model(transformers.Dinov2Config(**MODELS["dinov2"][1]))
    with_noise(model).save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match="Set mean and std in"):
        features(tmp_path, raw_images(32))
    raw = raw_images(32)
    with torch.no_grad():
        expected = model(scaled(raw)).last_hidden_state.numpy()[:, 0]
    received = features(tmp_path, raw, mean=MEAN, std=STD)
    np.testing.assert_allclose(received, expected, atol=1e-4)
