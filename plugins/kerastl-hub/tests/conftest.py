"""Tiny encoders of every architecture with random weights, as presets in folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCALE = [1 / 60.0, 1 / 55.0, 1 / 70.0]
OFFSET = [-2.0, -1.9, -1.5]
_SHAPE = (32, 32, 3)
_SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}
_VIT = {"image_shape": _SHAPE, "patch_size": 8, "intermediate_dim": 32, **_SIZES}

CONFIGS: dict[str, dict[str, Any]] = {
    "clip": _VIT,
    "cspnet": {
        "image_shape": _SHAPE,
        "stem_filters": 8,
        "stem_kernel_size": 3,
        "stem_strides": 1,
        "stackwise_depth": [1, 1],
        "stackwise_strides": [2, 2],
        "stackwise_num_filters": [16, 32],
        "bottle_ratio": [0.5],
        "block_ratio": [1.0],
        "expand_ratio": [1.0],
        "block_type": "dark_block",
        "stage_type": "dark",
    },
    "deit": _VIT,
    "densenet": {"image_shape": _SHAPE, "stackwise_num_repeats": [1, 1], "growth_rate": 8},
    "dinov2": {**_VIT, "num_register_tokens": 2, "position_embedding_shape": (48, 48, 3)},
    "dinov3": _VIT,
    "efficientnet": {
        "image_shape": _SHAPE,
        "stackwise_width_coefficients": [1.0] * 2,
        "stackwise_depth_coefficients": [1.0] * 2,
        "stackwise_kernel_sizes": [3, 3],
        "stackwise_num_repeats": [1, 1],
        "stackwise_input_filters": [8, 8],
        "stackwise_output_filters": [8, 16],
        "stackwise_expansion_ratios": [1, 4],
        "stackwise_strides": [1, 2],
        "stackwise_squeeze_and_excite_ratios": [0.25] * 2,
        "stackwise_block_types": ["v1", "v1"],
        "stackwise_force_input_filters": [0] * 2,
        "stackwise_nores_option": [False] * 2,
        "min_depth": None,
        "use_depth_divisor_as_min_depth": True,
        "cap_round_filter_decrease": True,
        "stem_conv_padding": "valid",
        "dropout": 0,
        "num_features": 1280,
    },
    "hgnetv2": {
        "image_shape": _SHAPE,
        "depths": [1, 1],
        "embedding_size": 8,
        "hidden_sizes": [16, 32],
        "stem_channels": [3, 8, 8],
        "hidden_act": "relu",
        "use_learnable_affine_block": False,
        "stackwise_stage_filters": [[8, 8, 16, 1, 2, 3], [16, 8, 32, 1, 2, 3]],
        "apply_downsample": [False, True],
        "use_lightweight_conv_block": [False, True],
    },
    "metaclip_2": _VIT,
    "mit": {
        "image_shape": (64, 64, 3),
        "layerwise_depths": [1, 1],
        "num_layers": 2,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "hidden_dims": [8, 16],
    },
    "mobilenet": {
        "image_shape": _SHAPE,
        "stackwise_expansion": [[16], [24]],
        "stackwise_num_blocks": [1, 1],
        "stackwise_num_filters": [[8], [16]],
        "stackwise_kernel_size": [[3], [5]],
        "stackwise_num_strides": [[2], [2]],
        "stackwise_se_ratio": [[None], [0.25]],
        "stackwise_activation": [["relu"], ["hard_swish"]],
        "stackwise_padding": [[1], [2]],
        "output_num_filters": 32,
        "input_activation": "hard_swish",
        "output_activation": "hard_swish",
        "input_num_filters": 8,
        "depthwise_filters": 8,
        "squeeze_and_excite": 0.5,
        "depthwise_stride": 2,
        "depthwise_residual": False,
        "last_layer_filter": 24,
    },
    "mobilenetv5": {
        "image_shape": _SHAPE,
        "stackwise_block_types": [["er"], ["uir", "mqa"]],
        "stackwise_num_blocks": [1, 2],
        "stackwise_num_filters": [[24], [48, 48]],
        "stackwise_strides": [[2], [2, 1]],
        "stackwise_act_layers": [["relu"], ["relu", "relu"]],
        "stackwise_exp_ratios": [[4.0], [6.0, 6.0]],
        "stackwise_se_ratios": [[0.0], [0.0, 0.0]],
        "stackwise_dw_kernel_sizes": [[0], [5, 3]],
        "stackwise_dw_start_kernel_sizes": [[0], [0, 0]],
        "stackwise_dw_end_kernel_sizes": [[0], [0, 0]],
        "stackwise_exp_kernel_sizes": [[3], [0, 0]],
        "stackwise_pw_kernel_sizes": [[1], [0, 0]],
        "stackwise_num_heads": [[0], [0, 2]],
        "stackwise_key_dims": [[0], [0, 8]],
        "stackwise_value_dims": [[0], [0, 8]],
        "stackwise_kv_strides": [[0], [0, 1]],
        "stackwise_use_cpe": [[False], [False, False]],
        "num_features": 32,
        "msfa_output_resolution": 4,
    },
    "resnet": {
        "image_shape": _SHAPE,
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 64],
        "stackwise_num_blocks": [1, 1],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
    "siglip": _VIT,
    "swin": {
        "image_shape": _SHAPE,
        "embed_dim": 8,
        "depths": [2, 1],
        "num_heads": [2, 2],
        "window_size": 4,
        "drop_path": 0.0,
    },
    "vgg": {
        "image_shape": _SHAPE,
        "stackwise_num_repeats": [1, 1],
        "stackwise_num_filters": [8, 16],
    },
    "vit": {"image_shape": _SHAPE, "patch_size": 8, "mlp_dim": 32, **_SIZES},
    "xception": {
        "image_shape": _SHAPE,
        "stackwise_conv_filters": [[8, 8], [16, 16]],
        "stackwise_pooling": [True, False],
    },
}
"""Architecture to the arguments of a tiny encoder."""

AUDIO_CONFIGS: dict[str, dict[str, Any]] = {
    "moonshine": {
        "vocabulary_size": 8,
        "filter_dim": 16,
        "encoder_num_layers": 2,
        "decoder_num_layers": 1,
        "hidden_dim": 16,
        "intermediate_dim": 32,
        "encoder_num_heads": 2,
        "decoder_num_heads": 2,
    },
    "whisper": {
        "vocabulary_size": 8,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 16,
        "intermediate_dim": 32,
        "max_encoder_sequence_length": 400,
        "max_decoder_sequence_length": 8,
    },
}
"""Architecture to the arguments of a tiny backbone for audio."""

_CONVERTERS: dict[str, dict[str, Any]] = {
    "moonshine": {"do_normalize": True},
    "whisper": {"max_audio_length": 1},
}

_TEXT = {
    "vocabulary_size": 8,
    "embedding_dim": 8,
    "hidden_dim": 8,
    "num_layers": 1,
    "num_heads": 1,
    "intermediate_dim": 8,
}


def images(count: int = 3, size: int = 32) -> np.ndarray:
    shape = (count, size, size, 3)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the folder of a preset of an architecture, with an image converter."""
    keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    import keras

    from kerastl_hub.architectures import ARCHITECTURES
    from kerastl_hub.layers import build_encoder

    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            keras.utils.set_random_seed(1)
            backbone = build_encoder(architecture, CONFIGS[architecture])
            _add_noise(backbone)
            facts = ARCHITECTURES[architecture]
            if facts.tower:
                name = facts.backbone.removesuffix("Backbone")
                text = getattr(keras_hub.models, f"{name}TextEncoder")(
                    max_sequence_length=4, **_TEXT
                )
                own = {"projection_dim": 8} if architecture in ("clip", "metaclip_2") else {}
                full = getattr(keras_hub.models, facts.backbone)
                backbone = full(vision_encoder=backbone, text_encoder=text, **own)
            folder = tmp_path_factory.mktemp(architecture)
            backbone.save_to_preset(str(folder))
            prefix = facts.backbone.removesuffix("Backbone")
            converter = getattr(keras_hub.layers, f"{prefix}ImageConverter")
            converter(scale=SCALE, offset=OFFSET).save_to_preset(str(folder))
            made[architecture] = folder
        return made[architecture]

    return make


@pytest.fixture(scope="session")
def audio_folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the folder of a preset of an architecture for audio, with its converter."""
    keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    import keras

    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            keras.utils.set_random_seed(1)
            name = architecture.capitalize()
            backbone = getattr(keras_hub.models, f"{name}Backbone")(**AUDIO_CONFIGS[architecture])
            _add_noise(backbone)
            folder = made[architecture] = tmp_path_factory.mktemp(architecture)
            backbone.save_to_preset(str(folder))
            converter = getattr(keras_hub.layers, f"{name}AudioConverter")
            converter(**_CONVERTERS[architecture]).save_to_preset(str(folder))
        return made[architecture]

    return make


def _add_noise(backbone: Any) -> None:
    """Gives biases and scales values that are not 0 or 1."""
    import keras

    for variable in backbone.trainable_variables:
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.1))
