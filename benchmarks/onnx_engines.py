"""Measures how fast engines compute the features of an ONNX file, and how much they agree.

    python benchmarks/onnx_engines.py vit.onnx --option pooling=cls --examples 64

Prints a line for each engine: images or clips per second, the difference from ONNX Runtime as a
share of the variation of the features, and the memory of the process at its peak. With `--keras ID`
the same for a backbone that Keras runs, with random weights or those of `--weights`.
"""

import argparse
import resource
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from kerastl.backbones import find_backbone
from kerastl.backbones.building import build_extractor, build_network
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.agreement import compare_features
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.network import ExtractorNetwork, Network
from kerastl.media.media_types import media_type_of


def measure(network: Network, raw: np.ndarray, label: str) -> None:
    """Prints the lines of one network."""
    engines = NetworkEngines(network=network, dtype=raw.dtype, sample=lambda: raw)
    expected = engines.reference.output(raw)
    others = [f"openvino {one}" for one in reversed(openvino_engine.precisions())]
    for name in (network.reference, *others):
        engine = engines.engine(name)
        if engine.label != name:
            print(f"{label:<24}{name:<22}cannot run it")
            continue
        output, per_second = engine.timed_output(raw)
        difference = compare_features(expected, output, engine.precision).difference
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{label:<24}{name:<22}{per_second:>8.1f}/s  {difference:.1e}  {peak:,.0f} MB")


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--option", action="append", default=[], help="KEY=VALUE of the backbone")
    parser.add_argument("--keras", help="identifier of a backbone of Keras")
    parser.add_argument("--weights", help="file of weights for it")
    parser.add_argument("--size", type=int, default=None)
    parser.add_argument("--examples", type=int, default=64)
    given = parser.parse_args()
    options: dict[str, Any] = {
        key: yaml.safe_load(value) for key, value in (one.split("=", 1) for one in given.option)
    }
    spec = find_backbone(given.keras or f"onnx:{given.file}", options=options)
    taken = spec.input
    if given.size is not None and taken is not None:
        taken = taken.resized(given.size, backbone=spec.id)
    if given.keras:
        model = build_network(spec, weights=given.weights, input=taken, options=options)
        network, shape = Network.of(model), tuple(model.input_shape[1:])
    else:
        extractor = build_extractor(spec, weights="file", input=taken, options=options)
        network, shape = ExtractorNetwork(extractor), extractor.input_shape
    media = media_type_of(spec.input, shape)
    low, high = media.raw_range
    raw = np.random.default_rng(0).uniform(low, high, (given.examples, *shape))
    dtype = np.uint8 if len(shape) == 3 else np.float32
    measure(network, raw.astype(dtype), given.keras or given.file.stem)


if __name__ == "__main__":
    main()
