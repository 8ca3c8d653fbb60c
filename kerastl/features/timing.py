"""Timing of extractions."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from kerastl.data.inputs.streams import Part


class ExtractionClock:
    """Measures how long the network waits for inputs, and how long threads decode them."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._waited = 0.0
        self._decoded = 0.0

    def watch(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Yields the parts, measuring how long each takes to arrive."""
        while True:
            asked = time.perf_counter()
            part = next(parts, None)
            self._waited += time.perf_counter() - asked
            if part is None:
                return
            self._decoded += part.seconds
            yield part

    def seconds(self) -> dict[str, float]:
        """Returns the total seconds, the seconds of waiting, and those of the decoding threads."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "waited_for_inputs_seconds": round(self._waited, 3),
            "decoding_thread_seconds": round(self._decoded, 3),
        }


def extraction_text(purpose: str, facts: Mapping[str, Any]) -> str:
    """Returns a sentence about what was cached and what was computed, and how fast."""
    computed, cached = facts["computed"], facts["examples"] - facts["computed"]
    text = f"Features for {purpose}: {cached:,} from the cache"
    if not computed:
        return f"{text}."
    speed = computed / max(facts["seconds"], 1e-9)
    return (
        f"{text}, {computed:,} by {facts['engine']} in {facts['seconds']:.1f} s ({speed:,.0f}/s; "
        f"decoding took {facts['decoding_thread_seconds']:.1f} s of threads, the network waited "
        f"{facts['waited_for_inputs_seconds']:.1f} s for it)."
    )
