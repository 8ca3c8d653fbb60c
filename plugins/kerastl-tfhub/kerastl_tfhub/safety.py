"""Safe mode: every operation of a module's graph is checked before anything is loaded.

Convention: an operation is allowed only if `safe_operations.txt` lists it. The list contains the
operations on tensors and on the module's own state; `tools/list_safe_operations.py` generates it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from kerastl.backbones import BackboneError
from kerastl_tfhub.files import has_link, stays_inside
from kerastl_tfhub.graph import Graph

TRUST_VARIABLE = "KERASTL_TFHUB_TRUST"

_CHECKPOINT = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec"}
_TABLE_FROM_FILE = {"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"}
_CONSOLE = {"stdout", "stderr", "log(info)", "log(warning)", "log(error)"}
_trusted: ContextVar[frozenset[str]] = ContextVar("trusted", default=frozenset())


class UntrustedModuleError(BackboneError):
    """A module whose graph contains an operation that safe mode refuses."""


@dataclass(frozen=True, order=True)
class Refusal:
    """An operation that safe mode refuses.

    Args:
        operation: Its type, such as `ReadFile`.
        function: Name of its function, empty for the main graph.
        node: Its name.
    """

    operation: str
    function: str
    node: str

    def __str__(self) -> str:
        return f"{self.operation}: '{self.node}' in {self.function or 'the main graph'}"


@contextmanager
def trust(*operations: str) -> Iterator[None]:
    """Allows loading modules and models with these operations, within a `with` block.

    Use it only for files from a trusted author: with `ReadFile` or `PyFunc` a module can read
    your files or run code. The environment variable `KERASTL_TFHUB_TRUST`, a
    comma-separated list of operations, does the same for a whole process, such as the command
    line. `keras.config.enable_unsafe_deserialization()` and `load_model(safe_mode=False)` turn
    the check off.

    Args:
        operations: Types of operations, as named in the error.

    Example:

    ```python
    with kerastl_tfhub.trust("XlaCallModule"):
        layer = kerastl_tfhub.SavedModelLayer("exported_from_jax")
    ```
    """
    token = _trusted.set(_trusted.get() | set(operations))
    try:
        yield
    finally:
        _trusted.reset(token)


def check_trust(graph: Graph, *, where: str) -> None:
    """Checks that a graph may be loaded.

    Args:
        graph: The graph to load.
        where: The file or handle, for the message.

    Raises:
        UntrustedModuleError: Safe mode is on and refuses an operation.
    """
    if not in_safe_mode():
        return
    found = refusals(graph)
    if found:
        names = sorted({refusal.operation for refusal in found})
        listed = [str(refusal) for refusal in found[:10]]
        more = [f"... and {len(found) - 10} more"] if len(found) > 10 else []
        quoted = ", ".join(f'"{name}"' for name in names)
        raise UntrustedModuleError(
            "The module's graph contains operations that can read or write files, run code of the "
            "host or are unknown.",
            problems=[*listed, *more],
            where=where,
            fix=f"If you trust its author, load it within `with kerastl_tfhub.trust({quoted}):`, "
            f"or set {TRUST_VARIABLE}={','.join(names)}.",
        )


def check_platform(graph: Graph, *, where: str) -> None:
    """Checks that compiled code in a graph is for the devices of this machine.

    Args:
        graph: The graph to load.
        where: The file or handle, for the message.

    Raises:
        BackboneError: It is for others.
    """
    if graph.platforms is None:
        return
    import tensorflow as tf

    on_gpu = "ROCM" if tf.test.is_built_with_rocm() else "CUDA"
    here = on_gpu if tf.config.list_physical_devices("GPU") else "CPU"
    if here not in graph.platforms:
        to_cpu = (
            "set CUDA_VISIBLE_DEVICES=-1 to compute on the CPU" if "CPU" in graph.platforms else ""
        )
        raise BackboneError(
            "The module consists of code that JAX compiled for other devices.",
            where=where,
            expected=f"{here}, which TensorFlow uses here",
            received=", ".join(sorted(graph.platforms)) or "no device that all of it is for",
            fix=f"Use a version of the module for {here}{', or ' if to_cpu else ''}{to_cpu}.",
        )


def check_links(folder: Path, *, where: str) -> None:
    """Checks that everything in the folder of a module is a file or a folder inside of it.

    Links to other files of the module are allowed.

    Args:
        folder: The SavedModel.
        where: The file or handle, for the message.

    Raises:
        UntrustedModuleError: A link leads out of the folder, or a file is a pipe or a device.
    """
    root = folder.resolve()
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            if not path.resolve().is_relative_to(root):
                raise UntrustedModuleError(
                    "The module contains a link to a place outside its own folder.",
                    where=where,
                    expected="files, folders and links between them",
                    received=f"{path.relative_to(root)}, which leads to {path.readlink()}",
                    fix="If you trust the file that it leads to, replace the link by a copy: "
                    "cp -rL copies a folder without its links.",
                )
        elif not (path.is_file() or path.is_dir()):
            raise UntrustedModuleError(
                "The module contains a pipe or a device.",
                where=where,
                expected="files, folders and links between them",
                received=str(path.relative_to(root)),
                fix="Do not use this module; ask its author for a clean export.",
            )


def check_assets(graph: Graph, folder: Path, *, where: str) -> None:
    """Checks that every asset of a module is a file of its own, in safe mode or not.

    Args:
        graph: The graph that names the assets.
        folder: The folder `assets` of the SavedModel.
        where: The file or handle, for the message.

    Raises:
        UntrustedModuleError: An asset is outside of the folder, or is a link.
    """
    for name in graph.asset_names:
        if not stays_inside(name):
            what = "The module names an asset outside its own folder."
        elif folder.is_symlink() or has_link(folder, name):
            what = "The module names an asset that is a link."
        else:
            continue
        raise UntrustedModuleError(
            what,
            where=where,
            received=name,
            fix="Do not use this file; ask its author for a clean export.",
        )


def refusals(graph: Graph) -> list[Refusal]:
    """Returns every operation that safe mode refuses, sorted; except those that `trust` allows."""
    trusted = _trusted.get() | _trusted_by_environment()
    return sorted(
        Refusal(node.op, function, node.name)
        for function, node in graph.operations()
        if node.op not in trusted and not _is_safe(graph, function, node)
    )


def in_safe_mode() -> bool:
    """Whether Keras is in safe mode, which is the default.

    The only public way to find out: in safe mode, Keras refuses to deserialize a lambda; otherwise
    it complains that this lambda lacks its code.
    """
    import keras

    try:
        keras.saving.deserialize_keras_object({"class_name": "__lambda__", "config": {}})
    except ValueError:
        return True
    except KeyError:
        return False
    return True


@cache
def safe_operations() -> frozenset[str]:
    """Returns the types of operations that any module may contain."""
    listed = resources.files("kerastl_tfhub").joinpath("safe_operations.txt").read_text()
    return frozenset(listed.split())


def _is_safe(graph: Graph, function: str, node: Any) -> bool:
    if node.op in safe_operations() or _calls_function(graph, node):
        return True
    if node.op in _CHECKPOINT:
        return _is_own_checkpoint(graph, function, node)
    if node.op in _TABLE_FROM_FILE:
        return graph.is_asset(function, node.input[1])
    if node.op == "PrintV2":
        return node.attr["output_stream"].s.decode() in _CONSOLE | {""}
    return False


def _calls_function(graph: Graph, node: Any) -> bool:
    """Whether the type is a function of the graph; the prefix keeps real operations out."""
    return node.op.startswith("__inference_") and node.op in graph.functions


def _is_own_checkpoint(graph: Graph, function: str, node: Any) -> bool:
    """Whether the operation only saves or restores the module itself.

    Loading never runs a TF2 module's saver. In the TF1 format it runs the restoring part, which may
    therefore only read, and only the file that the loader passes.
    """
    if function:
        return not graph.is_tf1 and function in graph.saver_functions
    if node.name not in graph.saver_nodes:
        return False
    if graph.is_tf1 and node.op == "RestoreV2":
        filename = graph.meta.saver_def.filename_tensor_name.partition(":")[0]
        return graph.filename_input(node) == filename
    return not graph.is_tf1 or node.name not in graph.restore_nodes


def _trusted_by_environment() -> frozenset[str]:
    listed = os.environ.get(TRUST_VARIABLE, "").split(",")
    return frozenset(name.strip() for name in listed if name.strip())
