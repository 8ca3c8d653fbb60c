"""ONNX files and the files beside them: facts that are read, or refused."""

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import ModuleType

from mutations import damaged, mutated
from runner import FOLDER, Kind, Use

from kerastl.backbones import find_backbone

_OPTIONS = {"scale": "1/255", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]}
_SIDECARS = {
    "config.json": {
        "architecture": "resnet18",
        "pretrained_cfg": {
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "input_size": [3, 16, 16],
            "interpolation": "bicubic",
            "crop_pct": 0.95,
            "license": "apache-2.0",
        },
    },
    "preprocessor_config.json": {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "rescale_factor": 0.00392156862745098,
        "size": {"height": 16, "width": 16},
        "resample": 3,
        "image_processor_type": "ViTImageProcessor",
    },
}


def _prepare(seeds: Path) -> Use:
    import onnx

    from kerastl.backbones.building import build_extractor

    made = _helpers()
    models = []
    for number, model in enumerate((made.conv_net(), made.token_net(), made.conv_net(size="any"))):
        onnx.save(model, seeds / f"{number}.onnx")
        models.append((seeds / f"{number}.onnx").read_bytes())

    def use(draw: random.Random, place: Path) -> bool:
        data, options = draw.choice(models), dict(_OPTIONS)
        if draw.random() < 0.4:
            data = damaged(data, draw)
        if draw.random() < 0.7:
            name = draw.choice(sorted(_SIDECARS))
            options = {}
            text = json.dumps(mutated(_SIDECARS[name], draw))
            if draw.random() < 0.2:
                text = damaged(text.encode(), draw).decode("latin-1")
            (place / name).write_text(text, errors="surrogatepass")
        elif draw.random() < 0.7:
            options = mutated(options, draw)
        (place / "model.onnx").write_bytes(data)
        spec = find_backbone(f"onnx:{place / 'model.onnx'}", options=options)
        if draw.random() < 0.3 and spec.input is not None:
            build_extractor(spec, weights="file", input=spec.input, options=options)
        return True

    return use


def _helpers() -> ModuleType:
    """Returns the module with the small networks of the tests of the plugin."""
    path = FOLDER.parents[1] / "plugins/kerastl-onnx/tests/conftest.py"
    spec = importlib.util.spec_from_file_location("onnx_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnx_conftest"] = module
    spec.loader.exec_module(module)
    return module


KINDS = (Kind(name="onnx-files", prepare=_prepare),)
