"""Several frozen networks as one ONNX network, and back.

Convention: the names of each network begin with its own prefix. The fingerprints of the networks
are in the metadata, so that their features have the entries in the cache that each has alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from kerastl.backbones.extractor import FEATURES, Extractor
from kerastl.backbones.fingerprints import combined_fingerprint, network_fingerprint
from kerastl.backbones.onnx_conversion import converted
from kerastl.backbones.onnx_graph import BATCH, Nodes, float_value, opset_of, prefixed
from kerastl.errors import BackboneError

if TYPE_CHECKING:
    import keras
    import onnx

_SAME = 1e-3  # largest difference of features after a conversion, relative
_KEY = "kerastl_backbones"  # of the fingerprints in the metadata


def joined_extractor(members: Sequence[Extractor]) -> Extractor:
    """Returns the extractor whose features are those of others side by side, for the same input.

    Raises:
        BackboneError: They have different opsets and cannot be converted, need other versions of
            the same operations, or are too large.
    """
    from onnx import helper

    opset = max(opset_of(member.model) for member in members)
    raw, names = "input", []
    graph = helper.make_graph([], "backbones", [], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    opsets = {"": opset}
    for number, member in enumerate(members):
        part = prefixed(_with_opset(member, opset), _prefix(number))
        link = helper.make_node("Identity", [raw], [part.graph.input[0].name])
        model.graph.node.extend([link, *part.graph.node])
        model.graph.initializer.extend(part.graph.initializer)
        model.graph.sparse_initializer.extend(part.graph.sparse_initializer)
        model.functions.extend(part.functions)
        for one in part.opset_import:
            if one.domain in ("", "ai.onnx"):
                continue
            if opsets.setdefault(one.domain, one.version) != one.version:
                raise _other_versions(one.domain, opsets[one.domain], one.version)
        names.append(part.graph.output[0].name)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*one) for one in opsets.items())
    model.ir_version = max(member.model.ir_version for member in members)
    model.graph.input.append(float_value(raw, [BATCH, *members[0].input_shape]))
    nodes = Nodes(model, "joined")
    nodes.add_named("Concat", FEATURES, *names, axis=1)
    nodes.put_after()
    dim = sum(member.feature_dim for member in members)
    model.graph.output.append(float_value(FEATURES, [BATCH, dim]))
    facts = [[member.fingerprint, member.feature_dim] for member in members]
    helper.set_model_props(model, {_KEY: json.dumps(facts)})
    joined = Extractor(model, fingerprint=combined_fingerprint({"backbones": facts}))
    _ = joined.content  # raises if it is too large, before anything is trained
    return joined


def members_of(extractor: Extractor) -> tuple[Extractor, ...]:
    """Returns the extractors that were joined, or none if it is a single network."""
    import onnx

    stated = {one.key: one.value for one in extractor.model.metadata_props}.get(_KEY)
    if stated is None:
        return ()
    joined, found = extractor.model, []
    for number, (fingerprint, dim) in enumerate(json.loads(stated)):
        prefix = _prefix(number)
        model = onnx.ModelProto(
            ir_version=joined.ir_version,
            opset_import=joined.opset_import,
            functions=joined.functions,
        )
        graph = model.graph
        graph.name = f"{prefix}network"
        graph.node.extend(node for node in joined.graph.node if _is_of(node.output, prefix))
        graph.initializer.extend(
            one for one in joined.graph.initializer if one.name.startswith(prefix)
        )
        graph.sparse_initializer.extend(
            one for one in joined.graph.sparse_initializer if one.values.name.startswith(prefix)
        )
        link, concat = graph.node[0], joined.graph.node[-1]
        graph.input.append(float_value(link.output[0], [BATCH, *extractor.input_shape]))
        graph.output.append(float_value(concat.input[number], [BATCH, dim]))
        del graph.node[0]
        found.append(Extractor(model, fingerprint=fingerprint))
    return tuple(found)


def converted_extractor(network: "keras.Model") -> Extractor:
    """Returns a Keras network from raw input to a feature vector as an extractor.

    It has the fingerprint of the Keras network, because tf2onnx gives other names each time.
    """
    with TemporaryDirectory(prefix="kerastl-") as folder:
        network.export(folder, verbose=False)
        model = converted(Path(folder))
    shapes = network.input_shape, network.output_shape
    values = model.graph.input[0], model.graph.output[0]
    for value, (_, *shape) in zip(values, shapes, strict=True):
        value.CopyFrom(float_value(value.name, [BATCH, *shape]))
    facts = {"converted": network_fingerprint(network)}
    return Extractor(model, fingerprint=combined_fingerprint(facts))


def _with_opset(member: Extractor, opset: int) -> "onnx.ModelProto":
    """Returns the model of an extractor with another opset, if it computes the same features."""
    from onnx import inliner, version_converter

    own = opset_of(member.model)
    if own == opset:
        return member.model
    raw = np.random.default_rng(0).random((2, *member.input_shape), np.float32)
    try:
        # The converter loses functions.
        model = version_converter.convert_version(
            inliner.inline_local_functions(member.model), opset
        )
        expected, found = member.features(raw), Extractor(model).features(raw)
        difference = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12)
        problem = None if difference <= _SAME else f"features that differ by {difference:.1%}"
    except Exception as error:  # written in C++, raises what it likes
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
    if problem is None:
        return model
    raise BackboneError(
        f"One of the backbones has opset {own}, and cannot be converted to the opset {opset} of "
        "another one.",
        where="backbone.name",
        received=problem,
        fix=f"Export the ONNX file again with opset {opset}.",
    )


def _other_versions(domain: str, *versions: int) -> BackboneError:
    return BackboneError(
        f"The backbones need other versions of the operations '{domain}'.",
        where="backbone.name",
        received=" and ".join(map(str, versions)),
        fix="Export the ONNX files again with the same versions of all packages.",
    )


def _prefix(number: int) -> str:
    return f"backbone_{number + 1}/"


def _is_of(names: Sequence[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)
