"""Verdicts on engines that are stored beside the converted network, so that later runs know them.

Convention: features that heads are only trained on may have reduced precision; features for scores
and predictions have the precision of the shipped model.
"""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kerastl.features.cache.location import touch
from kerastl.files import write_text

Purpose = Literal["training", "scores"]
EngineName = Literal["auto", "keras", "openvino"]

REFERENCE = "keras float32"

_FILE = "verdicts.json"


class Verdicts:
    """Which engines were tried for a network, and which of them agree with Keras.

    Args:
        folder: Folder of the converted network, or None to store nothing.
        requested: The engine that the config asks for.
    """

    def __init__(self, folder: Path | None, requested: EngineName):
        self._folder = folder
        self._requested = requested
        self._by_engine = _read(folder) if requested != "keras" else {}
        self._candidates: Sequence[str] = self._by_engine.pop("candidates", ())

    def engine_for(self, purpose: Purpose) -> str | None:
        """Returns the engine that earlier runs chose for a purpose, or None."""
        if self._requested == "keras":
            return REFERENCE
        for engine in suitable_engines(self._candidates, purpose):
            verdict = self._by_engine.get(engine)
            if verdict is None:
                return None
            if verdict["agrees"]:
                return engine
        return REFERENCE if self._candidates else None

    def add(self, engine: str, facts: dict[str, Any]) -> None:
        """Adds the verdict on an engine; `facts["agrees"]` says whether it may be used."""
        self._by_engine[engine] = facts

    def write(self, candidates: Sequence[str]) -> None:
        """Stores all verdicts, if the folder can be written.

        Args:
            candidates: Engines that this machine offers, in order of preference.
        """
        if self._folder is None:
            return
        text = json.dumps({"candidates": list(candidates), **self._by_engine}, indent=1)
        with contextlib.suppress(OSError):
            write_text(self._folder / _FILE, text)


def suitable_engines(candidates: Sequence[str], purpose: Purpose) -> list[str]:
    """Returns the candidates whose precision is sufficient for a purpose, in their order."""
    return [name for name in candidates if purpose == "training" or name.endswith("float32")]


def _read(folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        found = dict(json.loads((folder / _FILE).read_text()))
    except (OSError, ValueError):
        return {}
    touch(folder / _FILE)
    return found
