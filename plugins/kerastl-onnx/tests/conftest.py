"""Small ONNX files of every form, made by the tests."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from kerastl.config import Config
from kerastl.config.loader import parse_config

SHARED = Path(__file__).parents[4] / "shared"
PIXELS = {"scale": "1/255", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]}
WAVEFORM = {"sample_rate_hz": 8000, "num_samples": 400, "normalize": "none", "scale": 1}


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the real weights and data for measurement aren't here")
    return SHARED


def draw_images(folder: Path) -> None:
    """Writes 60 images that are red or not and bright or not, and their table with some blanks."""
    random, rows = np.random.default_rng(0), []
    for number in range(60):
        red, bright = number % 2, number // 2 % 2
        pixels = random.uniform(0, 120, (20, 20, 3)) + 100 * bright
        pixels[..., 0] += 35 * red
        Image.fromarray(pixels.astype("uint8")).save(folder / f"{number}.png")
        rows.append(
            {"path": f"{number}.png", "red": red, "bright": "" if number % 7 == 0 else bright}
        )
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)


def config_of(folder: Path, **changes: object) -> Config:
    """Returns a config of the images of `draw_images`."""
    values = {
        "data": {"table": "table.csv", "image": "path", "tasks": ["red", "bright"]},
        "backbone": {"name": "onnx:net.onnx", "options": PIXELS},
        "features": {"flips": True},
        "evaluation": {"bootstrap": 20},
    }
    return parse_config({**values, **changes}, base=folder)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype("float32")


def model_of(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str | None],
    outputs: Sequence[str],
    arrays: dict[str, np.ndarray],
    *,
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return onnx.shape_inference.infer_shapes(model)


def conv_net(
    *, channels: int = 3, size: int | str = 16, batch: int | str = "batch", **settings: Any
) -> onnx.ModelProto:
    """Returns a network of maps and a vector, `(batch, channels, size, size)`."""
    height, width = (size, size) if isinstance(size, int) else ("height", "width")
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["vector"]),
        helper.make_node("MatMul", ["vector", "classes"], ["logits"]),
    ]
    return model_of(
        nodes,
        [batch, channels, height, width],
        settings.pop("outputs", ["vector"]),
        {"kernel": weights(5, channels, 3, 3), "classes": weights(5, 7)},
        **settings,
    )


def token_net() -> onnx.ModelProto:
    """Returns a network of `(batch, 10, 6)` tokens of 16 by 16 images with channels last."""
    nodes = [
        helper.make_node("Reshape", ["pixels", "rows"], ["patches"]),
        helper.make_node("MatMul", ["patches", "kernel"], ["products"]),
        helper.make_node("Tanh", ["products"], ["tokens"]),
    ]
    arrays = {"rows": np.array([-1, 8, 96]), "kernel": weights(96, 6) / 20}
    return model_of(nodes, ["batch", 16, 16, 3], ["tokens"], arrays)


def sound_net(shape: Sequence[int | str] = ("batch", 400)) -> onnx.ModelProto:
    """Returns a network of `(batch, 4, 6)` frames of 400 samples."""
    nodes = [
        helper.make_node("Reshape", ["pixels", "rows"], ["frames"]),
        helper.make_node("MatMul", ["frames", "kernel"], ["products"]),
        helper.make_node("Tanh", ["products"], ["tokens"]),
    ]
    arrays = {"rows": np.array([-1, 4, 100]), "kernel": weights(100, 6)}
    return model_of(nodes, shape, ["tokens"], arrays)


Save = Callable[..., str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a model; returns the identifier of the backbone."""

    def write(model: onnx.ModelProto, name: str = "model.onnx") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        onnx.save(model, path)
        return f"onnx:{path}"

    return write
