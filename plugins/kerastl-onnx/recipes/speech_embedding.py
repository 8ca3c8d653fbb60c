"""Merges the two files of a speech embedding, as openWakeWord publishes them, into one.

The spectrogram is that of whole clips, in samples of 16 bits at 16 kHz; the embedding takes 76
frames of it, and one window of them every 8 frames. Run:

    python speech_embedding.py FOLDER NUM_SAMPLES speech.onnx
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

FRAMES, STEP = 76, 8  # of the spectrogram in a window, and between two windows
WIDTH, HOP = 512, 160  # samples in a frame, and between two frames


def merged(spectrogram: onnx.ModelProto, embedding: onnx.ModelProto, num_samples: int):
    """Returns the network from `(batch, num_samples)` to `(batch, windows, 96)`."""
    spectrogram = compose.add_prefix(_for_each_clip(spectrogram), "mel/")
    num_frames = (num_samples - WIDTH) // HOP + 1
    starts = np.arange(0, num_frames - FRAMES + 1, STEP)
    graph = spectrogram.graph

    def constant(name: str, values: object, dtype: type) -> str:
        graph.initializer.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    places = constant("places", starts[:, None] + np.arange(FRAMES), np.int64)
    rows = constant("rows", [-1, FRAMES, 32, 1], np.int64)
    graph.node.extend(
        [
            helper.make_node("Div", ["mel/output", constant("ten", 10, np.float32)], ["tenth"]),
            helper.make_node("Add", ["tenth", constant("two", 2, np.float32)], ["scaled"]),
            helper.make_node("Gather", ["scaled", places], ["windows"], axis=2),
            helper.make_node("Reshape", ["windows", rows], ["patches"]),
        ]
    )
    del graph.output[:]
    shape = ["rows", FRAMES, 32, 1]
    graph.output.append(helper.make_tensor_value_info("patches", TensorProto.FLOAT, shape))
    embedding = compose.add_prefix(embedding, "embedding/")
    model = compose.merge_models(
        spectrogram, embedding, io_map=[("patches", embedding.graph.input[0].name)]
    )
    sizes = numpy_helper.from_array(np.array([-1, len(starts), 96]), "sizes")
    model.graph.initializer.append(sizes)
    last = model.graph.output[0].name
    model.graph.node.append(helper.make_node("Reshape", [last, "sizes"], ["embeddings"]))
    del model.graph.output[:]
    shape = ["batch", len(starts), 96]
    model.graph.output.append(helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, shape))
    return model


def _for_each_clip(spectrogram: onnx.ModelProto) -> onnx.ModelProto:
    """Sets the floor 80 dB below the loudest value of each clip, and not of the whole batch."""
    for node in spectrogram.graph.node:
        if node.op_type == "ReduceMax":
            del node.attribute[:]
            node.attribute.extend(
                [helper.make_attribute("axes", [1, 2, 3]), helper.make_attribute("keepdims", 1)]
            )
        elif node.op_type == "Clip" and node.output[0] == "output":
            node.op_type, node.input[:] = "Max", node.input[:2]
    return spectrogram


if __name__ == "__main__":
    folder, num_samples, output = sys.argv[1:]
    files = ("melspectrogram.onnx", "embedding_model.onnx")
    onnx.save(merged(*(onnx.load(Path(folder, file)) for file in files), int(num_samples)), output)
