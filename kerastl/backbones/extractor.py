"""The frozen-only form of a backbone: an ONNX network from raw input to the feature vector.

Convention: as in every backbone, whatever scaling a network needs is inside. Nothing of an
extractor can be trained, so a run stores it beside its heads, in a file of its own.
"""

import copy
import hashlib
import importlib.util
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl.backbones.onnx_graph import BATCH, Nodes, external_tensors, float_value, shape_of
from kerastl.backbones.views import TINY, Views
from kerastl.errors import BackboneError
from kerastl.media.view import View
from kerastl_runtime.files import require_regular
from kerastl_runtime.threads import num_processors

if TYPE_CHECKING:
    import onnx

FEATURES = "output/features"  # name of the output
RUNTIME = "onnxruntime"
_TO_THE_START = -(2**31)


class Extractor:
    """A frozen network that ONNX Runtime computes.

    Args:
        model: From one raw input, float32 `(batch, *input_shape)`, to `(batch, feature_dim)`, for
            batches of any size; its weights are inside.
        fingerprint: The hash of everything that determines the features, if it is known.

    Raises:
        BackboneError: The network has other inputs or outputs.
    """

    def __init__(self, model: "onnx.ModelProto", *, fingerprint: str | None = None):
        self.model = model
        if fingerprint is not None:
            self.fingerprint = fingerprint
        shapes = [shape_of(value) for value in (*model.graph.input, *model.graph.output)]
        if len(model.graph.input) != 1 or len(shapes) != 2 or len(shapes[-1]) != 2:
            raise _unusable("It is not a network from raw input to a feature vector.", str(shapes))
        if any(not all(shape[1:]) for shape in shapes):
            raise _unusable("The lengths of its inputs and features are not fixed.", str(shapes))
        self.input_shape: tuple[int, ...] = tuple(int(side or 0) for side in shapes[0][1:])
        self.feature_dim = int(shapes[1][1] or 0)

    @classmethod
    def read(cls, path: Path) -> "Extractor":
        """Reads a file that `save` wrote.

        Raises:
            BackboneError: It is no such file, or needs other files.
        """
        model = read_onnx(path)
        if next(external_tensors(model), None) is not None:
            raise _unusable("Its weights are in other files.", where=path)
        return cls(model)

    def save(self, path: Path) -> None:
        """Writes the network into one file."""
        path.write_bytes(self.content)

    @cached_property
    def content(self) -> bytes:
        """The file that `save` writes.

        Raises:
            BackboneError: The network is too large for a file.
        """
        try:
            return bytes(self.model.SerializeToString(deterministic=True))
        except Exception as error:  # protobuf has a class of its own
            raise _unusable("It has more than 2 GB, so no file can hold it.") from error

    @cached_property
    def fingerprint(self) -> str:
        """The hash of everything that determines the features."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def num_params(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(one.dims)) for one in self.model.graph.initializer)

    def features(self, raw: np.ndarray) -> np.ndarray:
        """Returns the features of raw input, `(batch, feature_dim)` float32.

        Raises:
            BackboneError: ONNX Runtime is missing, or cannot run the network.
        """
        name = self.model.graph.input[0].name
        try:
            (found,) = self._session.run(None, {name: np.asarray(raw, np.float32)})
        except Exception as error:  # the runtime has a class of its own for each kind
            raise _unusable("ONNX Runtime cannot run it.", _first_line(error)) from error
        return np.asarray(found, np.float32)

    def viewed(self, views: Views | None) -> "Extractor":
        """Returns an extractor of the features of all views, which have the size of the input.

        The views are rows of one batch, so that the weights are in the file once.
        """
        if views is None:
            return self
        model = copy.deepcopy(self.model)
        del model.metadata_props[:]
        raw, output = f"views/{model.graph.input[0].name}", model.graph.output[0].name
        before, after = Nodes(model, "views/inputs"), Nodes(model, "views/outputs")
        changed = [_change(before, raw, view, len(self.input_shape)) for view in views.views]
        before.put_before(before.add("Concat", *changed, axis=0), raw)
        shape = after.integers(len(views.views), -1, self.feature_dim)
        found = after.reduce("ReduceMean", after.add("Reshape", output, shape), [0])
        if views.transform == "sqrt":
            size = after.add("Add", after.add("Abs", found), after.constant(TINY))
            found = after.add("Div", found, after.add("Sqrt", size))
        after.put_after()
        model.graph.output[0].CopyFrom(float_value(found, [BATCH, self.feature_dim]))
        return Extractor(model)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_processors()
        options.log_severity_level = 4  # what fails is raised
        return onnxruntime.InferenceSession(self.content, options, ["CPUExecutionProvider"])


def read_onnx(path: Path) -> "onnx.ModelProto":
    """Returns the model in a file, without the weights that it has in other files.

    Raises:
        BackboneError: It is not an ONNX file, or the packages for ONNX are missing.
    """
    missing = [name for name in ("onnx", RUNTIME) if importlib.util.find_spec(name) is None]
    if missing:
        fix = "pip install 'kerastl[onnx]'"
        raise BackboneError(f"ONNX files need {' and '.join(missing)}.", where=str(path), fix=fix)
    import onnx

    try:
        require_regular(path)
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf has a class of its own
        raise _unusable("It is not an ONNX file.", _first_line(error), path) from error


def _change(nodes: Nodes, raw: str, view: View, rank: int) -> str:
    """Adds what `View.change` does."""
    if view.is_mirrored:
        raw = nodes.cut(raw, 2, -1, _TO_THE_START, -1)
    if view.shift:
        before, after = max(view.shift, 0), max(-view.shift, 0)
        padded = nodes.add("Pad", raw, nodes.integers(*[0] * rank, before, *[0] * rank, after))
        raw = nodes.cut(padded, 1, after, -before or 2**31)
    return raw


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _unusable(why: str, received: str | None = None, where: Path | None = None) -> BackboneError:
    return BackboneError(
        f"The ONNX network cannot be used. {why}",
        where=None if where is None else str(where),
        received=received,
    )
