"""How features were obtained, as frozen records that need no framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class PassFacts:
    """How the features for one purpose were obtained; times are in seconds."""

    engine: str
    examples: int
    computed: int  # examples whose features were not cached
    seconds: float | None = None
    waited_for_inputs_seconds: float | None = None
    decoding_thread_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The difference of an engine from Keras on some examples, and the largest allowed one.

    Args:
        num_examples: Number of examples on which they were compared.
        difference: Root mean square error divided by the standard deviation of the features.
        limit: Largest `difference` at which the engine is used.
        per_second: Speed of the engine in examples per second, or None if it was not measured.
    """

    num_examples: int
    difference: float
    limit: float
    per_second: float | None
    agrees: bool = field(init=False)  # whether the engine may be used

    def __post_init__(self) -> None:
        object.__setattr__(self, "agrees", bool(self.difference <= self.limit))


@dataclass(frozen=True, kw_only=True)
class ExtractionFacts:
    """How features were obtained: for training, for scores, and the engines that were tried."""

    training: PassFacts | None = None
    scores: PassFacts | None = None
    agreement: Mapping[str, Agreement]
