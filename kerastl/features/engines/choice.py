"""Which engine is used for what: candidates in order, each tried against Keras once.

Convention: heads may be solved on features of reduced precision (`fast`); what is reported comes
from features in the precision of the shipped model (`exact`). What was found about a network is
kept beside its converted form, so that a later run knows without trying.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from kerastl.features.cache.folder import touch
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.agreement import Agreement, compare, output_of, timed_output
from kerastl.features.engines.engine import Engine
from kerastl.features.engines.keras_engine import (
    EAGER_EXAMPLES,
    XLA_NAME,
    KerasEngine,
    has_gpu,
    mixed_precision_engine,
)
from kerastl.files import write_text
from kerastl.progress import Progress

Need = Literal["fast", "exact"]
EngineName = Literal["auto", "keras", "openvino"]

REFERENCE = "keras float32"

_VERDICTS = "verdicts.json"
_WORTH_CONVERTING = 30e9  # multiply-adds that Keras does in the time that a conversion takes
_WORTH_CONVERTING_EXAMPLES = 256  # where the multiply-adds aren't known


class Engines:
    """The engines for one network.

    Args:
        network: From raw input to features.
        dtype: Type of the arrays that come in.
        asked: `"auto"`, or the engine that the config fixes.
        folder: Where the converted network and the verdicts are kept, or None.
        sample: Called for the raw inputs of the examples on which engines are compared.
        progress: Told what is used, and why.
    """

    def __init__(
        self,
        network: keras.Model,
        dtype: np.dtype,
        *,
        asked: EngineName,
        folder: Path | None,
        sample: Callable[[], np.ndarray],
        progress: Progress,
    ):
        self.network = network
        self.dtype = dtype
        self.asked = asked
        self.folder = folder
        self.progress = progress
        self.num_missing = 2**31
        self.verdicts: dict[str, Agreement] = {}
        self._sample = sample
        self._engines: dict[str, Engine] = {}
        self._unable: set[str] = set()
        self._outputs: dict[str, tuple[np.ndarray, float]] = {}
        self._known = _read_verdicts(folder) if asked != "keras" else {}
        self._candidates: list[str] | None = self._known.pop("candidates", None)

    def known(self, need: Need) -> str | None:
        """Returns the engine that earlier runs found for a need, or None."""
        if self.asked == "keras":
            return REFERENCE
        for label in self._ordered(need, self._candidates or []):
            verdict = self._known.get(label)
            if verdict is None:
                return None
            if verdict["agrees"]:
                return label
        return REFERENCE if self._candidates else None

    def choose(self, need: Need, num_missing: int) -> str:
        """Returns the label of the engine for a need, trying candidates where it pays.

        Args:
            need: `"fast"` or `"exact"`.
            num_missing: Number of examples that it would compute.
        """
        if need == "exact" and self.asked == "auto" and num_missing <= EAGER_EXAMPLES:
            return REFERENCE
        if not self._is_worth_trying(num_missing):
            return self.engine(self.known(need) or REFERENCE).label
        chosen = next(
            (label for label in self._ordered(need, self._found_candidates) if self._agrees(label)),
            REFERENCE,
        )
        self._write_verdicts()
        return chosen

    def engine(self, label: str) -> Engine:
        """Returns the engine with a label, made on first use; Keras where that fails."""
        name = label.split()[0]
        if label not in self._engines and name in self._unable:
            self._engines[label] = self.reference
        if label not in self._engines:
            try:
                self._engines[label] = self._make(label)
            except Exception as error:
                # Converters raise nearly anything about operations that they don't know.
                self.progress.note(f"{name} can't run this network ({_telling_line(error)}).")
                self._unable.add(name)
                self._engines[label] = self.reference
        return self._engines[label]

    @cached_property
    def reference(self) -> KerasEngine:
        """Keras itself."""
        return KerasEngine(self.network, self.dtype, num_examples=self.num_missing)

    @cached_property
    def sample(self) -> np.ndarray:
        """Raw inputs of the examples on which engines are compared."""
        return self._sample()

    @property
    def reference_output(self) -> np.ndarray:
        """Keras's output for the sample."""
        return self._reference_output.result()

    def sample_output(self, label: str) -> np.ndarray:
        """Returns an engine's output for the sample."""
        if label == REFERENCE:
            return self.reference_output
        return self._tried(label)[0]

    @cached_property
    def _found_candidates(self) -> list[str]:
        if has_gpu():
            return [f"{XLA_NAME} float16"] if self.asked == "auto" else []
        if keras.backend.backend() != "tensorflow" or not openvino_engine.is_installed():
            if self.asked == "openvino":
                self.progress.note("OpenVINO isn't installed here: the features come from Keras.")
            return []
        return [f"{openvino_engine.NAME} {name}" for name in openvino_engine.precisions()]

    def _ordered(self, need: Need, candidates: list[str]) -> list[str]:
        return [label for label in candidates if need == "fast" or label.endswith("float32")]

    def _is_worth_trying(self, num_missing: int) -> bool:
        if self.asked == "openvino":
            return num_missing > 0
        cost = multiply_adds(self.network)
        if not cost:
            return num_missing >= _WORTH_CONVERTING_EXAMPLES
        return num_missing * cost >= _WORTH_CONVERTING

    def _agrees(self, label: str) -> bool:
        engine = self.engine(label)
        if engine is self.reference:
            self._known[label] = {"agrees": False}
            return False
        output, speed = self._tried(label)
        verdict = compare(self.reference_output, output, engine.precision, per_second=speed)
        self.verdicts[label] = verdict
        self._known[label] = verdict.facts()
        if not verdict.agrees:
            self.progress.note(
                f"{label} isn't used: its features differ by {verdict.difference:.2%} of their "
                f"variation from Keras's, more than {verdict.limit:.1%}."
            )
            return False
        self.progress.note(
            f"{label}: {speed:,.0f}/s; on {verdict.num_examples} examples its features differ from "
            f"Keras's by {verdict.difference:.2g} of their variation (at most {verdict.limit:g})."
        )
        return True

    @cached_property
    def _reference_output(self) -> Future[np.ndarray]:
        """Computed in a thread, while the network is being converted."""
        pool = ThreadPoolExecutor(1)
        found = pool.submit(lambda: output_of(self.reference, self.sample))
        pool.shutdown(wait=False)
        return found

    def _tried(self, label: str) -> tuple[np.ndarray, float]:
        if label not in self._outputs:
            self._outputs[label] = timed_output(self.engine(label), self.sample)
        return self._outputs[label]

    def _make(self, label: str) -> Engine:
        name, precision = label.split()
        if name == XLA_NAME:
            return mixed_precision_engine(self.network, self.dtype)
        if name == openvino_engine.NAME:
            return openvino_engine.OpenvinoEngine(
                self._converted, precision, self.reference.output_shape
            )
        return self.reference

    @cached_property
    def _converted(self) -> Any:
        if not openvino_engine.is_kept(self.folder):
            # Traced here, because two threads would trace it twice.
            _ = self.reference.concrete_function, self._reference_output
        return openvino_engine.converted(self.reference, self.folder)

    def _write_verdicts(self) -> None:
        if self.folder is None:
            return
        text = json.dumps({"candidates": self._found_candidates, **self._known}, indent=1)
        with contextlib.suppress(OSError):
            write_text(self.folder / _VERDICTS, text)


def multiply_adds(network: keras.Model) -> int:
    """Returns about how many multiplications one example costs, 0 where layers don't tell.

    Every value that a layer with a kernel gives costs the kernel's values per output channel.
    """
    return sum(_multiply_adds(layer) for layer in network.layers)


def _multiply_adds(layer: Any) -> int:
    if isinstance(layer, keras.Model):
        return multiply_adds(layer)
    kernel = getattr(layer, "kernel", None)
    shape = getattr(layer, "output", None)
    if kernel is None or shape is None:
        return 0
    places = int(np.prod([side or 1 for side in shape.shape[1:-1]]))
    return places * int(np.prod(kernel.shape))


def _read_verdicts(folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        found: Mapping[str, Any] = json.loads((folder / _VERDICTS).read_text())
    except (OSError, ValueError):
        return {}
    touch(folder / _VERDICTS)
    return dict(found)


def _telling_line(error: Exception) -> str:
    """Returns the line that says why: OpenVINO's begins with two dashes."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    telling = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return (telling or lines)[0][:120]
