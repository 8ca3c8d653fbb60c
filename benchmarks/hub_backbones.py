"""Measures backbones of KerasHub with random weights: features by engine, and steps of training.

    python benchmarks/hub_backbones.py dinov2_small vit_base_patch16_224_imagenet --examples 16

Prints for each backbone and engine images per second (the median of the rounds), the ratio to Keras
in the same round, the difference of the features and the memory of the process at its peak, which
for ONNX Runtime includes the conversion of the network. Then seconds per step with LoRA and with
all weights. Each measurement of memory is of an own process.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 224


def network_of(name: str) -> Any:
    """Returns the network with random weights."""
    from kerastl.backbones import find_backbone
    from kerastl.backbones.building import build_network

    spec = find_backbone(f"keras_hub:{name}")
    taken = spec.input.resized(SIZE, backbone=spec.id)
    return build_network(spec, weights=None, input=taken, options={})


def images(count: int) -> np.ndarray:
    """Returns random images."""
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def runners(name: str, raw: np.ndarray, wanted: Sequence[str]) -> dict[str, Callable[[], Any]]:
    """Returns a call for each engine that computes the features of all images."""
    from kerastl.features.engines.network_engines import NetworkEngines
    from kerastl.features.network import Network

    model = network_of(name)
    engines = NetworkEngines(network=Network.of(model), dtype=raw.dtype, sample=lambda: raw)
    calls: dict[str, Callable[[], Any]] = {}
    for label in wanted:
        if label == "onnxruntime":
            calls[label] = partial(_of_onnxruntime, _session(model), raw)
        elif (engine := engines.engine(label)).label == label:
            calls[label] = partial(engine.output, raw)
    return calls


def _session(model: Any) -> Any:
    import onnxruntime

    from kerastl.backbones.onnx_conversion import converted

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        return onnxruntime.InferenceSession(converted(Path(folder)).SerializeToString())


def _of_onnxruntime(session: Any, raw: np.ndarray) -> Any:
    return session.run(None, {session.get_inputs()[0].name: raw.astype(np.float32)})[0]


def speed(name: str, count: int, rounds: int) -> list[str]:
    """Returns lines of the engines, which take turns in each round."""
    raw = images(count)
    calls = runners(
        name, raw, ("keras float32", "openvino float32", "openvino bfloat16", "onnxruntime")
    )
    expected = None
    seconds: dict[str, list[float]] = {label: [] for label in calls}
    lines = []
    for _ in range(rounds + 1):  # the first one warms up
        for label, call in calls.items():
            started = time.perf_counter()
            output = np.asarray(call())
            seconds[label].append(time.perf_counter() - started)
            expected = output if expected is None else expected
    for label, call in calls.items():
        own, base = np.array(seconds[label][1:]), np.array(seconds["keras float32"][1:])
        difference = np.abs(np.asarray(call()) - expected).max() / expected.std()
        ratios = base / own
        lines.append(
            f"{name:<32}{label:<20}{count / np.median(own):>7.1f}/s  "
            f"x {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})  "
            f"{difference:.0e}"
        )
    return lines


def memory(name: str, label: str, count: int) -> list[str]:
    """Returns the peak of a process in which one engine computes features."""
    for call in runners(name, images(count), (label,)).values():
        call()
    return [f"{name:<32}{label:<20}{_peak():,.0f} MB at the peak"]


def steps(name: str, rank: int, count: int, rounds: int) -> list[str]:
    """Returns the median time of a step after the first, with adapters or (rank 0) all weights."""
    import keras

    from kerastl.backbones import Backbone
    from kerastl.training.adapters import low_rank_adapters

    layer = Backbone(network_of(name))
    raw = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(raw, keras.layers.Dense(1)(layer(raw)))
    with ExitStack() as stack:
        if rank:
            stack.enter_context(low_rank_adapters(layer, rank, seed=0))
        else:
            layer.unfreeze()
        model.compile("adam", "mean_squared_error")
        x, y = images(count).astype("float32"), np.zeros((count, 1), "float32")
        seconds = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            model.train_on_batch(x, y)
            seconds.append(time.perf_counter() - started)
        weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    label = f"LoRA, rank {rank}" if rank else "all weights"
    median = np.median(seconds[1:])
    span = f"({min(seconds[1:]):.2f} to {max(seconds[1:]):.2f})"
    return [
        f"{name:<32}{label:<20}{median:.2f} s/step of {count} {span}  "
        f"{weights:,} weights  {_peak():,.0f} MB"
    ]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _alone(function: Callable[..., list[str]], *arguments: Any) -> None:
    """Prints what a function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(*pool.apply(function, arguments), sep="\n", flush=True)


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="presets without keras_hub:")
    parser.add_argument("--examples", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for name in given.names:
        _alone(speed, name, given.examples, given.rounds)
        for label in ("keras float32", "openvino float32", "openvino bfloat16", "onnxruntime"):
            _alone(memory, name, label, given.examples)
        for rank in (8, 0):
            _alone(steps, name, rank, given.batch, given.rounds)


if __name__ == "__main__":
    main()
