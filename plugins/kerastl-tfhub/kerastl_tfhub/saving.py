"""A SavedModel's graph as text in a config, and as a folder that can be loaded.

Convention: only a fresh folder is loaded, which contains exactly what was checked: one
`saved_model.pb` with one graph, the assets it names, and the variables or none.
"""

import base64
import lzma
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from kerastl.backbones import WeightsError
from kerastl_tfhub.files import stays_inside
from kerastl_tfhub.graph import Graph, read_graph
from kerastl_tfhub.safety import check_assets, check_links, check_platform, check_trust

_MAX_BYTES = 2**31  # a protocol buffer can't be larger

PackedGraph = Mapping[str, str]
"""File inside the SavedModel, to its bytes: compressed with LZMA, as base64."""


class StagedModule:
    """A checked SavedModel in a temporary folder, which is deleted with the object.

    Args:
        folder: A SavedModel of any origin.
        tags: Tags of the graph; None chooses one.
        where: Handle or file, for messages.

    Raises:
        BackboneError: There is no such SavedModel or graph, or its code is for other devices.
        UntrustedModuleError: Safe mode refuses an operation, an asset is not the module's own, or
            a link leads out of the folder.
    """

    def __init__(self, folder: Path, *, tags: Sequence[str] | None = None, where: str):
        check_links(folder, where=where)
        self.graph = read_graph(folder, tags=tags)
        check_assets(self.graph, folder / "assets", where=where)
        check_platform(self.graph, where=where)
        check_trust(self.graph, where=where)
        self._directory = tempfile.TemporaryDirectory(prefix="kerastl_tfhub_")
        self.folder = Path(self._directory.name)
        self._packed: PackedGraph | None = None
        _write_graph(self.graph, self.folder / "saved_model.pb")
        for name in self.graph.asset_names:
            _copy_asset(folder / "assets", self.folder / "assets", name)
        if (folder / "variables").is_dir():
            (self.folder / "variables").symlink_to((folder / "variables").resolve())

    @property
    def has_weights(self) -> bool:
        """Whether the values of its variables are included."""
        return (self.folder / "variables" / "variables.index").is_file()

    def pack(self) -> PackedGraph:
        """Returns the graph and its assets, without the variables, as text."""
        if self._packed is None:
            names = ["saved_model.pb", *(f"assets/{name}" for name in self.graph.asset_names)]
            self._packed = {
                name: base64.b64encode(lzma.compress((self.folder / name).read_bytes())).decode()
                for name in names
            }
        return self._packed


def unpack(packed: PackedGraph, *, where: str) -> StagedModule:
    """Returns the module that `StagedModule.pack` wrote, without weights.

    Raises:
        WeightsError: The text is damaged or names a file outside of a SavedModel.
        UntrustedModuleError: Safe mode refuses an operation.
    """
    with tempfile.TemporaryDirectory(prefix="kerastl_tfhub_") as directory:
        for name, text in packed.items():
            target = Path(directory) / _inside(name, where)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_bytes(name, text, where))
        return StagedModule(Path(directory), where=where)


@contextmanager
def refusing_damage(where: str) -> Iterator[None]:
    """Turns TensorFlow's error about the files of a module into one sentence.

    Raises:
        WeightsError: TensorFlow cannot read them.
    """
    try:
        yield
    except Exception as error:  # TensorFlow raises nearly anything on damaged bytes
        raise WeightsError(
            "The files of the module cannot be read.",
            where=where,
            received=str(error).strip().partition("\n")[0] or type(error).__name__,
            fix="Download or export the module again.",
        ) from error


def refuse_missing_weights(staged: StagedModule, folder: Path) -> None:
    """Checks that the values of a module's variables are there.

    Raises:
        WeightsError: They are not.
    """
    if staged.graph.has_variables and not staged.has_weights:
        raise WeightsError(
            "The module lacks the values of its variables.",
            where=str(folder),
            expected="variables/variables.index and the files that it names",
            fix="Download or export the module again.",
        )


def _write_graph(graph: Graph, path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    saved_model.meta_graphs.append(graph.meta)
    path.write_bytes(saved_model.SerializeToString(deterministic=True))


def _copy_asset(source: Path, target: Path, name: str) -> None:
    if not (source / name).is_file():
        raise WeightsError(
            "The module lacks a file that it names.",
            where=str(source),
            expected=name,
            fix="Download or export the module again.",
        )
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / name, target / name)


def _inside(name: str, where: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if name == "saved_model.pb" or (path.parts[:1] == ("assets",) and stays_inside(name)):
        return path
    raise WeightsError("The file names an unknown part.", where=where, received=name)


def _bytes(name: str, text: str, where: str) -> bytes:
    try:
        decompressor = lzma.LZMADecompressor()
        content = decompressor.decompress(base64.b64decode(text), _MAX_BYTES)
    except (lzma.LZMAError, ValueError) as error:
        raise WeightsError(
            "The graph in the file is damaged.", where=where, received=f"{name}: {error}"
        ) from None
    if not decompressor.eof:
        raise WeightsError(
            "The graph in the file is damaged.",
            where=where,
            received=f"{name}: truncated or too large",
        )
    return content
