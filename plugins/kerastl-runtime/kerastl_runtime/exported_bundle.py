"""`bundle.json` of an exported model: what a program needs to know besides the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl_runtime.checksums import refuse_changed
from kerastl_runtime.errors import RunError
from kerastl_runtime.files import read_json
from kerastl_runtime.input_contract import Contract, count_of, read_contract

NAME = "bundle.json"
VERSION = 1  # of the file
MODEL_FILES: Mapping[str, tuple[str, ...]] = {
    "onnx": ("model.onnx",),
    "openvino": ("model.xml", "model.bin"),
    "litert": ("model.tflite",),
}
"""The files of each format that this package runs, the first of which its runtime opens."""


@dataclass(frozen=True, kw_only=True)
class ExportedBundle:
    """An exported model.

    Args:
        format: One of `MODEL_FILES`.
        precision: Such as `"float32"`.
        model: The file that the runtime opens.
        input_name: Name of the model's input.
        batch: Number of examples that the model takes at a time, None for any.
        contract: What the model takes, and how a file becomes it.
        columns: Each task, in the order of the answers, to its head and its column there.
        joins_windows: Whether the model takes all windows of one example, with one answer.
        thresholds: Of each task.
        run: What the run states about itself: `created`, `sha256` of its files.
    """

    format: str
    precision: str
    model: Path
    input_name: str
    batch: int | None
    contract: Contract
    columns: Mapping[str, tuple[str, int]]
    joins_windows: bool
    thresholds: Mapping[str, float]
    run: Mapping[str, Any]


def read_bundle(folder: str | Path) -> ExportedBundle:
    """Reads the bundle in the folder of an export.

    Raises:
        RunError: There is none, a file has changed, or it is not for this package.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise RunError(
            f"'{folder}' contains no exported model.",
            where=str(path),
            expected="a folder that `kerastl export RUN` wrote, with bundle.json",
        )
    refuse_changed(path.parent, [path])
    try:
        values = read_json(path)
        kind = values["format"]
        _refuse_other(kind, values.get("version"), path)
        bundle = _bundle(values, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RunError(
            "The bundle of the exported model cannot be read.",
            where=str(path),
            received=f"{type(error).__name__}: {error}".splitlines()[0],
            fix="Export the run again, or restore the file.",
        ) from None
    files = [path.parent / name for name in MODEL_FILES[kind]]
    refuse_changed(path.parent, files)
    for file in files:
        if not file.is_file():
            raise RunError(
                f"The exported model lacks its file '{file.name}'.",
                where=str(file),
                fix="Export the run again, or restore the file.",
            )
    return bundle


def _bundle(values: Mapping[str, Any], path: Path) -> ExportedBundle:
    heads = {
        task: (str(head), place)
        for head, tasks in values["outputs"].items()
        for place, task in enumerate(tasks)
    }
    stated, tasks = values["input"], values["tasks"]
    return ExportedBundle(
        format=values["format"],
        precision=str(values["precision"]),
        model=path.parent / MODEL_FILES[values["format"]][0],
        input_name=str(stated["name"]),
        batch=None if stated["shape"][0] is None else count_of(stated["shape"][0]),
        contract=read_contract(stated["contract"], where=str(path)),
        columns={task: heads[task] for task in tasks},
        joins_windows=values.get("windows") is not None,
        thresholds={task: float(one["threshold"]) for task, one in tasks.items()},
        run=dict(values.get("run") or {}),
    )


def _refuse_other(kind: Any, version: Any, path: Path) -> None:
    if version is None or isinstance(kind, int):
        raise RunError(
            "This is the folder of a run, not of an exported model.",
            where=str(path.parent),
            fix=f"kerastl export {path.parent} --format onnx, then use its folder export/onnx.",
        )
    if version != VERSION:
        raise RunError(
            "The bundle is of another version.",
            where=str(path),
            expected=f"version {VERSION}",
            received=f"version {version}",
            fix="Install kerastl-runtime of the version of kerastl that wrote it.",
        )
    if kind not in MODEL_FILES:
        raise RunError(
            f"kerastl-runtime does not run models of the format {kind}.",
            where=str(path),
            expected=", ".join(MODEL_FILES),
            fix="Export the run in one of these formats.",
        )
