"""The Open Inference Protocol, version 2, as KServe, Triton and OpenVINO Model Server speak it.

Convention: a request has one input tensor: `file`, encoded files, of type BYTES, in JSON as base64;
or decoded inputs of the run, named after its media type. There are two output tensors per head: its
probabilities, named as the head, and `HEAD/decisions`.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerastl.serving.limits import RefusedError
from kerastl.serving.served_run import ServedRun
from kerastl_runtime.files import parse_json

FILE, DECISIONS = "file", "/decisions"
_DTYPES = {"BOOL": "bool", "UINT8": "uint8", "FP32": "float32", "FP64": "float64"}
_TYPES = {np.dtype(name): datatype for datatype, name in _DTYPES.items()}
_MAX_DEPTH = 10


def model_metadata(served: ServedRun) -> dict[str, Any]:
    """Returns the metadata of a run, with the thresholds of its tasks."""
    bundle, outputs = served.bundle, []
    for head, tasks in bundle.heads.items():
        outputs += [
            {"name": head, "datatype": "FP64", "shape": [-1, len(tasks)]},
            {"name": f"{head}{DECISIONS}", "datatype": "BOOL", "shape": [-1, len(tasks)]},
        ]
    datatype, shape = _TYPES[served.decoder.dtype], [-1, *bundle.input.shape]
    return {
        "name": served.name,
        "versions": ["1"],
        "platform": "kerastl",
        "inputs": [
            {"name": FILE, "datatype": "BYTES", "shape": [-1]},
            {
                "name": bundle.input.modality,
                "datatype": datatype,
                "shape": shape,
            },
        ],
        "outputs": outputs,
        "parameters": {
            "heads": {head: list(tasks) for head, tasks in bundle.heads.items()},
            "thresholds": bundle.thresholds,
            "engine": served.engine,
            "reading": bundle.media.reading(bundle.input),
        },
    }


def read_request(body: bytes, served: ServedRun) -> tuple[dict[str, Any], list[bytes] | np.ndarray]:
    """Returns the JSON of a request, and its files or its decoded inputs, `(examples, *shape)`.

    Raises:
        RefusedError: It is not a request of this protocol for this run.
    """
    request = read_json_object(body)
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RefusedError(400, "'inputs' must be a list with one tensor.")
    name, modality = inputs[0].get("name"), served.bundle.input.modality
    if name not in (FILE, modality):
        expected = f"'{FILE}' or '{modality}'"
        raise RefusedError(400, f"The run takes the input {expected}, not {name!r:.60}.")
    datatype = "BYTES" if name == FILE else _TYPES[served.decoder.dtype]
    if (found := inputs[0].get("datatype")) != datatype:
        raise RefusedError(400, f"The datatype of '{name}' is {datatype}, not {found!r:.60}.")
    shape = _shape(inputs[0], [-1] if name == FILE else [-1, *served.bundle.input.shape])
    if name != FILE:
        return request, _array(inputs[0].get("data"), shape, served.decoder.dtype)
    files = read_base64(inputs[0].get("data"), "data")
    if len(files) != shape[0]:
        raise RefusedError(400, f"The shape says {shape[0]} files, and data has {len(files)}.")
    return request, files


def wanted_outputs(request: Mapping[str, Any], served: ServedRun) -> list[str]:
    """Returns the names of the outputs that a request asks for, all by default.

    Raises:
        RefusedError: There is no such output.
    """
    known = [name for head in served.bundle.heads for name in (head, f"{head}{DECISIONS}")]
    wanted: Any = request.get("outputs")
    if wanted is None:
        return known
    if not isinstance(wanted, list):
        raise RefusedError(400, "'outputs' must be a list of tensors.")
    names: list[Any] = [one.get("name") if isinstance(one, dict) else one for one in wanted]
    for name in names:
        if name not in known:
            raise RefusedError(400, f"There is no output {name!r:.60}, only {', '.join(known)}.")
    return names


def response(
    request: Mapping[str, Any], served: ServedRun, probabilities: np.ndarray
) -> dict[str, Any]:
    """Returns the answer to a request, `probabilities` being `(examples, tasks)`."""
    outputs = {one["name"]: one for one in _outputs(served, probabilities)}
    found: dict[str, Any] = {"model_name": served.name, "model_version": "1"}
    if isinstance(request.get("id"), str):
        found["id"] = request["id"]
    return {**found, "outputs": [outputs[name] for name in wanted_outputs(request, served)]}


def read_json_object(data: bytes) -> dict[str, Any]:
    """Returns an object in JSON, or raises a `RefusedError`."""
    try:
        found = parse_json(data, max_depth=_MAX_DEPTH)
    except UnicodeDecodeError:
        raise RefusedError(400, "The body is not JSON in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise RefusedError(400, f"The body is not JSON: {error}.") from None
    except ValueError as error:
        raise RefusedError(400, f"The JSON of the body is refused: {error}.") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "The body must be an object in JSON.")
    return found


def read_base64(values: Any, place: str) -> list[bytes]:
    """Returns the bytes of a list of texts in base64, or raises a `RefusedError`."""
    if not isinstance(values, list) or not values:
        raise RefusedError(400, f"'{place}' must be a list with at least one file in base64.")
    found = []
    for number, text in enumerate(values):
        try:
            found.append(base64.b64decode(text, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise RefusedError(400, f"'{place}[{number}]' is not a text in base64.") from None
    return found


def _shape(tensor: Mapping[str, Any], expected: Sequence[int]) -> list[int]:
    shape: Any = tensor.get("shape")
    is_shape = isinstance(shape, list) and all(type(side) is int for side in shape)
    if not is_shape or shape[1:] != list(expected[1:]) or len(shape) != len(expected):
        raise RefusedError(400, f"The shape must be {list(expected)}, not {shape!r:.60}.")
    if shape[0] < 1:
        raise RefusedError(400, "The input has no examples.")
    return list(shape)


def _array(values: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Returns the values of a tensor, flat or nested, or raises a `RefusedError`."""
    try:
        found = np.asarray(values)
        if found.dtype.kind not in ("iu" if dtype.kind == "u" else "iuf"):
            raise ValueError(f"data must be {'whole ' if dtype.kind == 'u' else ''}numbers")
        if dtype.kind == "u" and found.size and not (found.min() >= 0 and found.max() <= 255):
            raise ValueError("values of UINT8 are from 0 to 255")
        with np.errstate(over="ignore"):
            cast = found.astype(dtype).reshape(shape)
        if not np.isfinite(cast).all():
            raise ValueError("data has values that are not finite")
        return cast
    except (ValueError, OverflowError) as error:
        raise RefusedError(400, f"The input cannot be read: {error}.") from None


def _outputs(served: ServedRun, probabilities: np.ndarray) -> Iterator[dict[str, Any]]:
    tasks = list(served.bundle.thresholds)
    is_yes = probabilities >= np.array(list(served.bundle.thresholds.values()))
    for head, own in served.bundle.heads.items():
        columns = [tasks.index(task) for task in own]
        for name, values in ((head, probabilities), (f"{head}{DECISIONS}", is_yes)):
            yield {
                "name": name,
                "datatype": _TYPES[values.dtype],
                "shape": [len(values), len(own)],
                "data": values[:, columns].reshape(-1).tolist(),
            }
