"""Modules in TF1's format, made into TF2 modules that compute the same."""

import tempfile
from pathlib import Path

from kerastl.backbones import BackboneError
from kerastl_tfhub.graph import CONVERTED, Graph
from kerastl_tfhub.saving import StagedModule

_TABLES = ("HashTable", "HashTableV2", "MutableHashTableV2", "LookupTableFind", "LookupTableFindV2")


def converted(staged: StagedModule, *, signature: str | None, where: str) -> StagedModule:
    """Returns a TF2 module with one signature, `serving_default`, of a module in TF1's format.

    Args:
        staged: The module.
        signature: Name of its signature; None takes `default`, `serving_default` or the only one.
        where: Handle or file, for messages.

    Raises:
        BackboneError: It has no such signature, or it uses tables, whose content TF1's format
            keeps in a session.
    """
    import tensorflow as tf

    _refuse_tables(staged.graph, where)
    loaded = tf.saved_model.load(str(staged.folder), tags=list(staged.graph.tags))
    function = loaded.signatures[choose_signature(list(loaded.signatures), signature, where)]
    module = tf.Module()
    module.function = function
    module.all_variables = list(loaded.variables)
    setattr(module, CONVERTED, tf.constant(True))
    with tempfile.TemporaryDirectory(prefix="kerastl_tfhub_") as directory:
        tf.saved_model.save(module, directory, signatures={"serving_default": function})
        return _kept(Path(directory), where)


def choose_signature(names: list[str], wanted: str | None, where: str) -> str:
    """Returns the wanted signature, or the one that modules call by default.

    Raises:
        BackboneError: There is no such signature, or several and none is the default.
    """
    candidates = [wanted] if wanted else ["serving_default", "default", *names[:1]]
    found = [name for name in candidates if name in names]
    if found and (wanted or len(names) == 1 or found[0] in ("serving_default", "default")):
        return found[0]
    raise BackboneError(
        "The module has no such signature." if wanted else "The module has several signatures.",
        where=where,
        expected=f"one of {', '.join(sorted(names))}" if names else "a signature",
        received=wanted,
        fix="Name one in the option 'signature'." if names else None,
    )


def _refuse_tables(graph: Graph, where: str) -> None:
    found = sorted({node.op for _, node in graph.operations() if node.op in _TABLES})
    if found:
        raise BackboneError(
            "The module is in TF1's format and looks things up in tables, which can't be kept.",
            where=where,
            received=", ".join(found),
            fix="Use a TF2 version of the module.",
        )


def _kept(folder: Path, where: str) -> StagedModule:
    """Returns a staged copy that owns its variables, since `folder` is about to vanish."""
    staged = StagedModule(folder, where=where)
    variables = staged.folder / "variables"
    source = variables.resolve()
    variables.unlink()
    source.rename(variables)
    return staged
