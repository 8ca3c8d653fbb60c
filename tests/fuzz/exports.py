"""Exports with a mutated bundle or a damaged model, read without TensorFlow: refused, or right."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
from mutations import damaged, mutated
from runner import Kind, Use, WrongNumberError
from trainings import write_files

from configs import VALID
from kerastl_runtime import Predictor


def _prepare(seeds: Path) -> Use:
    export = _exported(seeds)
    image = seeds / "0.png"
    expected = Predictor(export, threads=1)([image])[0]

    def use(draw: random.Random, place: Path) -> bool:
        shutil.copytree(export, place / "export")
        is_hashed = draw.random() < 0.2
        if not is_hashed:
            (place / "export" / "SHA256SUMS").unlink()
        path = place / "export" / draw.choice(("bundle.json", "bundle.json", "model.onnx"))
        if path.suffix == ".json" and draw.random() < 0.7:
            values = json.loads(path.read_text())
            for _ in range(draw.choice((1, 1, 2))):
                values = mutated(values, draw) if values else values
            path.write_text(json.dumps(values), errors="surrogatepass")
        else:
            path.write_bytes(damaged(path.read_bytes(), draw))
        found = Predictor(place / "export", threads=1)([image])[0]
        numbers = np.array(list(found.probabilities.values()))
        if not ((numbers >= 0) & (numbers <= 1)).all():
            raise WrongNumberError(f"{found.probabilities}")
        if is_hashed and found.probabilities != expected.probabilities:
            raise WrongNumberError(f"{found.probabilities} of a damaged export")
        return True

    return use


def _exported(seeds: Path) -> Path:
    """Trains and exports in a process of its own, which does not stay in this one's memory."""
    import subprocess
    import sys

    import yaml

    write_files(seeds)
    config = {**VALID[1], "data": {**VALID[1]["data"], "table": str(seeds / "png.csv")}}
    (seeds / "config.yaml").write_text(yaml.safe_dump(config))
    code = (
        "import kerastl, sys; run = kerastl.train(sys.argv[1], output=sys.argv[2]);"
        "run.export('onnx', examples=8)"
    )
    command = [sys.executable, "-c", code, str(seeds / "config.yaml"), str(seeds / "run")]
    subprocess.run(command, check=True, capture_output=True)
    return seeds / "run" / "export" / "onnx"


KINDS = (Kind(name="exports", prepare=_prepare),)
