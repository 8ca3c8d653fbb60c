"""A model file on another machine: no tensorflow_hub, no module's folder, nothing imported yet."""

import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.backbones import Backbone, ImageInput, find_backbone

LOAD = """
import sys
sys.modules["tensorflow_hub"] = None
import numpy as np
{imports}
stored = np.load(sys.argv[2])
model = {load}(sys.argv[1])
assert np.array_equal(model.predict(stored["x"], verbose=0), stored["y"])
"""
WAYS = {
    "keras": (
        "import keras\nfrom kerastl_tfhub import SavedModelLayer\n"
        "from kerastl.layers import Backbone",
        "keras.models.load_model",
    ),
    "kerastl": ("import kerastl", "kerastl.load_model"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_model_file_needs_nothing_but_the_plugin(way: str, conv_net: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(conv_net, tmp_path / "module"))
    network = find_backbone(f"tfhub:{folder}").build(
        weights="module", input=ImageInput(height=8, width=8)
    )
    raw = keras.Input((8, 8, 3))
    model = keras.Model(raw, keras.layers.Dense(2)(Backbone(network)(raw)))
    x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    np.savez(tmp_path / "data.npz", x=x, y=model.predict(x, verbose=0))
    model.save(tmp_path / "model.keras")
    shutil.rmtree(folder)
    imports, load = WAYS[way]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LOAD.format(imports=imports, load=load),
            str(tmp_path / "model.keras"),
            str(tmp_path / "data.npz"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
