"""Selection of the engine for each purpose: candidates are compared with Keras, fastest first."""

from functools import cached_property

import keras

from kerastl.features.engines import openvino_engine
from kerastl.features.engines.agreement import Agreement, compare_features
from kerastl.features.engines.keras_engine import EAGER_EXAMPLES, XLA_NAME, has_gpu
from kerastl.features.engines.known_verdicts import (
    REFERENCE,
    EngineName,
    Purpose,
    Verdicts,
    suitable_engines,
)
from kerastl.features.engines.multiply_adds import multiply_adds
from kerastl.features.engines.network_engines import NetworkEngines

_WORTH_CONVERTING = 30e9  # multiply-adds that Keras computes in the time that a conversion takes
_WORTH_CONVERTING_EXAMPLES = 256  # if the number of multiply-adds is not known


class EngineSelector:
    """Selects the engines for one network.

    Args:
        engines: The engines of the network.
        requested: `"auto"`, or the engine that the config asks for.
        verdicts: What earlier runs found; None reads it from the folder of the engines.
    """

    def __init__(
        self, engines: NetworkEngines, requested: EngineName, verdicts: Verdicts | None = None
    ):
        self.engines = engines
        self.verdicts = verdicts or Verdicts(engines.folder, requested)
        self.agreements: dict[str, Agreement] = {}
        self._requested = requested

    def select(self, purpose: Purpose, num_examples: int) -> str:
        """Returns the label of the engine for a purpose, trying candidates if that pays off.

        Args:
            purpose: `"training"` or `"scores"`.
            num_examples: Number of examples to compute for this purpose.
        """
        if purpose == "scores" and self._requested == "auto" and num_examples <= EAGER_EXAMPLES:
            return REFERENCE
        if not self._is_worth_trying(num_examples):
            return self.engines.engine(self.verdicts.engine_for(purpose) or REFERENCE).label
        suitable = suitable_engines(self._candidates, purpose)
        selected = next((label for label in suitable if self._agrees(label)), REFERENCE)
        self.verdicts.write(self._candidates)
        return selected

    @cached_property
    def _candidates(self) -> list[str]:
        if has_gpu():
            return [f"{XLA_NAME} float16"] if self._requested == "auto" else []
        if keras.backend.backend() != "tensorflow" or not openvino_engine.is_installed():
            if self._requested == "openvino":
                self.engines.progress.note(
                    "OpenVINO is not installed: Keras computes the features."
                )
            return []
        return [f"{openvino_engine.NAME} {name}" for name in openvino_engine.precisions()]

    def _is_worth_trying(self, num_examples: int) -> bool:
        if self._requested == "openvino":
            return num_examples > 0
        cost = multiply_adds(self.engines.network)
        if not cost:
            return num_examples >= _WORTH_CONVERTING_EXAMPLES
        return num_examples * cost >= _WORTH_CONVERTING

    def _agrees(self, label: str) -> bool:
        engine = self.engines.engine(label)
        if engine is self.engines.reference:
            self.verdicts.add(label, {"agrees": False})
            return False
        output, speed = self.engines.timed_sample_output(label)
        agreement = compare_features(
            self.engines.reference_output, output, engine.precision, per_second=speed
        )
        self.agreements[label] = agreement
        self.verdicts.add(label, agreement.facts())
        self.engines.progress.note(_agreement_text(label, agreement))
        return agreement.agrees


def _agreement_text(label: str, agreement: Agreement) -> str:
    if not agreement.agrees:
        return (
            f"{label} is not used: its features differ from those of Keras by "
            f"{agreement.difference:.2%} of their variation, more than {agreement.limit:.1%}."
        )
    return (
        f"{label}: {agreement.per_second:,.0f}/s; on {agreement.num_examples} examples its "
        f"features differ from those of Keras by {agreement.difference:.2g} of their variation "
        f"(at most {agreement.limit:g})."
    )
