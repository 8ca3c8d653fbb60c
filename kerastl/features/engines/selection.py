"""Selection of the engine for each purpose: candidates are compared with Keras, fastest first.

Convention: features that heads are only trained on may have reduced precision; features for scores
and predictions have the precision of the shipped model. The selection depends on the request, the
network, the number of examples and the machine, never on what is cached: results that are stored
beside the converted network only save the comparison.
"""

import contextlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from kerastl.features.cache.location import touch
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.agreement import Agreement, compare_features
from kerastl.features.engines.engine import EAGER_EXAMPLES, EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.offered import stored_offer
from kerastl.features.network import REFERENCE
from kerastl.files import write_text
from kerastl.records import to_values

Purpose = Literal["training", "scores"]

OPENVINO_HINT = (
    "OpenVINO was 1.4 to 1.8 times as fast with the two networks measured, 3 to 4 times on CPUs "
    "with bfloat16: pip install 'kerastl[fast]'"
)
_WORTH_CONVERTING = 30e9  # multiply-adds that Keras computes in the time that a conversion takes
_WORTH_CONVERTING_EXAMPLES = 256  # if the number of multiply-adds is not known
_FILE = "verdicts.json"


class EngineSelector:
    """Selects the engines for one network.

    Args:
        engines: The engines of the network; what earlier runs found is stored in their folder.
        requested: `"auto"`, or the engine that the config asks for.
    """

    def __init__(self, engines: NetworkEngines, requested: EngineName):
        self.engines = engines
        self.agreements: dict[str, Agreement] = {}
        self._requested = requested
        self._reference = engines.network.reference
        self._wants_reference = requested in ("keras", self._reference.split()[0])
        self._verdicts = {} if self._wants_reference else _read_verdicts(engines.folder)

    def select(self, purpose: Purpose, num_examples: int) -> str:
        """Returns the label of the engine for a purpose, trying candidates if that pays off.

        Args:
            purpose: `"training"` or `"scores"`.
            num_examples: Number of examples for this purpose, whether cached or not.
        """
        if not self._is_worth_trying(purpose, num_examples):
            return self._reference
        suitable = _suitable(self._candidates, purpose)
        return next((label for label in suitable if self._agrees(label)), self._reference)

    def likely(self, purpose: Purpose, num_examples: int) -> str:
        """Returns what `select` will return if engines that were not compared yet agree."""
        if not self._is_worth_trying(purpose, num_examples):
            return self._reference
        refused = {label for label, verdict in self._verdicts.items() if not verdict["agrees"]}
        suitable = _suitable(self._candidates, purpose)
        return next((label for label in suitable if label not in refused), self._reference)

    @cached_property
    def _candidates(self) -> list[str]:
        """The engines other than the reference that may be used, fastest first."""
        folder = self.engines.folder
        if self.engines.network.extractor is not None:
            return [f"{openvino_engine.NAME} {one}" for one in openvino_engine.precisions()]
        offered = stored_offer(None if folder is None else folder.parent)
        if offered.lacks_openvino:
            self.engines.progress.note(f"Keras computes the features. {OPENVINO_HINT}")
        *others, _ = offered.labels
        return [label for label in others if self._requested in ("auto", label.split()[0])]

    def _is_worth_trying(self, purpose: Purpose, num_examples: int) -> bool:
        if self._wants_reference:
            return False
        if self._requested == "openvino":
            return num_examples > 0
        if purpose == "scores" and num_examples <= EAGER_EXAMPLES:
            return False
        cost = self.engines.network.multiply_adds
        if not cost:
            return num_examples >= _WORTH_CONVERTING_EXAMPLES
        return num_examples * cost >= _WORTH_CONVERTING

    def _agrees(self, label: str) -> bool:
        if label not in self._verdicts:
            self._verdicts[label] = self._verdict(label)
            self._write_verdicts()
        return bool(self._verdicts[label]["agrees"])

    def _verdict(self, label: str) -> dict[str, Any]:
        engine = self.engines.engine(label)
        if engine.label == self._reference:
            return {"agrees": False}
        output, speed = self.engines.timed_sample_output(label)
        agreement = compare_features(
            self.engines.reference_output, output, engine.precision, per_second=speed
        )
        self.agreements[label] = agreement
        self.engines.progress.note(_agreement_text(label, agreement, self._reference))
        return dict(to_values(agreement))

    def _write_verdicts(self) -> None:
        if self.engines.folder is None:
            return
        text = json.dumps(self._verdicts, indent=1)
        with contextlib.suppress(OSError):
            write_text(self.engines.folder / _FILE, text)


def _suitable(candidates: Sequence[str], purpose: Purpose) -> list[str]:
    """Returns the candidates whose precision is sufficient for a purpose, in their order."""
    return [label for label in candidates if purpose == "training" or label.endswith("float32")]


def _read_verdicts(folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        found = dict(json.loads((folder / _FILE).read_text()))
    except (OSError, ValueError):
        return {}
    touch(folder / _FILE)
    return {label: verdict for label, verdict in found.items() if isinstance(verdict, dict)}


def _agreement_text(label: str, agreement: Agreement, reference: str) -> str:
    expected = "Keras" if reference == REFERENCE else reference
    if not agreement.agrees:
        return (
            f"{label} is not used: its features differ from those of {expected} by "
            f"{agreement.difference:.2%} of their variation, more than {agreement.limit:.1%}."
        )
    return (
        f"{label}: {agreement.per_second:,.0f}/s; on {agreement.num_examples} examples its "
        f"features differ from those of {expected} by {agreement.difference:.2g} of their "
        f"variation (at most {agreement.limit:g})."
    )
