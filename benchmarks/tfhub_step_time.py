"""Step time of a TF Hub module against the same network native in Keras, in one run.

The network is exported as a reusable SavedModel first, so both sides compute the same. Steps of
the two alternate. On a busy machine believe the ratio of processor seconds: the clock on the wall
also counts what others compute.

`python benchmarks/tfhub_step_time.py --alpha 0.35 --size 160 --steps 20`
"""

import argparse
import statistics
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from kerastl_tfhub import SavedModelLayer


def export(network: keras.Model, folder: str) -> None:
    """Saves the network in the form of TF Hub's modules."""
    module = tf.train.Checkpoint()
    call = tf.function(
        lambda inputs, training=False: network(inputs, training=training), autograph=False
    )
    spec = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32, name="inputs")
    for training in (False, True):
        call.get_concrete_function(spec, training=training)
    module.__call__ = call
    module.variables = [variable.value for variable in network.weights]
    module.trainable_variables = [variable.value for variable in network.trainable_weights]
    tf.saved_model.save(module, folder)


def classifier(backbone: keras.Layer, size: int) -> keras.Model:
    """Returns a compiled model of the backbone and one Dense layer."""
    raw = keras.Input((size, size, 3))
    model = keras.Model(raw, keras.layers.Dense(4)(backbone(raw)))
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    return model


def alternate(steps: dict, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Returns processor and wall seconds of each step, taken in turns after two to warm up."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(repeats + 2):
        for name, step in steps.items():
            begin = time.process_time(), time.perf_counter()
            step()
            end = time.process_time(), time.perf_counter()
            if number >= 2:
                seconds[name].append((end[0] - begin[0], end[1] - begin[1]))
    return seconds


def report(title: str, seconds: dict[str, list[tuple[float, float]]]) -> None:
    """Prints the medians and their ratio, by processor and by wall clock."""
    line = f"{title:<18}"
    for column, clock in enumerate(("processor", "wall")):
        native, module = (
            statistics.median(step[column] for step in seconds[name])
            for name in ("native", "module")
        )
        line += f"  {clock}: native {native * 1e3:6.1f} ms, module {module * 1e3:6.1f} ms, "
        line += f"ratio {module / native:.2f}"
    print(line, flush=True)


def main() -> None:
    """Times inference, frozen training and full training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    shape = (arguments.size, arguments.size, 3)
    network = keras.applications.MobileNetV2(
        shape, arguments.alpha, include_top=False, weights=None, pooling="avg"
    )
    x = np.random.default_rng(0).uniform(0, 1, (arguments.batch, *shape)).astype("float32")
    y = np.zeros((arguments.batch, 4), "float32")
    with tempfile.TemporaryDirectory() as folder:
        export(network, folder)
        layer = SavedModelLayer(folder, trainable=True, batch_norm="update")
    for title, trainable in (("training, frozen", False), ("training, all", True)):
        network.trainable = layer.trainable = trainable
        models = {
            "native": classifier(network, arguments.size),
            "module": classifier(layer, arguments.size),
        }
        steps = {n: (lambda m=m: m.train_on_batch(x, y)) for n, m in models.items()}
        report(title, alternate(steps, arguments.steps))
        if not trainable:
            steps = {n: (lambda m=m: m.predict_on_batch(x)) for n, m in models.items()}
            report("inference", alternate(steps, arguments.steps))


if __name__ == "__main__":
    main()
