"""Reload, SavedModel and LiteRT of real TF Hub modules: the largest differences, as numbers.

Features of 8 inputs, each difference relative to the largest feature; the `.keras` file is
reloaded in the same process, with the module's folder out of reach of the config.

`python benchmarks/tfhub_differences.py --shared ../shared`
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerastl_tfhub import SavedModelLayer

MODULES = {
    "mobilenet_v2_035": ("hub_mobilenet_v2_035_224_feature_vector", (224, 224, 3), {}),
    "mobilenet_v2_100": ("hub_mobilenet_v2_100_224_feature_vector", (224, 224, 3), {}),
    "speech_embedding": ("hub_speech_embedding", (16000,), {"pooling": "mean"}),
    "yamnet": ("hub_yamnet", (16000,), {"output": 1, "pooling": "mean"}),
}


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Returns coarse images in [0, 1], or tones with noise in [-1, 1]."""
    random = np.random.default_rng(0)
    if len(shape) == 3:
        return random.uniform(0, 1, (8, 7, 7, 3)).repeat(32, 1).repeat(32, 2).astype("float32")
    time = np.arange(shape[0]) / 16000
    tones = np.sin(2 * np.pi * random.uniform(100, 3000, (8, 1)) * time)
    return (0.4 * tones + 0.05 * random.normal(size=(8, *shape))).astype("float32")


def litert(path: Path, x: np.ndarray) -> np.ndarray:
    """Returns what LiteRT computes, read by name."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner()
    (name,) = runner.get_input_details()
    return np.concatenate([next(iter(runner(**{name: row[None]}).values())) for row in x])


def differences(model: keras.Model, x: np.ndarray, folder: Path) -> dict[str, str]:
    """Returns the way the model went, to the largest difference or why there is none."""
    expected = model.predict(x, verbose=0)
    model.save(folder / "model.keras")
    found = {"reload": keras.models.load_model(folder / "model.keras").predict(x, verbose=0)}
    model.export(folder / "saved_model", verbose=False)
    exported = tf.saved_model.load(str(folder / "saved_model"))
    found["SavedModel"] = exported.serve(x).numpy()
    text = {
        name: f"{np.abs(v - expected).max() / np.abs(expected).max():.1e}"
        for name, v in found.items()
    }
    try:
        model.export(folder / "model.tflite", format="litert", verbose=False)
        lite = litert(folder / "model.tflite", x)
        text["LiteRT"] = f"{np.abs(lite - expected).max() / np.abs(expected).max():.1e}"
    except Exception as error:
        text["LiteRT"] = f"fails: {str(error).splitlines()[0][:90]}"
    text["size"] = f"{(folder / 'model.keras').stat().st_size / 2**20:.2f} MiB"
    return text


def main() -> None:
    """Prints one line per module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with weights/")
    parser.add_argument("--only", nargs="*", choices=MODULES)
    arguments = parser.parse_args()
    for name in arguments.only or MODULES:
        folder, shape, options = MODULES[name]
        raw = keras.Input(shape)
        layer = SavedModelLayer(arguments.shared / "weights" / folder, **options)
        model = keras.Model(raw, layer(raw))
        with tempfile.TemporaryDirectory() as work:
            found = differences(model, inputs(shape), Path(work))
        print(f"{name:<18}", "   ".join(f"{k} {v}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
