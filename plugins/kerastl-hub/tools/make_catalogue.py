"""Writes `kerastl_hub/catalogue.json` from the presets of the installed KerasHub.

Convention: the config of a preset is in its download, so the configs of networks are stated here.
One is written only if the network has as many weights as KerasHub says.
"""

import functools
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_hub

from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.audio import HubAudioNetwork, audio_config_of, build_audio_encoder
from kerastl_hub.layers import HubNetwork, config_of

OUTPUT = Path(__file__).parents[1] / "kerastl_hub" / "catalogue.json"
ROUNDING = 0.02  # of the numbers of weights of DINOv3

# Layers, heads, dimension, inner dimension.
SIZES: Mapping[str, tuple[int, int, int, int]] = {
    "tiny": (12, 3, 192, 768),
    "small": (12, 6, 384, 1536),
    "base": (12, 12, 768, 3072),
    "b": (12, 12, 768, 3072),
    "large": (24, 16, 1024, 4096),
    "huge": (32, 16, 1280, 5120),
    "h": (32, 16, 1280, 5120),
    "g": (40, 16, 1408, 6144),
    "bigg": (48, 16, 1664, 8192),
    "giant": (40, 24, 1536, 6144),
    "so400m": (27, 16, 1152, 4304),
    "900m": (27, 16, 1152, 4304),
}
# The handles of these in KerasHub 0.32 are those of another network.
WRONG_HANDLES = (
    "efficientnet_el_ra_imagenet",
    "efficientnet_em_ra2_imagenet",
    "efficientnet_es_ra_imagenet",
)
LICENSES = {"medsiglip_900m_448": "Health AI Developer Foundations terms (Google)"}
EFFICIENTNETS = {
    "b0": (224, "b0"), "b1": (240, "b1"), "b2": (256, "b2"), "b3": (288, "b3"),
    "b4": (320, "b4"), "b5": (448, "b5"), "lite0": (224, "lite0"), "rw_m": (320, "rw_m"),
    "rw_s": (288, "rw_s"), "rw_t": (224, "rw_t"),
}  # fmt: skip
MIT_DEPTHS = ([2, 2, 2, 2], [2, 2, 2, 2], [3, 4, 6, 3], [3, 4, 18, 3], [3, 8, 27, 3], [3, 6, 40, 3])
SWINS = {
    "tiny": (96, [2, 2, 6, 2], [3, 6, 12, 24]),
    "small": (96, [2, 2, 18, 2], [3, 6, 12, 24]),
    "base": (128, [2, 2, 18, 2], [4, 8, 16, 32]),
    "large": (192, [2, 2, 18, 2], [6, 12, 24, 48]),
}
WHISPERS = {
    "tiny": (4, 6, 384), "base": (6, 8, 512), "small": (12, 12, 768),
    "medium": (24, 16, 1024), "large": (32, 20, 1280),
}  # fmt: skip
RESNET_BLOCKS = {
    18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3],
    152: [3, 8, 36, 3], 200: [3, 12, 48, 3],
}  # fmt: skip


def main() -> None:
    """Writes the file."""
    entries: dict[str, Any] = {}
    for architecture, facts in ARCHITECTURES.items():
        for name, preset in getattr(keras_hub.models, facts.backbone).presets.items():
            if name not in WRONG_HANDLES:
                entries[name] = _entry(name, architecture, preset)
    lines = (f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in sorted(entries))
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(entries)} presets")


def _entry(name: str, architecture: str, preset: Mapping[str, Any]) -> dict[str, Any]:
    size, stated = _config(name, architecture)
    facts, metadata = ARCHITECTURES[architecture], preset["metadata"]
    config = {**stated, "image_shape": [size, size, 3]} if size else stated
    num_params, dim = _counted(architecture, config)
    expected = metadata["params"]
    # KerasHub counts the text encoder or the classifier of some presets too.
    counts = (num_params, num_params + 1000 * (dim + 1))
    is_known = (facts.tower or facts.audio) is not None or any(
        abs(count - expected) <= ROUNDING * expected for count in counts
    )
    if not is_known:
        print(f"{name} has {num_params:,} weights, KerasHub says {expected:,}: no config")
    description = " ".join(metadata["description"].split())
    return {
        "architecture": architecture,
        "handle": preset["kaggle_handle"],
        "size": size,
        "feature_dim": dim if is_known else None,
        "num_params": num_params if is_known else None,
        "description": description if description.endswith(".") else f"{description}.",
        **({"license": LICENSES[name]} if name in LICENSES else {}),
        "config": config if is_known else None,
    }


def _counted(architecture: str, config: Mapping[str, Any]) -> tuple[int, int]:
    """Returns number of weights and dimension of features; transformers are built with few layers.

    Each further layer has as many weights as the one before.
    """
    layers = config.get("num_layers")
    if layers is None or architecture == "mit":
        return _built(architecture, config)
    one, dim = _built(architecture, {**config, "num_layers": 1})
    two, _ = _built(architecture, {**config, "num_layers": 2})
    return one + (layers - 1) * (two - one), dim


@functools.cache
def _built_from(architecture: str, config: str) -> tuple[int, int]:
    keras.utils.clear_session()
    arguments = json.loads(config)
    facts = ARCHITECTURES[architecture]
    network: keras.Model
    if facts.audio is not None:
        converter = {k: arguments.get(k, v) for k, v in facts.audio.converter.items()}
        network = HubAudioNetwork(
            architecture=architecture,
            config=arguments,
            converter=converter,
            num_samples=round(facts.audio.seconds * converter["sampling_rate"]),
        )
    else:
        network = HubNetwork(
            architecture=architecture,
            config=arguments,
            scale=[1.0] * 3,
            offset=[0.0] * 3,
            pooling=facts.poolings[0],
        )
    return int(network.count_params()), int(network.output_shape[1])


def _built(architecture: str, config: Mapping[str, Any]) -> tuple[int, int]:
    return _built_from(architecture, json.dumps(config))


def _config(name: str, architecture: str) -> tuple[int | None, dict[str, Any]]:
    """Returns side (None of audio) and arguments of the encoder's class."""
    if architecture in ("clip", "deit", "dinov2", "dinov3", "metaclip_2", "siglip", "vit"):
        return _transformer(name, architecture)
    if architecture in ("densenet", "vgg"):
        return 224, _timm(architecture + name.split("_")[1])
    return globals()[f"_{architecture}"](name)


def _transformer(name: str, architecture: str) -> tuple[int, dict[str, Any]]:
    words = name.split("_")
    size_name = next(word for word in words[1:] if word in SIZES or word == "7b")
    if architecture == "metaclip_2" and size_name == "giant":
        size_name = "bigg"
    layers, heads, dim, inner = SIZES.get(size_name, (40, 32, 4096, 8192))
    if architecture == "dinov3" and size_name == "huge":
        heads = 20
    if architecture == "siglip" and size_name == "giant":
        heads = 16
    config: dict[str, Any] = {"num_layers": layers, "num_heads": heads, "hidden_dim": dim}
    config["mlp_dim" if architecture == "vit" else "intermediate_dim"] = inner
    patch = re.search(r"patch(\d+)", name)
    clip_patch = re.search(r"_(14|32)_laion", name)
    found = patch or clip_patch
    config["patch_size"] = int(found[1]) if found else 14
    sides = [int(side) for side in re.findall(r"(?<=_)(224|256|336|378|384|448|512)(?=_|$)", name)]
    size = sides[0] if sides else 224
    if architecture == "dinov2":
        size = 518
        config["num_register_tokens"] = 4 if "registers" in name else 0
        config["use_swiglu_ffn"] = size_name == "giant"
        config["position_embedding_shape"] = [size, size, 3]
        config["antialias_in_interpolation"] = "registers" in name
    if architecture == "dinov3":
        config |= {"patch_size": 16, "use_key_bias": False}
        if "plus" in name or size_name == "7b":
            config |= {"use_gated_mlp": True, "hidden_activation": "silu"}
        if size_name == "7b":
            config |= {"use_query_bias": False, "use_value_bias": False}
    is_quick = architecture != "metaclip_2" or name.endswith("huge_patch14_224")
    if not is_quick or (architecture == "clip" and "laion" in name):
        config["intermediate_activation"] = "gelu"
    return size, config


def _timm(architecture: str, **facts: Any) -> dict[str, Any]:
    """Returns what KerasHub makes of the config of a timm checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps({"architecture": architecture, **facts}))
        loaded = keras_hub.models.Backbone.from_preset(folder, load_weights=False)
        return config_of(loaded)


def _cspnet(name: str) -> tuple[int, dict[str, Any]]:
    words = name.replace("_ra", "").removesuffix("_imagenet").replace("_", "")
    return 256, _timm(words)


def _efficientnet(name: str) -> tuple[int, dict[str, Any]]:
    variant = "_".join(name.split("_")[1 : 3 if name.startswith("efficientnet2") else 2])
    size, timm_name = EFFICIENTNETS[variant]
    prefix = "efficientnetv2" if name.startswith("efficientnet2") else "efficientnet"
    return size, _timm(f"{prefix}_{timm_name}")


def _hgnetv2(name: str) -> tuple[int, dict[str, Any]]:
    base, tag = name[:10], name[11:]
    return 224, _timm(base, pretrained_cfg={"tag": tag})


def _mit(name: str) -> tuple[int, dict[str, Any]]:
    number = int(name[5])
    return int(name.rpartition("_")[2]), {
        "layerwise_depths": MIT_DEPTHS[number],
        "num_layers": 4,
        "layerwise_num_heads": [1, 2, 5, 8],
        "layerwise_sr_ratios": [8, 4, 2, 1],
        "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3, 3, 3],
        "layerwise_strides": [4, 2, 2, 2],
        "hidden_dims": [32, 64, 160, 256] if number == 0 else [64, 128, 320, 512],
    }


def _mobilenet(name: str) -> tuple[int, dict[str, Any]]:
    words = name.split("_")
    return 224, _timm(f"mobilenetv3_{words[2]}_{words[3]}")


def _mobilenetv5(name: str) -> tuple[int, dict[str, Any]]:
    return 768, _timm("mobilenetv5_300m")


def _moonshine(name: str) -> tuple[None, dict[str, Any]]:
    layers, dim, factor = (6, 288, 0.9) if "tiny" in name else (8, 416, 0.62)
    return None, {
        "filter_dim": dim,
        "encoder_num_layers": layers,
        "hidden_dim": dim,
        "intermediate_dim": 4 * dim,
        "encoder_num_heads": 8,
        "partial_rotary_factor": factor,
    }


def _resnet(name: str) -> tuple[int, dict[str, Any]]:
    depth = int(re.findall(r"_(\d+)_", name)[0])
    kind = "basic_block" if depth < 50 else "bottleneck_block"
    is_vd = "_vd_" in name
    return 224, {
        "input_conv_filters": [32, 32, 64] if is_vd else [64],
        "input_conv_kernel_sizes": [3, 3, 3] if is_vd else [7],
        "stackwise_num_filters": [64, 128, 256, 512],
        "stackwise_num_blocks": RESNET_BLOCKS[depth],
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": f"{kind}_vd" if is_vd else kind,
        "use_pre_activation": "_v2_" in name and not is_vd,
    }


def _swin(name: str) -> tuple[int, dict[str, Any]]:
    words = name.split("_")
    dim, depths, heads = SWINS[words[1]]
    return int(words[-1]), {
        "embed_dim": dim,
        "depths": depths,
        "num_heads": heads,
        "window_size": int(words[3].removeprefix("window")),
    }


def _whisper(name: str) -> tuple[None, dict[str, Any]]:
    layers, heads, dim = WHISPERS[name.split("_")[1]]
    config = {"num_layers": layers, "num_heads": heads, "hidden_dim": dim}
    full = {**config, "intermediate_dim": 4 * dim}
    return None, audio_config_of(build_audio_encoder("whisper", full)) | full


def _xception(name: str) -> tuple[int, dict[str, Any]]:
    middle = 8 * [[728, 728, 728]]
    return 299, {
        "stackwise_conv_filters": [
            [32, 64], [128, 128], [256, 256], [728, 728], *middle, [728, 1024], [1536, 2048],
        ],
        "stackwise_pooling": [False, True, True, True, *(8 * [False]), True, False],
    }  # fmt: skip


if __name__ == "__main__":
    main()
